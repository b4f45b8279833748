"""``flask.session`` on coatcheck: ``coatcheck.flask.Coatcheck(app)``.

Configuration is read at each request, as Flask reads it: what is set after ``init_app``, or changed later, counts from
the next request on. ``init_app`` checks what is there by then, and opens no store; the first request does.

``SECRET_KEY``, ``SECRET_KEY_FALLBACKS``
    as Flask has them; without SECRET_KEY the environment's COATCHECK_SECRET.
``COATCHECK_STORE``
    a store URL; else the environment's COATCHECK_STORE, else ``file:./sessions``.
``SESSION_COOKIE_NAME``
    Flask's default, ``session``, counts as not given: the cookie is called ``session``, and ``__Host-session`` on
    TLS (``__Secure-session`` with a domain or path).
``SESSION_COOKIE_DOMAIN``, ``_PATH``, ``_HTTPONLY``, ``_PARTITIONED``
    as Flask has them.
``SESSION_COOKIE_SECURE``
    False, the default: Secure on requests that came over TLS. True: every request counts as one.
``SESSION_COOKIE_SAMESITE``
    None, the default: Lax. False: no attribute.
``PERMANENT_SESSION_LIFETIME``
    how long a session with ``session.permanent = True`` lasts without a request, and its cookie in the browser.
``SESSION_REFRESH_EACH_REQUEST``
    True, the default: a permanent session's cookie is sent with each response. False: only when the session is written.
``COATCHECK_IDLE_TIMEOUT``, ``COATCHECK_ABSOLUTE_TIMEOUT`` (seconds or timedelta), ``COATCHECK_TOUCH_SHARE``,
``COATCHECK_ON_CONFLICT``
    the core's policy.
``COATCHECK_REGENERATE_GRACE``
    how long after ``session.regenerate()`` a request that had read the session before writes into its successor;
    seconds or timedelta, 30 seconds.
``COATCHECK_ON_UNKNOWN``
    what a request that looks at its session gets while the store does not answer: ``"closed"`` a 503 (an error
    handler for 503, or for ``coatcheck.StoreError``, is respected), ``"open"`` an empty session that is never saved.
``COATCHECK_MODE``
    ``"store"``, the default. ``"flask"``: Flask's own signed cookie, byte for byte, for services that move one by one.
    ``"jwt"`` keeps the session in its cookie, signed and readable, ``"jwe"`` sealed. The
    store is then asked when a refresh is due: after ``COATCHECK_ACCESS_TTL`` (seconds or timedelta, 5 minutes). A
    cookie that was replaced gets its successor for ``COATCHECK_REFRESH_GRACE`` (10 seconds).
    ``COATCHECK_CHECK_EPOCH``: True asks the store at each request of a session that has an owner.
    ``COATCHECK_TOKEN_KEYS``: keys of ``coatcheck.jwt`` to sign or seal with in place of the secret's, newest first.
``COATCHECK_MERGE``
    rules by path for what two requests both changed, e.g. ``{"visits": "sum"}``.
``COATCHECK_LONE_SURROGATES``
    half a surrogate pair, left where a string was cut inside a character: ``"replace"`` by U+FFFD, or ``"refuse"``.
``COATCHECK_TYPES``
    ``"flask"``: datetime, bytes, tuple, UUID and Markup come back as what they were, by Flask's own tags, and what the
    application registered (``app.session_interface.serializer.register(Tag)``). ``"tagged"``: set and
    large int, too. ``"plain"`` JSON: for services in other languages that know of no tags.
``COATCHECK_ENCRYPT``
    encryption at rest, under SECRET_KEY: True seals what is stored and reads nothing else; ``"migrate"`` reads what was
    stored before, too; ``"prepare"`` does not seal yet, and reads what other services seal.
``COATCHECK_NEAR_CACHE``
    ``{"size": bytes, "max_stale": seconds or a timedelta}``: reads of a Redis store are answered from this process.
``COATCHECK_PRUNE_INTERVAL``
    every so often (seconds or timedelta, 1 second to 1 day) one of all processes on the store drops what has expired,
    at the end of a request. None: each write drops a few. Redis does it by itself.
``COATCHECK_ON_SESSION``
    a function of an event and what it is of: ``"created"`` and ``"destroyed"`` with the id of a session that this
    process stored under a new id, or ended; ``"expired"`` with how many entries pruning dropped.
``COATCHECK_MAX_PAYLOAD``, ``COATCHECK_MAX_MEMBERS``
    bytes of JSON that a session may be, 1 MiB; members and elements that it may hold, 20,000.
``COATCHECK_CONFLICT_RETRIES``, ``COATCHECK_ID_BYTES``
    attempts of a commit before it is a SessionConflict, 100; bytes of randomness in a new session id, 16 to 64, 32.
``COATCHECK_AFFINITY``
    sticky sessions: this process' name at the balancer, or ``{"node": ..., "cookie": ...}``. The browser is told by a
    cookie of its own, ``route``, and again when its session comes here from another node.
``COATCHECK_ON_EVENT``
    a function of an event and an error: ``"gone"`` or ``"conflict"``, what an automatic commit could not store;
    ``"untouched"``, a deadline that the store did not take;
    ``"damaged"``, a record that is there and can't be read;
    ``"late"``, what changed when the session's cookie could not be sent any more.
``COATCHECK_MIGRATE_FROM``
    where sessions were before, read on the way in, so that nobody is logged out by the move: ``["flask"]`` for Flask's
    own cookie, ``[{"format": "flask-session", "url": "redis://host/0?layout=flask-session"}]`` for Flask-Session's
    records (MessagePack and JSON; no pickles), and others (``coatcheck._service.ForeignSource``). Take ``"flask"`` away
    when PERMANENT_SESSION_LIFETIME is over: until then a copy of an old cookie is a login.
``COATCHECK_OWNER``
    a function from the session to the name of its owner, or None: what ``RefreshTokens`` lists and revokes by.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from copy import copy
from operator import itemgetter
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import ref

from flask import current_app
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import ServiceUnavailable

from coatcheck import _core
from coatcheck._commit import commit, commit_late
from coatcheck._duration import milliseconds
from coatcheck._flask_cookie import SecureCookieSession, SecureCookieSessionInterface, registered_tags, vary_on_cookie
from coatcheck._json import decode, encode
from coatcheck._service import (
    NO_STORE,
    VARY,
    Service,
    default_store,
    environment_secret,
    foreign_sources,
    near_cache_option,
    token_options,
)
from coatcheck.errors import ConfigError, SecretWarning, StoreError
from coatcheck.session import Session, pending_class, start

if TYPE_CHECKING:
    from flask import Flask, Request, Response

__all__ = ["Coatcheck", "CoatcheckInterface", "FlaskSession", "SecureCookieSession", "SecureCookieSessionInterface"]

log = logging.getLogger("coatcheck")


class FlaskSession(Session, SessionMixin):  # type: ignore[override]  # SessionMixin has it writable
    """What ``flask.session`` stands for: Session's interface and Flask's ``permanent``."""

    def _cookie_settings(self) -> str | None:
        permanent = self.get("_permanent")
        was_permanent = bool(self._read and self._read.get("_permanent"))
        if not permanent and not was_permanent:
            return None  # also when another service gave this session's cookie an age
        kept = self._handle.cookie if self._handle is not None else None
        settings: dict[str, Any] = json.loads(kept) if kept else {}
        settings.pop("maxAge", None)
        if permanent:
            settings["maxAge"] = self._service.permanent_lifetime()
        return json.dumps(settings)


FlaskSession._loaded_class = FlaskSession
_PendingFlaskSession = pending_class(FlaskSession)


# What an engine is made from. PERMANENT_SESSION_LIFETIME and SESSION_REFRESH_EACH_REQUEST are read when they are used.
_OWN_SETTINGS = tuple(
    f"COATCHECK_{name}"
    for name in [
        "STORE",
        "ENCRYPT",
        "NEAR_CACHE",
        "PRUNE_INTERVAL",
        "ON_SESSION",
        "IDLE_TIMEOUT",
        "ABSOLUTE_TIMEOUT",
        "REGENERATE_GRACE",
        "TOUCH_SHARE",
        "ON_CONFLICT",
        "MERGE",
        "LONE_SURROGATES",
        "TYPES",
        "MAX_PAYLOAD",
        "MAX_MEMBERS",
        "CONFLICT_RETRIES",
        "ID_BYTES",
        "CLOCK",
        "AFFINITY",
        "MODE",
        "ACCESS_TTL",
        "REFRESH_GRACE",
        "CHECK_EPOCH",
        "TOKEN_KEYS",
        "ON_UNKNOWN",
        "OWNER",
        "ON_EVENT",
        "MIGRATE_FROM",
    ]
)
_FLASK_SETTINGS = (
    *(f"SESSION_COOKIE_{name}" for name in ["NAME", "DOMAIN", "PATH", "HTTPONLY", "SECURE", "SAMESITE", "PARTITIONED"]),
    "APPLICATION_ROOT",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
)
_settings_of = itemgetter(*_OWN_SETTINGS, *_FLASK_SETTINGS)
# Methods of Flask's that an application may override, one answer for each request.
_ASKED = tuple(
    f"get_cookie_{name}" for name in ["name", "domain", "path", "httponly", "secure", "samesite", "partitioned"]
)
_KEPT = 8  # engines of settings that were seen before: tests and rotations change them to and fro


class CoatcheckInterface(SecureCookieSessionInterface):
    """Flask's contract on the engine. The session is opened when it is first looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.service: Service | None = None  # the one in use
        self._settings: tuple[Any, ...] = ()  # that it was made from
        self._known: list[tuple[tuple[Any, ...], Service]] = []
        self._warned_of: list[Any] = []  # the secrets that somebody was told of
        self._starting = False
        self._lock = Lock()
        self._overridden = [
            getattr(self, name) for name in _ASKED if getattr(type(self), name) is not getattr(SessionInterface, name)
        ]

    def check(self, app: Flask) -> None:
        """Raises ConfigError for settings that can't work, as far as they are there: without opening the store."""
        for name in _OWN_SETTINGS:
            app.config.setdefault(name, None)
        if app.config["COATCHECK_MODE"] == "flask":
            return
        options = self._options(app)
        if options is None:
            return
        store = options["store"]
        _core.needs_driver(store)  # a wrong scheme shows here; the rest of it at the first request
        self._starting = True
        # Sources of records are opened with the store, by the first request.
        sources = [one for one in options["migrate_from"] or () if "url" not in one] or None
        local = {
            "store": store if store.startswith("memory:") else "memory:",
            "migrate_from": sources,
            "near_cache": None,
        }
        self._make(app, {**options, **local})
        self._starting = False

    def configured(self, app: Flask) -> Service | None:
        """The service for the settings as they are now; None while there is no secret."""
        settings = self._current(app)
        if settings == self._settings:
            return self.service
        with self._lock:
            service = next((service for known, service in self._known if known == settings), None)
            if service is None:
                options = self._options(app)
                if options is None:
                    return None
                service = self._make(app, options)
                # Copies, so that a list that is changed in place is another one.
                settings = tuple(copy(one) if isinstance(one, list | dict) else one for one in settings)
                self._known = [(settings, service), *self._known[: _KEPT - 1]]
            self.service, self._settings = service, settings
        return service

    def _current(self, app: Flask) -> tuple[Any, ...]:
        settings: tuple[Any, ...]
        try:
            settings = _settings_of(app.config)
        except KeyError:  # a configuration that took the place of Flask's
            settings = tuple(app.config.get(name) for name in (*_OWN_SETTINGS, *_FLASK_SETTINGS))
        if self._overridden:
            settings += tuple(ask(app) for ask in self._overridden)
        return settings

    def _options(self, app: Flask) -> dict[str, Any] | None:
        """What the core takes; None while there is no secret."""
        secret = app.secret_key if app.secret_key is not None else environment_secret()
        if secret is None:
            return None
        config = app.config
        same_site: Any = self.get_cookie_samesite(app)
        if same_site is not None and same_site is not False and not isinstance(same_site, str):
            raise ConfigError('SESSION_COOKIE_SAMESITE must be "Lax", "Strict", "None", None or False', _INVALID)
        name = self.get_cookie_name(app)
        _permanent_lifetime(app)

        def time(option: str) -> int | None:
            return milliseconds(config.get(option), option)

        return {
            "secrets": [secret, *(config.get("SECRET_KEY_FALLBACKS") or ())],
            "secret_option": "SECRET_KEY" if app.secret_key is not None else "COATCHECK_SECRET",
            "store": default_store(config.get("COATCHECK_STORE")),
            "encrypt": config.get("COATCHECK_ENCRYPT"),
            "near_cache": near_cache_option(config.get("COATCHECK_NEAR_CACHE")),
            "cookie_name": None if name == "session" else name,
            "domain": _bare_domain(self.get_cookie_domain(app)),
            "path": self.get_cookie_path(app),
            "http_only": self.get_cookie_httponly(app),
            "secure": "always" if self.get_cookie_secure(app) else "auto",
            "same_site": "unset" if same_site is False else (same_site or "lax").lower(),
            "partitioned": bool(config.get("SESSION_COOKIE_PARTITIONED")),
            "idle_timeout": time("COATCHECK_IDLE_TIMEOUT"),
            "absolute_timeout": time("COATCHECK_ABSOLUTE_TIMEOUT"),
            "regenerate_grace": time("COATCHECK_REGENERATE_GRACE"),
            "touch_share": config.get("COATCHECK_TOUCH_SHARE"),
            "on_conflict": config.get("COATCHECK_ON_CONFLICT"),
            "merge": config.get("COATCHECK_MERGE"),
            "lone_surrogates": config.get("COATCHECK_LONE_SURROGATES"),
            "max_payload": config.get("COATCHECK_MAX_PAYLOAD"),
            "max_members": config.get("COATCHECK_MAX_MEMBERS"),
            "conflict_retries": config.get("COATCHECK_CONFLICT_RETRIES"),
            "id_bytes": config.get("COATCHECK_ID_BYTES"),
            "clock": config.get("COATCHECK_CLOCK"),
            "affinity": config.get("COATCHECK_AFFINITY"),
            "migrate_from": foreign_sources(
                config.get("COATCHECK_MIGRATE_FROM"),
                [secret, *(config.get("SECRET_KEY_FALLBACKS") or ())],
                {"cookie_name": name, "max_age": config["PERMANENT_SESSION_LIFETIME"]},
            ),
            **token_options(
                config.get("COATCHECK_MODE"),
                time("COATCHECK_ACCESS_TTL"),
                time("COATCHECK_REFRESH_GRACE"),
                config.get("COATCHECK_CHECK_EPOCH"),
                config.get("COATCHECK_TOKEN_KEYS"),
            ),
        }

    def _make(self, app: Flask, options: dict[str, Any]) -> Service:
        config = app.config
        service = Service(
            options,
            config.get("COATCHECK_ON_UNKNOWN") or "closed",
            config.get("COATCHECK_OWNER"),
            config.get("COATCHECK_ON_EVENT"),
            warn=False,
            types=config.get("COATCHECK_TYPES") or "flask",
            on_session=config.get("COATCHECK_ON_SESSION"),
            prune_interval=milliseconds(config.get("COATCHECK_PRUNE_INTERVAL"), "COATCHECK_PRUNE_INTERVAL"),
        )
        if options["secrets"] != self._warned_of:
            self._warn(service)
            self._warned_of = options["secrets"]
        if (config.get("COATCHECK_TYPES") or "flask") == "flask":
            service.encode, service.decode = self._encoder(service.encode), self._decoder(service.decode)
        of = ref(app)  # which is not to live as long as what it made
        service.permanent_lifetime = lambda: _permanent_lifetime(of())
        service.always_secure = options["secure"] == "always"
        return service

    def _warn(self, service: Service) -> None:
        """At start-up a warning; in a request it would be an error where warnings are."""
        for warning in service.engine.warnings:
            if self._starting:
                warnings.warn(warning, SecretWarning, stacklevel=6)
            else:
                log.warning(warning)

    # Types that the application taught Flask's serializer.
    def _encoder(self, stock: Callable[[Any], str]) -> Callable[[Any], str]:
        serializer = self.serializer

        def encode_registered(data: Any) -> str:
            return encode(serializer.tag(dict(data))) if registered_tags(serializer) else stock(data)

        return encode_registered

    def _decoder(self, stock: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
        serializer = self.serializer

        def decode_registered(text: str) -> dict[str, Any]:
            if '{" ' not in text:  # no tag begins otherwise
                return decode(text)
            if not registered_tags(serializer):
                return stock(text)
            data = serializer.loads(text)
            if type(data) is not dict:
                raise ValueError("not a JSON object")
            return data

        return decode_registered

    def open_session(  # type: ignore[override]  # of one of two classes, by mode
        self, app: Flask, request: Request
    ) -> SessionMixin | None:
        if app.config.get("COATCHECK_MODE") == "flask":
            return super().open_session(app, request)
        service = self.configured(app)
        if service is None:
            return None  # Flask's own session, which says on writing that there is no secret
        environ = request.environ
        secure = service.always_secure or environ["wsgi.url_scheme"] == "https"
        return start(service, environ.get("HTTP_COOKIE"), secure, None, _PendingFlaskSession)  # type: ignore[return-value]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, FlaskSession):
            if isinstance(session, SecureCookieSession):
                super().save_session(app, session, response)
            return
        service = session._service
        try:
            set_cookie = commit(service, session)
        except StoreError as error:
            # Too late to raise: Flask would answer 500. This takes the place of what the view answered.
            _replace(response, _unavailable(app, service, error))
            return
        if response.is_streamed:
            # The view's generator is still to run, and may look at the session (stream_with_context).
            response.call_on_close(lambda: commit_late(service, session))
        refreshes = app.config["SESSION_REFRESH_EACH_REQUEST"]
        handle = session._handle
        if set_cookie is not None and not refreshes and (handle is None or handle.outcome == "touched"):
            set_cookie = None  # the deadline alone moved
        elif set_cookie is None and refreshes and dict.get(session, "_permanent"):
            set_cookie = _renewed(service, session)
        headers = response.headers
        if set_cookie is not None:
            # The session's own first: whoever looks at one header alone sees that one.
            for value in reversed(set_cookie.split("\n")):
                headers.add("Set-Cookie", value)
        wanted = service.headers_of(session._looked_at, set_cookie)
        if wanted & NO_STORE and "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        if wanted & VARY:
            vary_on_cookie(response)


class Coatcheck:
    """The extension: ``Coatcheck(app)``, or ``Coatcheck()`` and ``init_app(app)`` later."""

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        interface = CoatcheckInterface()
        interface.check(app)
        app.session_interface = interface
        app.extensions["coatcheck"] = interface
        app.register_error_handler(StoreError, _on_store_error)


_INVALID = "ERR_INVALID_OPTION"


def _on_store_error(error: StoreError) -> Response:
    interface = current_app.extensions["coatcheck"]
    return _unavailable(current_app, interface.service, error)


def _renewed(service: Service, session: FlaskSession) -> str | None:
    """The cookie once more, for a permanent session that nothing was done to."""
    handle = session._handle
    if handle is None or handle.status != "found" or session._failure is not None or handle.touch_due:
        return None
    flags = _core.COMMIT_ROLL | (_core.COMMIT_SECURE if session._secure else 0)
    return service.engine.commit(handle, None, flags, None)


def _permanent_lifetime(app: Flask | None) -> int | None:
    """In ms, as it is now: an application may change it in each request."""
    if app is None:
        return None
    return milliseconds(app.config["PERMANENT_SESSION_LIFETIME"], "PERMANENT_SESSION_LIFETIME")


def _bare_domain(given: Any) -> str | None:
    """As Werkzeug sends it: no port, no leading dot."""
    return given.partition(":")[0].lstrip(".").encode("idna").decode("ascii") if given else None


def _unavailable(app: Flask, service: Service | None, error: StoreError) -> Response:
    """A 503, by the application's own handler where it has one."""
    if service is not None:
        service.report(error)
    answer = ServiceUnavailable("The session store gave no answer.")
    answer.__cause__ = error
    response = app.make_response(app.handle_http_exception(answer))
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _replace(response: Response, by: Response) -> None:
    response.status = by.status
    response.headers.clear()
    response.headers.extend(by.headers)
    response.set_data(by.get_data())
