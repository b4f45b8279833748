"""Changes after the response's headers went out: stored where the browser has the cookie, else told, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import coatcheck.flask
import coatcheck.starlette
import coatcheck.wsgi
import flask
import pytest
from conftest import SECRET
from stacks import STACKS, Answer, asgi_call, wsgi_call
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

Step = Callable[[Any], None]


def flask_site(store: str, before: Step, after: Step, **options: Any) -> Any:
    app = flask.Flask("late")
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=store, COATCHECK_MODE=options.get("mode"))
    coatcheck.flask.Coatcheck(app)

    def view() -> flask.Response:
        before(flask.session)

        def body() -> Iterator[bytes]:
            yield b"first"
            after(flask.session)
            yield b"second"

        return flask.Response(flask.stream_with_context(body()))

    app.add_url_rule("/", view_func=view)
    return app


def wsgi_site(store: str, before: Step, after: Step, **options: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        session = environ["coatcheck.session"]
        before(session)
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"first"
        after(session)
        yield b"second"

    return coatcheck.wsgi.SessionMiddleware(application, SECRET, store, **options)


def starlette_site(store: str, before: Step, after: Step, **options: Any) -> Any:
    async def view(request: Request) -> StreamingResponse:
        before(request.session)

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            after(request.session)
            yield b"second"

        return StreamingResponse(body())

    return coatcheck.starlette.SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store=store, **options)


def serve(stack: str, store: str, before: Step, after: Step, cookie: str | None = None, **options: Any) -> Answer:
    make = {"flask": flask_site, "starlette": starlette_site, "wsgi": wsgi_site}[stack]
    app = make(store, before, after, **options)
    if stack == "starlette":
        return asyncio.run(asgi_call(app, "/", cookie))
    return wsgi_call(app, "/", cookie, False)


def nothing(session: Any) -> None:
    pass


def change(session: Any) -> None:
    session["late"] = session.get("late", 0) + 1


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "coatcheck" and one.levelno == logging.WARNING]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("before", [nothing, len], ids=["untouched", "read"])
def test_a_new_session_that_changes_late_is_told_once(
    stack: str, before: Step, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = serve(stack, store, before, change)
    assert (answer.status, answer.body, answer.set_cookie) == (200, b"firstsecond", None)
    (message,) = warnings_of(caplog)
    assert message.startswith("late: a new session changed after the response's headers went out")


@pytest.mark.parametrize("stack", STACKS)
def test_a_stored_session_that_changes_late_is_stored(stack: str, store: str, caplog: pytest.LogCaptureFixture) -> None:
    first = serve(stack, store, change, nothing)
    for before in (nothing, len, change):
        serve(stack, store, before, change, first.cookie)
    seen: list[Any] = []
    serve(stack, store, lambda session: seen.append(session["late"]), nothing, first.cookie)
    assert seen == [5]
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", ["jwt", "jwe"])
def test_a_session_in_its_cookie_that_changes_late_is_told_once(
    stack: str, mode: str, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = serve(stack, store, change, nothing, mode=mode)
    serve(stack, store, nothing, change, first.cookie, mode=mode)
    (message,) = warnings_of(caplog)
    assert message.startswith("late: a session in its cookie changed after")


@pytest.mark.parametrize("stack", STACKS)
def test_a_session_that_is_only_read_late_is_not_told(stack: str, store: str, caplog: pytest.LogCaptureFixture) -> None:
    serve(stack, store, nothing, lambda session: session.get("late"))
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_session_that_is_renewed_late_is_told_and_keeps_its_id(
    stack: str, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = serve(stack, store, change, nothing)
    serve(stack, store, nothing, lambda session: session.regenerate(), first.cookie)
    (message,) = warnings_of(caplog)
    assert message.startswith("late: a new session changed after")
    seen: list[Any] = []
    serve(stack, store, lambda session: seen.append(session.get("late")), nothing, first.cookie)
    assert seen == [1]


@pytest.mark.parametrize("stack", STACKS)
def test_a_logout_late_is_a_logout(stack: str, store: str) -> None:
    first = serve(stack, store, change, nothing)
    serve(stack, store, nothing, lambda session: session.clear(), first.cookie)
    seen: list[Any] = []
    serve(stack, store, lambda session: seen.append(session.get("late")), nothing, first.cookie)
    assert seen == [None]
