"""What the middlewares share: options checked and converted, and the engines made from them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from coatcheck import _core
from coatcheck._duration import Duration, milliseconds
from coatcheck._json import decode, encode
from coatcheck._loops import PerLoop
from coatcheck._place import StorePlace, default_store
from coatcheck._pruning import Pruning
from coatcheck._tagged import decode_tagged, encode_flask, encode_tagged
from coatcheck.errors import ConfigError, Error, SecretWarning, UsageError

if TYPE_CHECKING:
    from coatcheck.jwt import Key

__all__ = [
    "ForeignSource",
    "Mode",
    "NearCache",
    "NearCacheStats",
    "OnUnknown",
    "Owner",
    "Secrets",
    "Service",
    "SessionOptions",
    "StoreStats",
    "cookie_options",
    "default_store",
    "environment_secret",
    "foreign_sources",
    "make_service",
    "near_cache_option",
    "token_options",
]

Secrets = str | bytes | Sequence[str | bytes]
OnUnknown = Literal["closed", "open"]
Mode = Literal["store", "jwt", "jwe", "starlette"]  # the last one under coatcheck.starlette alone
SessionEvent = Literal["gone", "conflict", "untouched", "damaged", "late"]
OnEvent = Callable[[SessionEvent, Error], object]
LifeEvent = Literal["created", "destroyed", "expired"]
OnSession = Callable[[LifeEvent, Any], object]
Owner = Callable[[Any], str | None]  # whose session it is, from its data

log = logging.getLogger("coatcheck")
VARY, NO_STORE = _core.HEADER_VARY, _core.HEADER_NO_STORE  # of Service.headers_of
_QUIET = 60.0  # seconds between two log lines of one kind


def environment_secret() -> str | None:
    """The secret from COATCHECK_SECRET, for services that are given none."""
    return os.environ.get("COATCHECK_SECRET") or None


class ForeignSource(TypedDict, total=False):
    """Where sessions were before. Sessions in a cookie: "flask", "starlette", "django"; records: "flask-session",
    "express-session", "starsessions"."""

    format: str
    url: str  # of records: the Redis with ?layout=flask-session, connect-redis or starsessions; &prefix= if not usual
    secrets: Secrets  # that its cookies were signed with; else this service's own
    cookie_name: str  # else the format's usual name
    max_age: Duration  # how old a session in a cookie may be; else the format's usual age
    keep: bool  # leave the record where it was, for services that have not moved yet


class _Affinity(TypedDict):
    node: str


class Affinity(_Affinity, total=False):
    cookie: str


class _NearCache(TypedDict):
    size: int  # bytes, bookkeeping included: 65,536 to 1 TiB


class NearCache(_NearCache, total=False):
    max_stale: Duration | None  # how old an answer may be: 50 ms to 60 s; 2 seconds


class NearCacheStats(TypedDict):
    """Of a near-cache since it was opened; entries and bytes are those of now."""

    hits: int  # reads that were answered at once
    misses: int  # reads that asked the store
    joined: int  # reads that waited for another one's answer, of the same key
    lease_refusals: int  # of the misses: it was there, but the server had not been heard for too long
    invalidations: int  # changes that the server told of
    echoes: int  # of the invalidations: taken for what was written here
    evictions: int  # for room
    epoch_bumps: int  # everything was dropped: messages were lost, the servers changed or were emptied
    entries: int
    bytes: int
    max_bytes: int
    trouble: str  # why the server tells of no changes, so that each read asks it; "": it does


class _StoreStats(TypedDict):
    entries: int
    bytes: int
    max_bytes: int  # 0: no bound of its own


class StoreStats(_StoreStats, total=False):
    """Of all that a store keeps. A remote store is walked for it."""

    near_cache: NearCacheStats


class SessionOptions(TypedDict, total=False):
    """What the WSGI and the ASGI middleware both take, beside a secret, a store and the cookie's settings.

    Times are seconds or timedeltas. What is left out, or None, is as the core has it.
    """

    idle_timeout: Duration | None  # without a request for this long a session ends; 1 hour
    absolute_timeout: Duration | None  # it never lives longer; 24 hours, 0: unbounded
    # For so long after regenerate() a request that had read the session before writes into its successor; 30 seconds.
    regenerate_grace: Duration | None
    touch_share: float | None  # of the idle timeout that passes before the deadline is moved; 0.1
    rolling: bool  # send the cookie with every response
    on_conflict: str  # when two requests changed one value in two ways: "mine" (the later), "theirs", "reject"
    # Half a surrogate pair, left where a string was cut inside a character: "replace" it by U+FFFD, or "refuse" it.
    lone_surrogates: str
    max_payload: int | None  # bytes of JSON; 1 MiB
    max_members: int | None  # members and elements, all together; 20,000
    conflict_retries: int | None  # compare-and-set attempts of a commit before SessionConflict; 100
    id_bytes: int | None  # of randomness in a new session id, 16 to 64; 32
    # Encryption at rest, under the secret. True seals what is stored and reads nothing else; "migrate" reads what was
    # stored before, too; "prepare" does not seal yet, and reads what other services seal.
    encrypt: bool | str | None
    # Answers reads of a Redis store from this process, as near_cache= and max_stale= of its URL: {"size": 64 << 20}.
    # One cache for each event loop, or each thread that waits.
    near_cache: NearCache | None
    # Every so often, 1 second to 1 day, one of all processes on the store drops what has expired, at the end of a
    # request. None: each write drops a few. Redis does it by itself.
    prune_interval: Duration | None
    merge: dict[str, str] | None  # rules by path, before on_conflict: {"visits": "sum", "cart.*.n": "max"}
    # "plain" JSON; "flask": datetime, bytes, tuple, UUID and Markup as what they are, by Flask's tags; "tagged": set
    # and large int, too. JavaScript reads them with its own `types: 'tagged'`.
    types: str
    # What a request that looks at its session gets while the store does not answer: "closed" a 503, "open" an empty
    # session that is never saved.
    on_unknown: OnUnknown
    # "store"; "jwt" keeps the session in its cookie, signed and readable, "jwe" sealed, and asks the store when a
    # refresh is due, after `access_ttl` (5 minutes).
    mode: Mode
    access_ttl: Duration | None
    refresh_grace: Duration | None  # for so long a cookie that was replaced gets its successor; 10 seconds
    check_epoch: bool  # ask the store at each request of a session that has an owner
    token_keys: Key | Sequence[Key] | None  # to sign or seal with in place of the secret's, newest first
    # Told what an automatic commit could not store: "gone" (the session was ended meanwhile), "conflict", or
    # "untouched" (only the deadline was to move: the request is answered all the same); and of a
    # record that is there and can't be read, when somebody looks at the session: "damaged"; and of what changed when
    # the headers had gone and the cookie could not be sent any more: "late".
    on_event: OnEvent | None
    # Told of sessions that this process stored under a new id, ("created", id), or ended, ("destroyed", id): of one
    # that got a new id, both. And of how many entries pruning dropped whose time was over, ("expired", count); which
    # they were nobody says, and those that a write drops on its way, or Redis, are not counted.
    on_session: OnSession | None
    # Sessions of other packages, read on the way in: whoever has one there goes on with it here, under a new id. Take a
    # source in cookies away when its max_age is over: until then a copy of such a cookie is a login.
    migrate_from: Sequence[str | ForeignSource] | None
    # Sticky sessions: this process' name at the balancer (1 to 64 letters, digits, ".", "_", "-"). The browser is told
    # by a cookie of its own ("route", or `cookie`), and again when its session comes here from another node.
    affinity: str | Affinity | None
    owner: Owner | None  # the session's owner, or None: what RefreshTokens lists and revokes by
    clock: _core.ManualClock | None  # for tests


def cookie_options(
    cookie_name: str | None,
    max_age: Duration | None,
    domain: str | None,
    path: str,
    http_only: bool,
    secure: str,
    same_site: str,
    partitioned: bool,
) -> dict[str, Any]:
    """The cookie's settings of a middleware, as the core takes them."""
    return {
        "cookie_name": cookie_name,
        "max_age": milliseconds(max_age, "max_age"),
        "domain": domain,
        "path": path,
        "http_only": http_only,
        "secure": secure,
        "same_site": same_site,
        "partitioned": partitioned,
    }


