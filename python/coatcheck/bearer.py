"""Bearer tokens for ASGI, WSGI and FastAPI (RFC 6750): verified before the application sees the request.

The token comes from the header ``Authorization`` or, where one is named, from a cookie; one in the query or the body is
never read. What the application gets holds the claims and the header, not the token: what is logged can't be replayed.

- ``BearerMiddleware(app, ...)`` (ASGI): ``request.state.auth``.
- ``WSGIBearer(app, ...)``: ``environ["coatcheck.auth"]``.
- ``Bearer(...)``: a FastAPI dependency, see ``coatcheck.fastapi``.

The options are those of ``BearerOptions``, everywhere the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from coatcheck._guard import Auth, BearerError, BearerOptions, Guard, Keys

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

    from coatcheck.fastapi import Bearer as Bearer

__all__ = ["Auth", "Bearer", "BearerError", "BearerMiddleware", "BearerOptions", "Guard", "WSGIBearer"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class BearerMiddleware:
    """ASGI. ``scope["state"]["auth"]``, which is ``request.state.auth``, is an ``Auth``, or None where ``optional``."""

    def __init__(self, app: ASGIApp, keys: Keys | None = None, **options: Unpack[BearerOptions]) -> None:
        self.app = app
        self.guard = Guard(keys, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            auth = await self.guard.check_scope(scope)
        except BearerError as why:
            await self._answer(why, scope, receive, send)
            return
        scope.setdefault("state", {})["auth"] = auth
        await self.app(scope, receive, send)

    async def _answer(self, why: BearerError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008, "reason": str(why)})  # 403 before the handshake
            return
        body, headers = why.answer()
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": why.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


class WSGIBearer:
    """WSGI: ``environ["coatcheck.auth"]``; in Flask ``request.environ["coatcheck.auth"]``."""

    def __init__(
        self,
        app: WSGIApplication,
        keys: Keys | None = None,
        *,
        environ_key: str = "coatcheck.auth",
        **options: Unpack[BearerOptions],
    ) -> None:
        self.app = app
        self.environ_key = environ_key
        self.guard = Guard(keys, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def values(name: str) -> list[bytes]:
            given = environ.get(name)
            return [] if given is None else [given.encode("latin-1")]

        try:
            # A server joins what was sent twice with commas, which no token holds: that is malformed.
            auth = self.guard.check(values("HTTP_AUTHORIZATION"), values("HTTP_COOKIE"))
        except BearerError as why:
            body, headers = why.answer()
            start_response(f"{why.status} {HTTPStatus(why.status).phrase}", headers)
            return [body]
        environ[self.environ_key] = auth
        return self.app(environ, start_response)


def __getattr__(name: str) -> Any:
    if name != "Bearer":  # FastAPI is needed for it alone
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from coatcheck.fastapi import Bearer

    return Bearer
