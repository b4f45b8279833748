"""``RemoteKeys``: keys from a URL. The core decides when to fetch and what to believe; here is the fetching.

HTTPS unless told otherwise, no redirect, no cookies, a bound on size and time. A set is kept for as long as it is fresh
(Cache-Control within bounds, else ``lifespan``), revalidated by its ETag, and used while it is stale as long as
fetching fails. A ``kid`` that nobody knows causes a fetch, once per ``cooldown``.
"""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from ssl import SSLContext
from typing import Any

from coatcheck import _core
from coatcheck.errors import Error
from coatcheck.jwt.exceptions import PyJWKClientConnectionError
from coatcheck.jwt.keys import call

__all__ = ["NoRedirect", "RemoteKeys", "read_bounded"]

Fetch = tuple[int, str, str, int, int]  # ticket, url, etag, timeout in ms, most bytes


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        return None  # the answer is then an error of its own status


def _now() -> int:
    return time.time_ns() // 1_000_000


def read_bounded(response: Any, most: int, until: float) -> bytes:
    chunks, size = [], 0
    while chunk := response.read1(min(65536, most + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise ValueError(f"the answer has more than {most} bytes")
        if time.monotonic() > until:
            raise TimeoutError("the answer took too long")
    return b"".join(chunks)


class RemoteKeys:
    """A key set at a URL. Threads share it; at most one of them fetches at a time."""

    def __init__(
        self,
        url: str,
        *,
        allow_http: bool = False,
        default_algs: tuple[str, ...] = (),
        lifespan: float = 600,
        cooldown: float = 30,
        stale_for: float = 86400,
        timeout: float = 5,
        max_bytes: int = 256 * 1024,
        headers: dict[str, str] | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        milliseconds = {
            name: round(value * 1000)
            for name, value in {
                "default_age": lifespan,
                "cooldown": cooldown,
                "stale_for": stale_for,
                "timeout": timeout,
            }.items()
        }
        least = min(30_000, milliseconds["default_age"])
        self._core = call(
            _core.RemoteKeySet,
            url=url,
            allow_http=allow_http,
            default_algs=list(default_algs),
            max_bytes=max_bytes,
            least_age=least,
            **milliseconds,
        )
        self._headers = dict(headers or {})
        handlers: list[urllib.request.BaseHandler] = [NoRedirect()]
        if ssl_context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=ssl_context))
        self._opener = urllib.request.build_opener(*handlers)
        self._changed = threading.Condition()

    def keys(self, kid: str = "") -> tuple[_core.JwtKeySet, int]:
        """The keys to verify a token of this ``kid`` with, and a number that changes when they do. May fetch."""
        deadline = time.monotonic() + 60
        while True:
            advice, keys, epoch, fetch, why = self._core.prepare(kid, _now())
            if advice == "use" and keys is not None:
                if fetch is not None:
                    threading.Thread(target=self._fetch, args=(fetch,), daemon=True).start()
                return keys, epoch
            if advice == "unavailable" and why is not None:
                raise PyJWKClientConnectionError(f'Fail to fetch data from the url, err: "{why}"', code=why.code)
            if advice == "fetch" and fetch is not None:
                self._fetch(fetch)
                continue
            with self._changed:
                self._changed.wait(0.05)
            if time.monotonic() > deadline:
                raise PyJWKClientConnectionError("another thread's fetch of the key set does not end")

    def refresh(self) -> None:
        """Fetches, if the cooldown allows it, by asking for a kid that no set has."""
        self.keys("\x7frefresh")

    def _fetch(self, fetch: Fetch) -> None:
        ticket, url, etag, timeout, most = fetch
        headers = {"Accept": "application/jwk-set+json, application/json", **self._headers}
        if etag:
            headers["If-None-Match"] = etag
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the core has checked the scheme
        until = time.monotonic() + timeout / 1000
        try:
            try:
                with self._opener.open(request, timeout=timeout / 1000) as response:
                    status, body, got = response.status, read_bounded(response, most, until), response.headers
            except urllib.error.HTTPError as answer:
                with answer:
                    status, body, got = answer.code, b"", answer.headers
            self._core.finish(
                ticket,
                status,
                body,
                got.get("ETag") or "",
                got.get("Cache-Control") or "",
                got.get("Age") or "",
                _now(),
            )
        except Error:
            pass  # the core remembers what was wrong with the answer, and says so when there are no keys
        except (OSError, HTTPException, ValueError) as why:
            self._core.fail(ticket, str(why), _now())
        finally:
            with self._changed:
                self._changed.notify_all()
