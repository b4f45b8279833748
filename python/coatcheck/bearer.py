"""Bearer tokens for ASGI, WSGI and FastAPI (RFC 6750): verified before the application sees the request.

The token comes from the header ``Authorization`` or, where one is named, from a cookie; one in the query or the body is
never read. What the application gets holds the claims and the header, not the token: what is logged can't be replayed.

- ``BearerMiddleware(app, ...)`` (ASGI): ``request.state.auth``.
- ``WSGIBearer(app, ...)``: ``environ["coatcheck.auth"]``.
- ``Bearer(...)``: a FastAPI dependency: ``auth: Auth = Depends(bearer)``, or ``Security(bearer, scopes=[...])``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from coatcheck import _core
from coatcheck.errors import ConfigError, Error
from coatcheck.jwt.exceptions import InvalidTokenError
from coatcheck.jwt.jwks_client import RemoteKeys
from coatcheck.jwt.keys import Key, KeySet
from coatcheck.jwt.tokens import Verifier

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from fastapi.security import SecurityScopes
    from starlette.requests import HTTPConnection

__all__ = ["Auth", "Bearer", "BearerError", "BearerMiddleware", "WSGIBearer"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_TOKEN = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_TOLERANCE = 5  # seconds; clocks of two machines differ


@dataclass(frozen=True)
class Auth:
    """What is known about who sent the request."""

    claims: dict[str, Any]
    header: dict[str, Any]

    @property
    def subject(self) -> str | None:
        return self.claims.get("sub")

    @property
    def scopes(self) -> list[str]:
        """``scope``, a text with spaces (RFC 8693, 4.2), or ``scp``, a list or such a text."""
        value = self.claims.get("scope", self.claims.get("scp"))
        if isinstance(value, str):
            return value.split(" ")
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


class BearerError(Error):
    """A request that is not let in: ``status``, and ``headers`` with the challenge of RFC 6750, 3."""

    def __init__(self, message: str, code: str, status: int = 401, challenge: str | None = None) -> None:
        super().__init__(message, code)
        self.status = status
        self.headers = {"WWW-Authenticate": challenge} if challenge is not None else {}

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.code, self.status, self.headers.get("WWW-Authenticate"))


def _quoted(text: str) -> str:
    return '"' + re.sub(r'[^\x20-\x7e]|["\\]', " ", text) + '"'


class _Guard:
    """The options and the checks that the three forms share."""

    def __init__(
        self,
        keys: Key | Iterable[Key] | KeySet | RemoteKeys | None,
        jwks: str | None,
        verifier: Verifier | None,
        scopes: Sequence[str],
        cookie: str | None,
        optional: bool,
        realm: str | None,
        policy: Mapping[str, Any],
    ) -> None:
        if sum(given is not None for given in (keys, jwks, verifier)) != 1:
            raise ConfigError("give one of keys, jwks (a URL) and verifier", "ERR_INVALID_OPTION")
        if verifier is None:
            from_where = keys if keys is not None else RemoteKeys(jwks or "")
            verifier = Verifier(from_where, **{"leeway": _TOLERANCE, **policy})
        elif policy:
            raise ConfigError("with a verifier of your own, its options are its own", "ERR_INVALID_OPTION")
        if isinstance(scopes, str):
            raise TypeError("scopes must be a list of strings")
        self.verifier = verifier
        self.scopes = list(scopes)
        self.cookie = cookie
        self.optional = optional
        self.realm = realm

    def challenge(self, error: str | None = None, description: str = "", scopes: Sequence[str] = ()) -> str:
        parts = [f"realm={_quoted(self.realm)}"] if self.realm is not None else []
        if error is not None:
            parts += [f'error="{error}"', f"error_description={_quoted(description)}"]
        if scopes:
            parts.append(f"scope={_quoted(' '.join(scopes))}")
        return f"Bearer {', '.join(parts)}" if parts else "Bearer"

    def token(self, authorization: Sequence[bytes], cookies: Sequence[bytes]) -> str | None:
        """The one token of the request; None: it has none. Raises BearerError for two and for malformed ones."""
        if len(authorization) > 1:
            raise self._bad_request("the header Authorization was sent more than once")
        found = None
        if authorization and re.match(rb"bearer(?: |$)", authorization[0], re.IGNORECASE):
            match = _TOKEN.fullmatch(authorization[0].strip(b" \t"))
            if match is None:
                raise self._bad_request("the header Authorization is malformed")
            found = match[1].decode("ascii")
        if self.cookie is None or not cookies:
            return found
        values, _ = _core.find_cookie(b"; ".join(cookies), self.cookie)
        if len(values) > 1:
            raise self._bad_request("the cookie was sent more than once")
        other = values[0].decode("latin-1") if values else None
        if found is not None and other is not None and found != other:
            raise self._bad_request("two different tokens were sent, one in the header and one in a cookie")
        return found or other or None

    def _bad_request(self, message: str) -> BearerError:
        return BearerError(message, "ERR_TOKEN_MALFORMED", 400, self.challenge("invalid_request", message))

    def missing(self) -> BearerError:
        return BearerError("a token is needed", "ERR_TOKEN_MISSING", 401, self.challenge())

    def refused(self, why: Error) -> Error:
        """A 401 for a token that does not hold. Whether the keys are there is not the client's affair: a 503."""
        if isinstance(why, InvalidTokenError):
            return BearerError(str(why), why.code, 401, self.challenge("invalid_token", str(why)))
        return BearerError("the keys to verify tokens with are not available", why.code, 503)

    def admit(self, checked: tuple[dict[str, Any], dict[str, Any]], more: Sequence[str] = ()) -> Auth:
        auth = Auth(*checked)
        needed = [*self.scopes, *more]
        if needed:
            has = set(auth.scopes)
            if any(scope not in has for scope in needed):
                message = "the token does not have the scope that is needed"
                text = self.challenge("insufficient_scope", message, needed)
                raise BearerError(message, "ERR_TOKEN_SCOPE", 403, text)
        return auth

    def check(self, authorization: Sequence[bytes], cookies: Sequence[bytes]) -> Auth | None:
        token = self.token(authorization, cookies)
        if token is None:
            if self.optional:
                return None
            raise self.missing()
        try:
            checked = self.verifier.verify_complete(token)
        except Error as why:
            raise self.refused(why) from why
        return self.admit(checked)

    async def check_async(
        self, authorization: Sequence[bytes], cookies: Sequence[bytes], more: Sequence[str] = ()
    ) -> Auth | None:
        token = self.token(authorization, cookies)
        if token is None:
            if self.optional and not more:
                return None
            raise self.missing()
        try:
            # On the loop, but for a set at a URL, which may have to be fetched.
            verify = self.verifier
            checked = await verify.verify_async(token) if verify.remote else verify.verify_complete(token)
        except Error as why:
            raise self.refused(why) from why
        return self.admit(checked, more)


