"""Sessions for any WSGI application (PEP 3333): ``environ["coatcheck.session"]``.

The session is committed when the response's headers go out: with the first chunk of the body, or at ``write()``.
What is changed later, while the body streams, is stored when the body is closed, if the session has a cookie already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from coatcheck import _core
from coatcheck._commit import commit, commit_late
from coatcheck._duration import Duration
from coatcheck._place import StorePlace
from coatcheck._service import NO_STORE, VARY, Secrets, Service, SessionOptions, cookie_options, make_service
from coatcheck.errors import StoreError
from coatcheck.session import Session, start

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

__all__ = ["SessionMiddleware"]

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
_Headers = list[tuple[str, str]]


class SessionMiddleware:
    """Wraps a WSGI application.

    ``secret``: a string, or several, newest first; else COATCHECK_SECRET. ``store``: a store URL; else
    COATCHECK_STORE, else ``file:./sessions``. ``max_age``: how long the browser keeps the cookie (None: until it
    closes); times are seconds or timedeltas. ``options``: see ``coatcheck._service.SessionOptions``.
    """

    def __init__(
        self,
        app: WSGIApplication,
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
        environ_key: str = "coatcheck.session",
        **options: Unpack[SessionOptions],
    ) -> None:
        self.app = app
        self._key = environ_key
        self._always_secure = secure == "always"
        cookie = cookie_options(cookie_name, max_age, domain, path, http_only, secure, same_site, partitioned)
        self.service = make_service(secret, store, cookie, options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        secure = self._always_secure or environ.get("wsgi.url_scheme") == "https"
        session = environ[self._key] = start(self.service, environ.get("HTTP_COOKIE"), secure)
        response = _Response(self.service, session, start_response)
        try:
            body = self.app(environ, response.start)
            wrapper = environ.get("wsgi.file_wrapper")
            if response.recorded and (
                isinstance(body, list | tuple) or (isinstance(wrapper, type) and isinstance(body, wrapper))
            ):
                # The body is there, so the session has its last state; the server sees the very same object.
                response.send_headers()
                return body
        except StoreError as error:
            return response.unavailable(error)
        return _Body(body, response)


class _Response:
    """Holds back the headers until the session is committed."""

    def __init__(self, service: Service, session: Session, start_response: StartResponse) -> None:
        self.service = service
        self.session = session
        self.recorded: tuple[str, _Headers] | None = None
        self._start_response = start_response
        self._write: Any = None

    @property
    def sent(self) -> bool:
        return self._write is not None

    def start(self, status: str, headers: _Headers, exc_info: _ExcInfo = None, /) -> Any:
        if self.sent:
            # Only with exc_info, which the server raises again: the first headers have gone.
            return self._start_response(status, headers, exc_info)
        if self.recorded is not None and exc_info is None:
            raise AssertionError("start_response was called again without exc_info")
        # For the server this will be the first call, so it need not know of the error.
        self.recorded = (status, headers)
        return self._write_chunk

    def _write_chunk(self, chunk: bytes) -> None:
        self.send_headers()
        self._write(chunk)

    def send_headers(self) -> None:
        if self.sent or self.recorded is None:
            return
        status, headers = self.recorded
        headers = list(headers)
        set_cookie = commit(self.service, self.session)
        if set_cookie is not None:
            headers.extend(("Set-Cookie", value) for value in set_cookie.split("\n"))
        wanted = self.service.headers_of(self.session._looked_at, set_cookie)
        if wanted & NO_STORE and not any(name.lower() == "cache-control" for name, _ in headers):
            headers.append(("Cache-Control", "no-store"))
        if wanted & VARY:
            _vary(headers)
        self._write = self._start_response(status, headers)

    def unavailable(self, error: StoreError) -> list[bytes]:
        """Answers 503, unless an answer has begun."""
        if self.sent:
            raise error
        self.service.report(error)
        body = b"The session store gave no answer. Please try again.\n"
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        self._write = self._start_response("503 Service Unavailable", headers)
        return [body]


class _Body:
    """A body whose first chunk sends the headers."""

    def __init__(self, body: Iterable[bytes], response: _Response) -> None:
        self._body = body
        self._chunks: Iterator[bytes] | None = None
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = iter(self._body)
            try:
                chunk = next(self._chunks)
            except StopIteration:
                self._response.send_headers()
                raise
            if not self._response.sent:
                self._response.send_headers()
            return chunk
        except StoreError as error:
            self._chunks = iter(())
            return self._response.unavailable(error)[0]

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            commit_late(self._response.service, self._response.session)


def _vary(headers: _Headers) -> None:
    existing = ", ".join(value for name, value in headers if name.lower() == "vary")
    value = _core.vary_with_cookie(existing)
    if value:
        headers[:] = [item for item in headers if item[0].lower() != "vary"]
        headers.append(("Vary", value))