def make_service(
    secret: Secrets | None,
    store: str | StorePlace | None,
    cookie: Mapping[str, Any],
    given: SessionOptions,
    before: Mapping[str, Any] | None = None,
) -> Service:
    """A Service from a middleware's arguments; ``cookie`` is as the core takes it, ``before`` what is usual of
    sessions that were in a cookie before (migrate_from)."""
    unknown = given.keys() - SessionOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"unknown option '{min(unknown)}'; there are: {', '.join(SessionOptions.__annotations__)}")
    rest: dict[str, Any] = dict(given)
    spans = ("idle_timeout", "absolute_timeout", "access_ttl", "refresh_grace", "regenerate_grace")
    idle, absolute, access_ttl, refresh_grace, regenerate_grace = (
        milliseconds(rest.pop(name, None), name) for name in spans
    )
    on_unknown, owner = rest.pop("on_unknown", None) or "closed", rest.pop("owner", None)
    rest["migrate_from"] = foreign_sources(
        rest.get("migrate_from"), secret if secret is not None else environment_secret(), before or {}
    )
    rest["near_cache"] = near_cache_option(rest.get("near_cache"))
    on_session = rest.pop("on_session", None)
    prune_interval = milliseconds(rest.pop("prune_interval", None), "prune_interval")
    on_event, types = rest.pop("on_event", None), rest.pop("types", None) or "plain"
    tokens = token_options(
        rest.pop("mode", None), access_ttl, refresh_grace, rest.pop("check_epoch", None), rest.pop("token_keys", None)
    )
    return Service(
        {
            "secrets": secret if secret is not None else environment_secret(),
            "store": default_store(store),
            "idle_timeout": idle,
            "absolute_timeout": absolute,
            "regenerate_grace": regenerate_grace,
            **cookie,
            **tokens,
            **rest,
        },
        on_unknown,
        owner,
        on_event,
        types=types,
        on_session=on_session,
        prune_interval=prune_interval,
    )