def _body(why: BearerError) -> bytes:
    return json.dumps({"error": why.code, "message": str(why)}).encode()


class BearerMiddleware:
    """ASGI. ``scope["state"]["auth"]``, which is ``request.state.auth``, is an ``Auth``, or None where ``optional``.

    One of ``keys``, ``jwks`` (a URL) and ``verifier``; ``scopes``: those that every request needs; ``cookie``: the name
    of a cookie that may carry the token; ``optional``: let requests without a token in; ``realm``: of the challenge.
    Further options are those of ``coatcheck.jwt.Verifier`` (``audience``, ``issuer``, ``types``, ``cache``, …).
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Key | Iterable[Key] | KeySet | RemoteKeys | None = None,
        *,
        jwks: str | None = None,
        verifier: Verifier | None = None,
        scopes: Sequence[str] = (),
        cookie: str | None = None,
        optional: bool = False,
        realm: str | None = None,
        **policy: Any,
    ) -> None:
        self.app = app
        self.guard = _Guard(keys, jwks, verifier, scopes, cookie, optional, realm, policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = scope["headers"]
        authorization = [value for name, value in headers if name == b"authorization"]
        cookies = [value for name, value in headers if name == b"cookie"]
        try:
            auth = await self.guard.check_async(authorization, cookies)
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
        body = _body(why)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in why.headers.items()),
        ]
        await send({"type": "http.response.start", "status": why.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class WSGIBearer:
    """WSGI: ``environ["coatcheck.auth"]``. Options as of ``BearerMiddleware``."""

    def __init__(
        self,
        app: WSGIApplication,
        keys: Key | Iterable[Key] | KeySet | RemoteKeys | None = None,
        *,
        jwks: str | None = None,
        verifier: Verifier | None = None,
        scopes: Sequence[str] = (),
        cookie: str | None = None,
        optional: bool = False,
        realm: str | None = None,
        environ_key: str = "coatcheck.auth",
        **policy: Any,
    ) -> None:
        self.app = app
        self.environ_key = environ_key
        self.guard = _Guard(keys, jwks, verifier, scopes, cookie, optional, realm, policy)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def values(name: str) -> list[bytes]:
            given = environ.get(name)
            return [] if given is None else [given.encode("latin-1")]

        try:
            # A server joins what was sent twice with commas, which no token holds: that is malformed.
            auth = self.guard.check(values("HTTP_AUTHORIZATION"), values("HTTP_COOKIE"))
        except BearerError as why:
            body = _body(why)
            headers = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                *why.headers.items(),
            ]
            start_response(f"{why.status} {HTTPStatus(why.status).phrase}", headers)
            return [body]
        environ[self.environ_key] = auth
        return self.app(environ, start_response)


class Bearer:
    """A FastAPI dependency that gives the request's ``Auth``. Options as of ``BearerMiddleware``.

    ``Security(bearer, scopes=["orders:read"])`` asks for scopes per route. FastAPI is needed when an object is made,
    and not to import this module.
    """

    def __init__(
        self,
        keys: Key | Iterable[Key] | KeySet | RemoteKeys | None = None,
        *,
        jwks: str | None = None,
        verifier: Verifier | None = None,
        scopes: Sequence[str] = (),
        cookie: str | None = None,
        optional: bool = False,
        realm: str | None = None,
        **policy: Any,
    ) -> None:
        import inspect

        from fastapi.openapi.models import HTTPBearer
        from fastapi.security import SecurityScopes
        from starlette.requests import HTTPConnection

        self.guard = _Guard(keys, jwks, verifier, scopes, cookie, optional, realm, policy)
        self.model = HTTPBearer(bearerFormat="JWT")  # for OpenAPI
        self.scheme_name = "Bearer"
        # FastAPI looks at the signature: the annotations above are text that this module could not resolve.
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter("connection", positional, annotation=HTTPConnection),
                inspect.Parameter("needed", positional, annotation=SecurityScopes),
            ]
        )

    async def __call__(self, connection: HTTPConnection, needed: SecurityScopes) -> Auth | None:
        from starlette.exceptions import HTTPException

        raw = connection.scope["headers"]
        authorization = [value for name, value in raw if name == b"authorization"]
        cookies = [value for name, value in raw if name == b"cookie"]
        try:
            auth = await self.guard.check_async(authorization, cookies, needed.scopes)
        except BearerError as why:
            raise HTTPException(why.status, str(why), why.headers) from why
        connection.state.auth = auth
        return auth
