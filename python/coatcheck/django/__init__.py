"""``SESSION_ENGINE = "coatcheck.django"``: Django's sessions on coatcheck's stores.

Everything of Django's that stands on sessions (its middleware, login, messages, the admin, ``clearsessions``) works on
it. A session is written by compare-and-set: what two requests changed is merged, and one that was ended meanwhile is
Django's ``SessionInterrupted``. Its key is Django's own kind of key, and is stored as a keyed hash.

``SECRET_KEY``, ``SECRET_KEY_FALLBACKS``
    of them the store's keys are made. A session that was stored under an older one is found.
``SESSION_COOKIE_AGE``, ``set_expiry()``
    how long a session lasts without being written.
``COATCHECK_STORE``
    a store URL; else the environment's COATCHECK_STORE, else ``file:./sessions``.
``COATCHECK_MIGRATE_FROM``
    the engines that the project had before, e.g. ``["django.contrib.sessions.backends.db"]``: a session that is found
    there and not here is taken over under a new key, and deleted there. Nobody is logged out by the move.
``COATCHECK_ABSOLUTE_TIMEOUT`` (seconds or timedelta)
    no session lives longer; 30 days, or SESSION_COOKIE_AGE where that is more. 0: unbounded.
``COATCHECK_TYPES``
    ``"plain"`` JSON, ``"flask"``: datetime, bytes, tuple, UUID and Markup come back as what they were, ``"tagged"``:
    set and large int, too. It stands in the place of SESSION_SERIALIZER, which must be Django's JSONSerializer.
``COATCHECK_OWNER``
    a function from the session's data to the name of its owner, or None.
``COATCHECK_MERGE``, ``_ON_CONFLICT``, ``_LONE_SURROGATES``, ``_MAX_PAYLOAD``, ``_MAX_MEMBERS``, ``_CONFLICT_RETRIES``,
``_ENCRYPT``, ``_CLOCK``
    as under Flask (``coatcheck.flask``).

Under ASGI the async methods of a session wait for a remote store without blocking the loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Generator
from importlib import import_module
from inspect import isawaitable
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.signals import setting_changed
from django.utils.crypto import get_random_string

from coatcheck import _core
from coatcheck._duration import milliseconds
from coatcheck._service import Service, default_store
from coatcheck.errors import ConfigError, SessionConflict, StoreError
from coatcheck.store import Store

__all__ = ["SessionStore"]

log = logging.getLogger("coatcheck")
_CORE_OPTIONS = (
    "ENCRYPT",
    "ON_CONFLICT",
    "MERGE",
    "LONE_SURROGATES",
    "MAX_PAYLOAD",
    "MAX_MEMBERS",
    "CONFLICT_RETRIES",
    "CLOCK",
)
_OPTIONS = ("STORE", "ABSOLUTE_TIMEOUT", "TYPES", "OWNER", *_CORE_OPTIONS)
_JSON = "django.contrib.sessions.serializers.JSONSerializer"
_KEPT = 8  # services of settings that were seen before: tests change them to and fro

_T = TypeVar("_T")
# What a method does, as calls of an engine: of one that answers at once, or of one that is waited for.
_Steps = Generator[Callable[[Any], Any], Any, _T]

_services: dict[tuple[Any, ...], Service] = {}
_current: Service | None = None


def _forget(**_: Any) -> None:
    """What a test overrides counts from then on."""
    global _current
    _current = None


setting_changed.connect(_forget)


def _service() -> Service:
    """That of the settings: read once, for looking for those that are not there takes longer than a session."""
    return _current or _find_service()


def _find_service() -> Service:
    global _current
    seen = (
        settings.SECRET_KEY,
        tuple(settings.SECRET_KEY_FALLBACKS),
        settings.SESSION_COOKIE_AGE,
        settings.SESSION_SERIALIZER,
        *(getattr(settings, f"COATCHECK_{name}", None) for name in _OPTIONS),
    )
    try:
        found = _services.get(seen)
    except TypeError:  # a dict of rules
        seen = tuple(repr(one) if isinstance(one, dict | list) else one for one in seen)
        found = _services.get(seen)
    if found is None:
        if len(_services) >= _KEPT:
            del _services[next(iter(_services))]
        found = _services[seen] = _make_service()
    _current = found
    return found


def _make_service() -> Service:
    if settings.SESSION_SERIALIZER != _JSON:
        raise ConfigError(
            f"SESSION_SERIALIZER must be {_JSON}: sessions are JSON here, and COATCHECK_TYPES says of which types",
            "ERR_INVALID_OPTION",
        )

    def option(name: str) -> Any:
        return getattr(settings, f"COATCHECK_{name}", None)

    service = Service(
        {
            "secrets": [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
            "secret_option": "SECRET_KEY",
            "store": default_store(option("STORE")),
            "idle_timeout": milliseconds(settings.SESSION_COOKIE_AGE, "SESSION_COOKIE_AGE"),
            "absolute_timeout": milliseconds(option("ABSOLUTE_TIMEOUT"), "COATCHECK_ABSOLUTE_TIMEOUT"),
            # A request from before a new key would send its old cookie after the new one.
            "regenerate_grace": 0,
            **{name.lower(): option(name) for name in _CORE_OPTIONS},
        },
        owner=option("OWNER"),
        warn=False,
        types=option("TYPES") or "plain",
    )
    for warning in service.engine.warnings:
        log.warning(warning)
    return service


class _Of:
    """A call of another engine's session, in the form that the caller waits in."""

    def __init__(self, session: SessionBase, method: str, *arguments: Any) -> None:
        self._session, self._method, self._arguments = session, method, arguments

    def __call__(self, engine: Any) -> Any:
        return getattr(self._session, self._method)(*self._arguments)

    def awaited(self) -> Any:
        return getattr(self._session, f"a{self._method}")(*self._arguments)