def near_cache_option(given: NearCache | None) -> dict[str, Any] | None:
    """``near_cache`` as the core takes it."""
    if given is None or not isinstance(given, Mapping):
        return given
    return {**given, "max_stale": milliseconds(given.get("max_stale"), "near_cache: max_stale")}


def foreign_sources(
    given: Sequence[str | ForeignSource] | None, secrets: Secrets | None, usual: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """``migrate_from`` as the core takes it; ``usual``: of sessions in a cookie, where nothing else is said."""
    if not given:
        return None
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigError("migrate_from must be a list of formats, or of dicts with a format", "ERR_INVALID_OPTION")
    sources = []
    for one in given:
        source: dict[str, Any] = {"format": one} if isinstance(one, str) else dict(one)
        if "url" not in source:
            source = {**usual, **source}
        signed = source.get("secrets", () if source.get("format") == "flask-session" else secrets) or ()
        source["secrets"] = [signed] if isinstance(signed, str | bytes) else list(signed)
        if source.get("max_age") is not None:
            source["max_age"] = milliseconds(source["max_age"], "migrate_from: max_age")
        sources.append(source)
    return sources


def token_options(
    mode: str | None,
    access_ttl: int | None,
    refresh_grace: int | None,
    check_epoch: bool | None,
    token_keys: Key | Sequence[Key] | None,
) -> dict[str, Any]:
    """Options of sessions in their cookie. Raises ConfigError for one that the mode has no use for."""
    chosen = {
        "access_ttl": access_ttl,
        "refresh_grace": refresh_grace,
        "check_epoch": check_epoch or None,
        "token_keys": _native_keys(token_keys),
    }
    if mode is not None and mode != "store":
        return {"mode": mode, **chosen}
    for name, value in chosen.items():
        if value is not None:
            raise ConfigError(f'{name} needs mode "jwt" or "jwe"', "ERR_INVALID_OPTION")
    return {}


def _native_keys(given: Key | Sequence[Key] | None) -> list[_core.JwtKey] | None:
    """None for none given. An empty list is no way to ask for the secret's own keys: it is refused."""
    if given is None:
        return None
    from coatcheck.jwt import Key  # not loaded for those who use no tokens

    keys = [given] if isinstance(given, Key) else list(given) if isinstance(given, list | tuple) else []
    if not keys or any(not isinstance(one, Key) for one in keys):
        raise ConfigError("token_keys must be a coatcheck.jwt.Key, or several, newest first", "ERR_INVALID_OPTION")
    return [one.native for one in keys]


_CODECS: dict[str, tuple[Callable[[Any], str], Callable[[str], dict[str, Any]]]] = {
    "plain": (encode, decode),
    "flask": (encode_flask, decode_tagged),
    "tagged": (encode_tagged, decode_tagged),
}


class Service:
    """One middleware's options. Engines on remote stores are made per event loop, when it is first seen."""

    def __init__(
        self,
        options: Mapping[str, Any],
        on_unknown: str = "closed",
        owner: Owner | None = None,
        on_event: OnEvent | None = None,
        warn: bool = True,  # of secrets that are too short
        types: str = "plain",
        on_session: OnSession | None = None,
        prune_interval: int | None = None,  # ms
    ) -> None:
        if types not in _CODECS:
            raise ConfigError('types must be one of "plain", "flask", "tagged"', "ERR_INVALID_OPTION")
        self.encode, self.decode = _CODECS[types]
        if on_unknown not in ("closed", "open"):
            raise ConfigError('on_unknown must be one of "closed", "open"', "ERR_INVALID_OPTION")
        self.options = {name: value for name, value in options.items() if value is not None}
        if owner is not None and not callable(owner):
            raise ConfigError("owner must be a function of the session", "ERR_INVALID_OPTION")
        if on_event is not None and not callable(on_event):
            raise ConfigError("on_event must be a function of an event and an error", "ERR_INVALID_OPTION")
        if on_session is not None and not callable(on_session):
            raise ConfigError("on_session must be a function of an event and what it is of", "ERR_INVALID_OPTION")
        self.on_session = on_session
        self.pruning = Pruning(prune_interval, self._pruned) if prune_interval else None
        self.on_unknown = on_unknown
        self.on_event = on_event
        self.owner = owner
        self.in_cookie = self.options.get("mode", "store") != "store"  # the cookie carries the session itself
        # Flask alone has these: how long a permanent session lives, in ms, and whether every request counts as secure.
        self.permanent_lifetime: Callable[[], int | None] = lambda: None
        self.always_secure = False
        self.engine = _core.Engine(**self.options)
        self.remote = self.engine.remote
        self.end_table = self.engine.end_table
        self._headers = [
            self.engine.response_headers(sends, looked) for looked in (False, True) for sends in (False, True)
        ]
        self.untouched = 0  # deadlines that the store did not take
        self._quiet_until = 0.0
        self._engines = PerLoop(lambda loop: _core.AsyncEngine(loop, **self.options))
        for warning in self.engine.warnings if warn else ():
            warnings.warn(warning, SecretWarning, stacklevel=4)

    def async_engine(self) -> _core.AsyncEngine:
        """The engine of the running loop, with connections of its own. For remote stores."""
        return self._engines.here()

    def stats(self) -> StoreStats:
        """Waits for the store. The near-cache's figures are those of a thread that waits (WSGI)."""
        return cast(StoreStats, self.engine.stats())

    async def stats_here(self) -> StoreStats:
        """From the running loop; the near-cache's figures are this loop's."""
        return cast(StoreStats, await self.async_engine().stats() if self.remote else self.engine.stats())

    def close(self) -> None:
        """Ends all work; what comes later fails with a StoreError."""
        self._engines.close()
        self.engine.close()

    def tell_life(self, outcome: str | None, before: str | None, after: str | None) -> None:
        """Tells the application's hook what became of a session: ``before``, ``after``: its ids."""
        if self.on_session is None:
            return
        stored = outcome in ("stored", "merged") and after != before
        if before is not None and (stored or outcome == "destroyed"):
            self.on_session("destroyed", before)
        if stored:
            self.on_session("created", after)

    def prune_now_and_then(self, engine: _core.Engine | _core.AsyncEngine) -> None:
        """For the end of a request, with its engine: a batch of pruning, if the option asks for it and it is due."""
        if self.pruning is not None:
            self.pruning.now_and_then(engine)

    def _pruned(self, count: int) -> None:
        if self.on_session is not None:
            self.on_session("expired", count)

    def report(self, error: Error | None) -> None:
        """Logs what a policy let pass."""
        log.error("the session store gave no answer: %s", error)

    def tell(self, event: SessionEvent, error: Error) -> None:
        """Logs what was not stored, or can't be read, and tells the application's hook."""
        log.warning("%s: %s", event, error)
        if self.on_event is not None:
            self.on_event(event, error)

    def tell_untouched(self, error: Error | None) -> None:
        """A deadline that the store did not take, which is no failure of the request: counted, and told to the
        application's hook; logged the first time and then once a minute."""
        self.untouched += 1
        if self.on_event is not None and error is not None:
            self.on_event("untouched", error)
        now = monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            log.warning("the deadline of a session could not be moved (%d since the start): %s", self.untouched, error)

    def tell_late(self, step: int) -> None:
        """A session changed after the response's headers went out, and the change is lost."""
        self.tell("late", UsageError(_core.late_message(step), "ERR_HEADERS_SENT"))

    def headers_of(self, session_looked_at: bool, set_cookie: str | None) -> int:
        """What a response says beside Set-Cookie: bits, VARY and NO_STORE."""
        return self._headers[2 * session_looked_at + (set_cookie is not None)]
