"""``RemoteKeys``: keys from a URL. The core decides when to fetch and what to believe; here is the fetching.

By urllib, without cookies, or by the application's own ``httpx.Client`` with its proxies and certificates. HTTPS unless
told otherwise, no redirect, a bound on size and time. A set is kept for as long as it is fresh
(Cache-Control within bounds, else ``lifespan``), revalidated by its ETag, and used while it is stale as long as
fetching fails. A ``kid`` that nobody knows causes a fetch, once per ``cooldown``.

Members of a set that are of no use are passed over. Which and why is logged once, by the logger ``coatcheck``, and told
to ``on_event``, a function of an event and an error; the event is ``"skipped"``.
"""

from __future__ import annotations

import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from coatcheck import _core
from coatcheck.errors import Error
from coatcheck.jwt.exceptions import PyJWKClientConnectionError
from coatcheck.jwt.keys import call

if TYPE_CHECKING:
    import httpx

__all__ = ["NoRedirect", "RemoteKeys", "read_bounded"]

log = logging.getLogger("coatcheck")

Fetch = tuple[int, str, str, int, int]  # ticket, url, etag, timeout in ms, most bytes
Answer = tuple[int, bytes, Any]  # status, body, headers, whose get() does not mind upper or lower case


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        return None  # the answer is then an error of its own status


def _now() -> int:
    return time.time_ns() // 1_000_000


def read_bounded(response: Any, most: int, until: float) -> bytes:
    """All of urllib's response."""
    return _bounded(iter(lambda: response.read1(65536), b""), most, until)


def _bounded(pieces: Iterable[bytes], most: int, until: float) -> bytes:
    chunks, size = [], 0
    for chunk in pieces:
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise ValueError(f"the answer has more than {most} bytes")
        if time.monotonic() > until:
            raise TimeoutError("the answer took too long")
    return b"".join(chunks)


def _ask_httpx(client: httpx.Client, url: str, headers: dict[str, str], timeout: float, most: int) -> Answer:
    until = time.monotonic() + timeout
    with client.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=False) as response:
        return response.status_code, _bounded(response.iter_bytes(), most, until), response.headers


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
        client: httpx.Client | None = None,
        on_event: Callable[[str, Error], object] | None = None,
    ) -> None:
        if client is not None and ssl_context is not None:
            raise TypeError("ssl_context is for urllib: give the client a verify= of its own")
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
        self._client = client
        handlers: list[urllib.request.BaseHandler] = [NoRedirect()]
        if ssl_context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=ssl_context))
        self._opener = urllib.request.build_opener(*handlers)
        self._changed = threading.Condition()
        self._on_event = on_event

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

    def report(self, lines: list[str]) -> None:
        """What a verifier could not use of a set: each line is told once."""
        error = self._core.report(lines)
        if error is None:
            return
        log.warning("skipped: %s", error)
        if self._on_event is not None:
            self._on_event("skipped", error)

    def refresh(self) -> None:
        """Fetches, if the cooldown allows it, by asking for a kid that no set has."""
        self.keys("\x7frefresh")

    def _fetch(self, fetch: Fetch) -> None:
        ticket, url, etag, timeout, most = fetch
        headers = {"Accept": "application/jwk-set+json, application/json", **self._headers}
        if etag:
            headers["If-None-Match"] = etag
        try:
            if self._client is None:
                status, body, got = self._ask_urllib(url, headers, timeout / 1000, most)
            else:
                status, body, got = _ask_httpx(self._client, url, headers, timeout / 1000, most)
            etag, fresh, age = (got.get(name) or "" for name in ("ETag", "Cache-Control", "Age"))
            self._core.finish(ticket, status, body, etag, fresh, age, _now())
        except Error:
            pass  # the core remembers what was wrong with the answer, and says so when there are no keys
        except BaseException as why:  # a fetch that was begun must end: others wait for it
            self._core.fail(ticket, str(why) or type(why).__name__, _now())
            if not isinstance(why, Exception):
                raise
        finally:
            with self._changed:
                self._changed.notify_all()

    def _ask_urllib(self, url: str, headers: dict[str, str], timeout: float, most: int) -> Answer:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the core has checked the scheme
        until = time.monotonic() + timeout
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return response.status, read_bounded(response, most, until), response.headers
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, b"", answer.headers
