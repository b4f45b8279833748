"""Sessions for any ASGI application: ``scope["session"]``. For Starlette and FastAPI see ``coatcheck.starlette``.

Pure ASGI. On a local store nothing is ever awaited; on a remote one the session is read before the application runs,
and written before the response's headers go out. What changes after that (a streaming body, a background task, a
WebSocket's life) is stored at the end, where the browser has the session's cookie already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from coatcheck import _core
from coatcheck._commit import commit, commit_async, commit_late, commit_late_async
from coatcheck._duration import Duration
from coatcheck._place import StorePlace
from coatcheck._service import NO_STORE, VARY, Secrets, Service, SessionOptions, cookie_options, make_service
from coatcheck._vary import vary_on_cookie
from coatcheck.errors import StoreError
from coatcheck.session import Session, pending_class, start, transaction

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["SessionMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

# The messages that carry the response's headers.
_HEADERS_GO = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


_R = TypeVar("_R")


class AsyncSession(Session):
    """``request.session``: a Session whose transactions are awaited."""

    __slots__ = ()

    async def transact(  # type: ignore[override]  # awaited here, as every store is
        self, change: Callable[[dict[str, Any]], Awaitable[_R] | _R]
    ) -> _R:
        """As Session.transact; ``change`` may be a coroutine function."""
        service = self._service
        engine: Any = service.async_engine() if service.remote else service.engine
        steps = transaction(self, change)
        try:
            call = next(steps)
            while True:
                answer = call(engine)
                call = steps.send(await answer if isawaitable(answer) else answer)
        except StopIteration as end:
            answer = end.value
        return await answer if isawaitable(answer) else answer  # type: ignore[no-any-return]


AsyncSession._loaded_class = AsyncSession
_PendingAsyncSession = pending_class(AsyncSession)


class SessionMiddleware:
    """Wraps an ASGI application.

    ``secret``: a string, or several, newest first; else COATCHECK_SECRET. ``store``: a store URL; else
    COATCHECK_STORE, else ``file:./sessions``. ``cookie_name``: where none is given, ``session``, and on TLS
    ``__Host-session``. ``max_age``: how long the browser keeps the cookie (None: until it closes), and how long a
    session lasts without a request; times are seconds or timedeltas. ``secure``: "auto" (as the request is), "always"
    (every request counts as one over TLS) or "never". ``options``: see ``coatcheck._service.SessionOptions``.
    """

    def __init__(
        self,
        app: ASGIApp,
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
        cookie = cookie_options(cookie_name, max_age, domain, path, http_only, secure, same_site, partitioned)
        self.app = app
        self._always_secure = secure == "always"
        self.service = make_service(secret, store, cookie, options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self.app(scope, receive, send)
            return
        header: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"cookie":
                header = value if header is None else header + b"; " + value
        secure = self._always_secure or scope.get("scheme") in ("https", "wss")
        service = self.service
        if service.remote:
            engine = service.async_engine()
            session = start(service, header, secure, await engine.open(header, secure), _PendingAsyncSession)
            exchange: _Exchange = _RemoteExchange(service, session, send, kind, engine)
        else:
            session = start(service, header, secure, None, _PendingAsyncSession)
            exchange = _Exchange(service, session, send, kind)
        scope["session"] = session
        try:
            await self.app(scope, receive, exchange.send)
        except StoreError as error:
            if exchange.replaced:
                return
            if exchange.started:
                raise
            await _unavailable(service, kind, error, send)
            return
        if exchange.started and session._looked_at:
            await exchange.commit_late()


class _Exchange:
    """One request on a local store: commits before the headers go out, and never awaits."""

    __slots__ = ("_kind", "_send", "_service", "_session", "replaced", "started")

    def __init__(self, service: Service, session: Session, send: Send, kind: str) -> None:
        self._service = service
        self._session = session
        self._send = send
        self._kind = kind
        self.started = False  # the headers have gone
        self.replaced = False  # by our own answer: what the application still sends goes nowhere

    def send(self, message: Message) -> Awaitable[None]:
        if self.replaced:
            return _nothing()
        if self.started or message["type"] not in _HEADERS_GO:
            return self._send(message)
        failure = self._session._failure
        if failure is not None and message.get("status") == 500:
            # The application's own last resort for an exception that it does not know: ours says more.
            self.started = self.replaced = True
            return _unavailable(self._service, self._kind, failure, self._send)
        return self.commit_and_send(message)

    def commit_and_send(self, message: Message) -> Awaitable[None]:
        set_cookie = commit(self._service, self._session)
        self.started = True
        _add_headers(message, self._service.headers_of(self._session._looked_at, set_cookie), set_cookie)
        return self._send(message)

    async def commit_late(self) -> None:
        commit_late(self._service, self._session)


class _RemoteExchange(_Exchange):
    """The same on a remote store, which is waited for."""

    __slots__ = ("_engine",)

    def __init__(self, service: Service, session: Session, send: Send, kind: str, engine: _core.AsyncEngine) -> None:
        super().__init__(service, session, send, kind)
        self._engine = engine

    async def commit_and_send(self, message: Message) -> None:
        set_cookie = await commit_async(self._service, self._session, self._engine)
        self.started = True
        _add_headers(message, self._service.headers_of(self._session._looked_at, set_cookie), set_cookie)
        await self._send(message)

    async def commit_late(self) -> None:
        await commit_late_async(self._service, self._session, self._engine)


def _add_headers(message: Message, wanted: int, set_cookie: str | None) -> None:
    if not wanted:
        return
    headers: list[tuple[bytes, bytes]] = list(message.get("headers") or ())
    if wanted & VARY:
        vary_on_cookie(headers)
    if set_cookie is not None:
        headers.extend((b"set-cookie", value) for value in set_cookie.encode("latin-1").split(b"\n"))
    if wanted & NO_STORE and all(name.lower() != b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"no-store"))
    message["headers"] = headers


async def _nothing() -> None:
    pass


async def _unavailable(service: Service, kind: str, error: StoreError, send: Send) -> None:
    service.report(error)
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1013, "reason": "session store unavailable"})
        return
    body = b"The session store gave no answer. Please try again.\n"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