class SessionStore(SessionBase):
    """Django's contract (``django/contrib/sessions/backends/base.py``), with its async twins."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._session_key: str | None
        self._handle: _core.Handle | None = None  # what was read or written last, of this key
        self._old: tuple[SessionBase, str] | None = None  # where the data was before, to be deleted there

    def load(self) -> dict[str, Any]:
        """The data; {} and no key for a session that is not there. Raises StoreError when the store does not answer."""
        return _run(self._load())

    async def aload(self) -> dict[str, Any]:
        """As load."""
        return await _arun(self._load())

    def exists(self, session_key: str | None) -> bool:
        """Whether there is a session under this key."""
        return _run(self._exists(session_key))

    async def aexists(self, session_key: str | None) -> bool:
        """As exists."""
        return await _arun(self._exists(session_key))

    def create(self) -> None:
        """Stores what the session holds under a key that is new."""
        _run(self._create())

    async def acreate(self) -> None:
        """As create."""
        await _arun(self._create())

    def save(self, must_create: bool = False) -> None:
        """Stores the session. Raises CreateError when ``must_create`` and the key is taken; UpdateError when the
        session was ended meanwhile; StoreError."""
        if self.session_key is None:
            self.create()
            return
        _run(self._save(self._get_session(no_load=must_create), must_create))

    async def asave(self, must_create: bool = False) -> None:
        """As save."""
        if self.session_key is None:
            await self.acreate()
            return
        data = await self._aget_session(no_load=must_create)
        await _arun(self._save(data, must_create))

    def delete(self, session_key: str | None = None) -> None:
        """Ends the session, or the one under this key."""
        _run(self._delete(session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        """As delete."""
        await _arun(self._delete(session_key))

    def cycle_key(self) -> None:
        """Goes on under a new key; the old one is worth nothing from now on. Call it when rights change."""
        data = self._session
        _run(self._cycle(data))

    async def acycle_key(self) -> None:
        """As cycle_key."""
        data = await self._aget_session()
        await _arun(self._cycle(data))

    @classmethod
    def clear_expired(cls) -> None:
        """For ``manage.py clearsessions``."""
        Store(getattr(settings, "COATCHECK_STORE", None)).prune()

    @classmethod
    async def aclear_expired(cls) -> None:
        """As clear_expired."""
        await asyncio.to_thread(cls.clear_expired)

    # The same for both.

    def _load(self) -> _Steps[dict[str, Any]]:
        key = self.session_key
        if key is None:
            return {}
        handle = yield lambda engine: engine.load(key)
        if handle.error is not None:
            raise handle.error
        if handle.id is not None:
            self._handle = handle
            return _service().decode(handle.payload)
        data = yield from self._load_from_before(key)
        self._session_key = None
        return data

    def _load_from_before(self, key: str) -> _Steps[dict[str, Any]]:
        """What an engine that the project had before holds under this key."""
        for name in getattr(settings, "COATCHECK_MIGRATE_FROM", None) or ():
            old = import_module(name).SessionStore(key)
            data = yield _Of(old, "load")
            if data:
                self._old = (old, key)
                self.modified = True  # so that it is stored here
                return dict(data)
        return {}

    def _exists(self, session_key: str | None) -> _Steps[bool]:
        if not session_key:
            return False
        handle = yield lambda engine: engine.load(session_key)
        if handle.error is not None:
            raise handle.error
        return handle.id is not None

    def _create(self) -> _Steps[None]:
        while True:
            # 32 letters and digits: that none of these is taken shows when it is stored.
            self._session_key = self._new_key()
            try:
                yield from self._save(getattr(self, "_session_cache", {}), must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def _save(self, data: dict[str, Any], must_create: bool) -> _Steps[None]:
        key = self.session_key
        service = _service()
        handle = None if must_create else self._handle
        if handle is None or handle.id != key:
            handle = (
                yield (lambda engine: engine.open(None, False)) if must_create else (lambda engine: engine.load(key))
            )
            if handle.error is not None:
                raise handle.error
            if handle.id is None and not must_create:
                raise UpdateError
        yield from self._commit(service, handle, data, _core.COMMIT_SAVE, key if must_create else None)
        if handle.outcome == "gone":
            raise UpdateError
        if self._old is not None:
            old, old_key = self._old
            self._old = None
            yield _Of(old, "delete", old_key)

    def _commit(
        self, service: Service, handle: _core.Handle, data: dict[str, Any], flags: int, key: str | None
    ) -> _Steps[None]:
        arguments = (
            handle,
            service.encode(data),
            flags,
            self._lifetime(data, handle),
            None if service.owner is None else service.owner(data) or "",
            key,
        )
        try:
            yield lambda engine: engine.commit(*arguments)
        except SessionConflict as error:
            if key is None:
                raise
            raise CreateError from error
        self._handle = handle
        if handle.outcome == "merged":
            self._session_cache = service.decode(handle.payload)

    def _lifetime(self, data: dict[str, Any], handle: _core.Handle) -> str | None:
        """How long the session lasts, where that is not SESSION_COOKIE_AGE."""
        age = self.get_expiry_age(expiry=data.get("_session_expiry"))
        if age == settings.SESSION_COOKIE_AGE:
            return "{}" if handle.cookie else None
        return json.dumps({"maxAge": max(0, int(age)) * 1000})

    def _delete(self, session_key: str | None) -> _Steps[None]:
        key = session_key or self.session_key
        if key is None:
            return
        handle = self._handle
        if handle is None or handle.id != key:
            handle = yield lambda engine: engine.load(key)
            if handle.error is not None and not handle.unreadable:
                raise handle.error
        if handle.id is not None or handle.unreadable:
            yield lambda engine: engine.destroy(handle, False)

    def _cycle(self, data: dict[str, Any]) -> _Steps[None]:
        handle, key = self._handle, self.session_key
        if key is None or handle is None or handle.id != key:
            yield from self._create()
            return
        new = self._new_key()
        flags = _core.COMMIT_SAVE | _core.COMMIT_REGENERATE
        yield from self._commit(_service(), handle, data, flags, new)
        if handle.outcome == "gone":
            raise SessionInterrupted("The session was ended by another request before its key was renewed.")
        self._session_key = new
        self.modified = True

    @staticmethod
    def _new_key() -> str:
        return get_random_string(32, VALID_KEY_CHARS)


def _run(steps: _Steps[_T]) -> _T:
    """On an engine that answers in the call."""
    try:
        call = next(steps)
        while True:
            try:
                answer = call(_service().engine)
            except (StoreError, SessionConflict) as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        return end.value


async def _arun(steps: _Steps[_T]) -> _T:
    """On the running loop's engine where the store is remote."""
    service = _service()
    engine: Any = service.async_engine() if service.remote else service.engine
    try:
        call = next(steps)
        while True:
            try:
                answer = call.awaited() if isinstance(call, _Of) else call(engine)
                if isawaitable(answer):
                    answer = await answer
            except (StoreError, SessionConflict) as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        return end.value
