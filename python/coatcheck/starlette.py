"""In the place of Starlette's ``SessionMiddleware``, for Starlette and FastAPI: ``request.session``.

The same arguments with the same defaults, and a store behind it; ``mode="starlette"`` keeps Starlette's own cookie, to
the byte. ``coatcheck.asgi`` has the middleware itself, in coatcheck's words.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from coatcheck import _core
from coatcheck._duration import Duration, milliseconds
from coatcheck._place import StorePlace
from coatcheck._service import Secrets, SessionOptions, environment_secret, make_service
from coatcheck._starlette_cookie import Session, SignedCookieSessions
from coatcheck.asgi import ASGIApp, AsyncSession, Message, Receive, Scope, Send
from coatcheck.asgi import SessionMiddleware as AnySessionMiddleware
from coatcheck.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AsyncSession", "Session", "SessionMiddleware"]


class _Default:
    """An argument that was left out."""


_DEFAULT = _Default()
_FOURTEEN_DAYS = 14 * 24 * 60 * 60


class SessionMiddleware(AnySessionMiddleware):
    """Starlette's own arguments, and coatcheck's.

    ``secret_key``: a string, or several, newest first; else COATCHECK_SECRET. ``store``: a store URL; else
    COATCHECK_STORE, else ``file:./sessions``. ``session_cookie``: the default, ``session``, becomes
    ``__Host-session`` on TLS. ``max_age``: how long a session lasts without a request and the browser keeps its
    cookie: 14 days, or ``idle_timeout`` where that alone is given. None: the browser keeps it until it closes, and the
    session lasts as ``idle_timeout`` says. Times are seconds or timedeltas. ``https_only``: every request counts as
    one over TLS; otherwise the cookie is Secure where the request was. ``options``: see
    ``coatcheck._service.SessionOptions``; and ``mode="starlette"``, which keeps the session in Starlette's own signed
    cookie and takes no other of them.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: Secrets | None = None,
        session_cookie: str = "session",
        max_age: Duration | _Default | None = _DEFAULT,
        path: str = "/",
        same_site: str = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
        *,
        store: str | StorePlace | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        if secret_key is not None and not isinstance(secret_key, str | bytes | list | tuple):
            secret_key = str(secret_key)  # starlette.datastructures.Secret
        self.app = app
        self._always_secure = https_only
        if isinstance(max_age, _Default):
            idle = options.get("idle_timeout")
            max_age = _FOURTEEN_DAYS if idle is None else idle
        seconds = _seconds(max_age)
        self._signed: SignedCookieSessions | None = None
        self._ends_at_once: bytes | None = None
        if options.get("mode") == "starlette":
            others = [
                name for name, value in {"store": store, **options}.items() if name != "mode" and value is not None
            ]
            if others:
                raise ConfigError(f'{others[0]} has no use with mode "starlette"', "ERR_INVALID_OPTION")
            secrets = secret_key if secret_key is not None else environment_secret()
            if not secrets:
                raise ConfigError("secret_key is required", "ERR_INVALID_SECRET")
            self._signed = SignedCookieSessions(
                app,
                [secrets] if isinstance(secrets, str | bytes) else list(secrets),
                session_cookie,
                seconds,
                path,
                same_site,
                https_only,
                domain,
                partitioned,
            )
            return
        cookie: dict[str, Any] = {
            "secret_option": "secret_key",
            "cookie_name": None if session_cookie == "session" else session_cookie,
            "max_age": None if seconds is None else max(seconds, 0) * 1000,
            "domain": domain,
            "path": path,
            "secure": "always" if https_only else "auto",
            "same_site": same_site,
            "partitioned": partitioned,
            "cookie_style": "starlette",
        }
        before = {"cookie_name": session_cookie, "max_age": None if seconds is None else max(seconds, 0)}
        self.service = make_service(secret_key, store, cookie, options, before)
        if seconds is not None and seconds <= 0:
            name = self.service.engine.cookie_name(https_only)
            head, tail = _core.starlette_attributes(
                name, path, domain or "", same_site, https_only, partitioned, seconds, False
            )
            self._ends_at_once = (head + tail).encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._signed is not None:
            await self._signed(scope, receive, send)
        elif self._ends_at_once is None:
            await super().__call__(scope, receive, send)
        else:
            await super().__call__(scope, receive, partial(self._send_ended, scope, send))

    async def _send_ended(self, scope: Scope, send: Send, message: Message) -> None:
        """Under a max_age of 0 or less nothing is stored, and the browser is told to keep nothing."""
        session = scope["session"]
        if message["type"] == "http.response.start" and session._looked_at and session:
            message["headers"] = [*(message.get("headers") or ()), (b"set-cookie", self._ends_at_once)]
        await send(message)


def _seconds(max_age: Duration | None) -> int | None:
    """As Starlette takes it: negative, too."""
    if max_age is None:
        return None
    value = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
    ahead = milliseconds(abs(value) if isinstance(value, int | float) else value, "max_age") or 0
    return ahead // 1000 if value >= 0 else -(ahead // 1000)
