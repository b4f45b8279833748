"""Sessions for aiohttp: a storage for aiohttp-session.

::

    aiohttp_session.setup(app, coatcheck.aiohttp.Storage(secret, "redis://127.0.0.1"))

The application sees aiohttp-session's own session; what changed inside a list or a dict is noticed too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp_session
from aiohttp import web

from coatcheck import _core
from coatcheck._duration import Duration
from coatcheck._place import StorePlace
from coatcheck._service import Secrets, SessionOptions, cookie_options, make_service
from coatcheck.errors import StoreError

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Session", "Storage"]

_FIRST = "coatcheck.first"  # of a request: the session that it came with


class Session(aiohttp_session.Session):
    """aiohttp-session's, compared with what was read."""

    def __init__(self, handle: _core.Handle, data: dict[str, Any]) -> None:
        kept: aiohttp_session.SessionData = {"session": data}
        if handle.created:
            kept["created"] = handle.created // 1000
        super().__init__(handle.id, data=kept, new=handle.status != "found")
        self._handle = handle
        # An adopted session (migrate_from) is a change.
        self._read = {} if handle.status == "adopted" else _core.copy(self._mapping)

    @property
    def _changed(self) -> bool:
        # Also where only the deadline is to move: what is not saved is not touched.
        return self._forced or self._handle.touch_due or not _core.same(self._read, self._mapping)

    @_changed.setter
    def _changed(self, value: bool) -> None:
        self._forced = value


class Storage(aiohttp_session.AbstractStorage):
    """``secret``, ``store`` and the others as ``coatcheck.asgi.SessionMiddleware`` has them. aiohttp-session's own
    arguments for cookies have our names here: ``cookie_name``, ``http_only``, ``same_site``."""

    def __init__(
        self,
        secret: Secrets | None = None,
        store: str | StorePlace | None = None,
        *,
        cookie_name: str | None = None,
        max_age: Duration | None = None,
        domain: str | None = None,
        path: str = "/",
        http_only: bool = True,
        secure: str = "auto",
        same_site: str = "lax",
        partitioned: bool = False,
        **options: Unpack[SessionOptions],
    ) -> None:
        super().__init__(cookie_name=cookie_name or "session", httponly=http_only)
        cookie = cookie_options(cookie_name, max_age, domain, path, http_only, secure, same_site, partitioned)
        self._always_secure = secure == "always"
        self.service = make_service(secret, store, cookie, options)

    def _secure(self, request: web.Request) -> bool:
        return self._always_secure or request.secure

    async def _call(self, call: Callable[[Any], Any]) -> Any:
        """Waits for a remote store alone. A store that does not answer is a 503."""
        try:
            if self.service.remote:
                return await call(self.service.async_engine())
            return call(self.service.engine)
        except StoreError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: StoreError) -> web.HTTPException:
        self.service.report(error)
        text = "The session store gave no answer. Please try again.\n"
        return web.HTTPServiceUnavailable(text=text, headers={"Cache-Control": "no-store"})

    async def load_session(self, request: web.Request) -> Session:
        """Reads the session of the request."""
        header = "; ".join(request.headers.getall("Cookie", ())).encode("latin-1")
        handle = await self._call(lambda engine: engine.open(header or None, self._secure(request)))
        if handle.error is not None:
            raise self._unavailable(handle.error)
        session = request[_FIRST] = Session(handle, self.service.decode(handle.payload))
        return session

    async def new_session(self) -> Session:
        """A session under a new id: aiohttp_session.new_session(request), for a login."""
        return Session(await self._call(lambda engine: engine.open(None, False)), {})

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: aiohttp_session.Session
    ) -> None:
        """Stores what changed, or ends what was emptied, and sends the cookie."""
        if not isinstance(session, Session):
            raise TypeError("the session was made by another storage")
        handle, secure = session._handle, self._secure(request)
        # A new session may have taken the place of one that nobody looked at.
        first = request.get(_FIRST)
        if first is None:
            first = await self.load_session(request)
        lines = None
        if (session.empty or first is not session) and first._handle.status != "fresh":
            # A logout, or a new session in the place of the request's own: an id from before is worth nothing.
            ended = first._handle.id
            lines = await self._call(lambda engine: engine.destroy(first._handle, secure))
            self.service.tell_life("destroyed", ended, None)
        if not session.empty:
            flags = _core.COMMIT_SECURE if secure else 0
            text = self.service.encode(dict(session._mapping))
            owner = self.service.owner
            whose = None if owner is None else owner(session) or ""
            before = handle.id
            lines = await self._call(lambda engine: engine.commit(handle, text, flags, None, whose))
            self.service.tell_life(handle.outcome, before, handle.id)
        self.service.prune_now_and_then(self.service.async_engine() if self.service.remote else self.service.engine)
        for line in (lines or "").split("\n"):
            if line:
                response.headers.add("Set-Cookie", line)
        vary = _core.vary_with_cookie(", ".join(response.headers.getall("Vary", ())))
        if vary:
            response.headers["Vary"] = vary
        if lines and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
