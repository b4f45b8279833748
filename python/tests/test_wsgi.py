"""What PEP 3333 allows an application to do, with a session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from coatcheck.wsgi import SessionMiddleware
from conftest import SECRET
from stacks import wsgi_call


def serve(app: Any, store: str, cookie: str | None = None, **options: Any) -> Any:
    return wsgi_call(SessionMiddleware(app, SECRET, store, **options), "/", cookie, False)


def reader(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(dict(environ["coatcheck.session"])).encode()]


def test_middleware_is_valid_wsgi(memory: str) -> None:
    app = validator(SessionMiddleware(validator(reader), SECRET, memory))
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    import io

    environ["wsgi.input"] = io.BytesIO()
    sent: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        sent.append((status, headers))
        return lambda data: None

    body = app(environ, start_response)
    assert b"".join(body) == b"{}"
    body.close()
    assert sent[0][0] == "200 OK"


def test_generator_that_starts_late(memory: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ["coatcheck.session"]["late"] = 1
        start_response("200 OK", [])
        yield b"one"
        yield b"two"

    answer = serve(app, memory)
    assert answer.body == b"onetwo"
    assert serve(reader, memory, answer.cookie).body == b"{'late': 1}"


def test_change_in_the_stream_is_stored_where_there_is_a_cookie(memory: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        session = environ["coatcheck.session"]
        session.setdefault("first", 1)
        start_response("200 OK", [])
        yield b"one"
        session["second"] = 2
        yield b"two"

    answer = serve(app, memory)
    assert serve(reader, memory, answer.cookie).body == b"{'first': 1, 'second': 2}"


def test_write_callable(memory: str) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        environ["coatcheck.session"]["a"] = 1
        write(b"written ")
        return [b"returned"]

    answer = serve(app, memory)
    assert answer.body == b"written returned"
    assert serve(reader, memory, answer.cookie).body == b"{'a': 1}"


def test_error_after_start_response_replaces_the_headers(memory: str) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-First", "1")])
        try:
            raise ValueError("no")
        except ValueError:
            start_response("500 Internal Server Error", [("X-Second", "1")], sys.exc_info())
        return [b"sorry"]

    answer = serve(app, memory)
    assert answer.status == 500
    assert answer.header("X-First") is None
    assert answer.header("X-Second") == "1"


def test_second_start_response_without_an_error_is_refused(memory: str) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(AssertionError, match="start_response"):
        serve(app, memory)


def test_body_is_closed(memory: str) -> None:
    class Body:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            self.closed = True

    body = Body()

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return body

    assert serve(app, memory).body == b"x"
    assert body.closed


def test_empty_body_still_sends_the_headers(memory: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ["coatcheck.session"]["a"] = 1
        start_response("204 No Content", [])
        return iter(())

    answer = serve(app, memory)
    assert answer.status == 204
    assert answer.set_cookie is not None


def test_file_wrapper_is_passed_through(memory: str) -> None:
    class Wrapper:
        def __init__(self, chunks: list[bytes]) -> None:
            self.chunks = chunks

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.chunks)

    bodies: list[Any] = []

    def app(environ: Any, start_response: Any) -> Wrapper:
        environ["wsgi.file_wrapper"] = Wrapper
        start_response("200 OK", [])
        return Wrapper([b"file"])

    middleware = SessionMiddleware(app, SECRET, memory)

    def watched(environ: Any, start_response: Any) -> Any:
        bodies.append(middleware(environ, start_response))
        return bodies[0]

    assert wsgi_call(watched, "/", None, False).body == b"file"
    assert type(bodies[0]) is Wrapper, "the server may send it with sendfile"


def test_durability_disk(tmp_path: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["coatcheck.session"]["a"] = 1
        start_response("200 OK", [])
        return [b""]

    url = f"file:{tmp_path / 'sessions'}?durability=disk"
    assert serve(reader, url, serve(app, url).cookie).body == b"{'a': 1}"


def test_exception_leaves_the_session_as_it_was(memory: str) -> None:
    def good(environ: Any, start_response: Any) -> list[bytes]:
        environ["coatcheck.session"]["a"] = 1
        start_response("200 OK", [])
        return [b""]

    def bad(environ: Any, start_response: Any) -> list[bytes]:
        environ["coatcheck.session"]["a"] = 2
        raise ValueError("no")

    cookie = serve(good, memory).cookie
    with pytest.raises(ValueError, match="no"):
        serve(bad, memory, cookie)
    assert serve(reader, memory, cookie).body == b"{'a': 1}"
