"""Starlette's own session: a signed, readable cookie, byte for byte (``starlette/middleware/sessions.py``, 1.x).

For moving services one by one: whoever still runs Starlette's code reads what this writes, and the other way round.
Signature and attributes are the core's (``coatcheck/peers.hpp``, ``coatcheck/cookie.hpp``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from coatcheck import _core
from coatcheck._json import loads
from coatcheck._vary import vary_on_cookie

__all__ = ["Session", "SignedCookieSessions"]

log = logging.getLogger("coatcheck")
_KEEPS = 4096  # bytes of a cookie that browsers keep (RFC 6265bis, 5.6)

Message = MutableMapping[str, Any]


class Session(dict[str, Any]):
    """Starlette's session, which also notices what was changed inside a list or a dict."""

    accessed = False  # whether somebody looked at it: the response depends on the cookie
    _marked = False
    _read: Any = None  # what it held when somebody looked first, to compare with

    @property
    def modified(self) -> bool:
        """Whether it is to be written: something was set, or is not what was read."""
        return self._marked or (self._read is not None and not _core.same(self._read, self))

    def mark_accessed(self) -> None:
        """Called by Starlette when ``request.session`` is looked at."""
        self.accessed = True
        self._look()

    def mark_modified(self) -> None:
        """Has the cookie written, whatever changed."""
        self.accessed = self._marked = True

    def _look(self) -> None:
        if self._read is None:
            self._read = {}
            _core.fill(self._read, self)

    # Ways to get hold of a list or a dict inside, also past request.session.

    def __getitem__(self, key: str) -> Any:
        self._look()
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As dict's."""
        self._look()
        return super().get(key, default)

    def values(self) -> Any:
        """As dict's."""
        self._look()
        return super().values()

    def items(self) -> Any:
        """As dict's."""
        self._look()
        return super().items()

    def __setitem__(self, key: str, value: Any) -> None:
        self.mark_modified()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.mark_modified()
        super().__delitem__(key)

    def __ior__(self, other: Any) -> Session:  # type: ignore[override,misc]
        self.mark_modified()
        return super().__ior__(other)

    def clear(self) -> None:
        """Logs out: the cookie is deleted."""
        self.mark_modified()
        super().clear()

    def pop(self, key: str, *default: Any) -> Any:
        """As dict's."""
        if key in self:
            self.mark_modified()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """As dict's."""
        item = super().popitem()
        self.mark_modified()
        return item

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As dict's."""
        if key not in self:
            self.mark_modified()
        self._look()
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As dict's."""
        self.mark_modified()
        super().update(*args, **kwargs)

    def regenerate(self) -> None:
        """Writes the cookie anew: there is no id in it that could be taken."""
        self.mark_modified()


class SignedCookieSessions:
    """The middleware. ``max_age``: seconds, or None for a cookie of any age; secrets newest first."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        secrets: Sequence[str | bytes],
        name: str,
        max_age: int | None,
        path: str,
        same_site: str,
        secure: bool,
        domain: str | None,
        partitioned: bool,
    ) -> None:
        self._app = app
        self._codec = _core.PeerCookie("starlette", secrets)
        self._name = name
        self._age = None if max_age is None else max_age * 1000
        self._set, self._cleared = (
            _core.starlette_attributes(name, path, domain or "", same_site, secure, partitioned, max_age, clears)
            for clears in (False, True)
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" and scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        held = self._held(scope["headers"])
        session = scope["session"] = Session() if held is None else Session(held)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                last = scope["session"]  # the application may have put another in its place
                if last is not session or session.accessed or session.modified:
                    self._finish(last, held is not None, message)
            await send(message)

        await self._app(scope, receive, send_with_cookie)

    def _held(self, headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, Any] | None:
        """What the request's cookie holds; None: there is none that holds."""
        cookies = [value for name, value in headers if name == b"cookie"]
        text = self._codec.read(b"; ".join(cookies), self._name, self._age) if cookies else None
        if text is None:
            return None
        try:
            data = loads(text)
        except (ValueError, RecursionError):
            return None  # signed by somebody who writes something else
        return data if isinstance(data, dict) else None

    def _finish(self, session: Any, held: bool, message: Message) -> None:
        """Starlette's rules, on whatever stands for the session by now."""
        headers: list[tuple[bytes, bytes]] = list(message.get("headers") or ())
        if getattr(session, "accessed", True):
            vary_on_cookie(headers)
        if getattr(session, "modified", True):
            line = None
            if session:
                line = self._codec.encode(json.dumps(session)).join(self._set)
                if len(line) > _KEEPS:
                    log.error("the session's cookie has %d bytes; browsers drop one of more than 4096", len(line))
            elif held:
                line = "null".join(self._cleared)
            if line is not None:
                headers.append((b"set-cookie", line.encode("latin-1")))
        message["headers"] = headers
