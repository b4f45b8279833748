"""coatcheck.starlette in the place of Starlette's own: its arguments, and mode="starlette" header for header."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import anyio
import coatcheck.asgi
import coatcheck.starlette
import pytest
import time_machine
from itsdangerous import TimestampSigner
from stacks import Answer, asgi_call
from starlette.applications import Starlette
from starlette.datastructures import Secret
from starlette.middleware.sessions import SessionMiddleware as Starlettes
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

SECRET = "dev-secret-key"
LONG_SECRET = "a secret for the tests, 32 bytes or more"


def popitem(session: Any) -> None:
    if session:
        session.popitem()


PROGRAMS: dict[str, Any] = {
    "look": lambda session: session.get("user"),
    "small": lambda session: session.update(user=42),
    "text": lambda session: session.__setitem__("n", "é😀\"'"),
    "same": lambda session: session.__setitem__("user", 42),
    "ior": lambda session: session.__ior__({"a": [1, {"b": None}]}),
    "empty-update": lambda session: session.update(),
    "clear": lambda session: session.clear(),
    "pop": lambda session: session.pop("user", None),
    "pop-none": lambda session: session.pop("none", None),
    "popitem": popitem,
    "setdefault": lambda session: session.setdefault("user", 1),
    "del": lambda session: session.__delitem__("user") if "user" in session else None,
    "float": lambda session: session.update(f=1.0, g=1e-7, big=2**70),
}
RUNS = [
    ["nothing", "look", "small", "nothing", "look", "clear", "look"],
    ["text", "ior", "float", "look", "popitem", "popitem"],
    ["small", "same", "setdefault", "empty-update", "pop-none", "pop", "look"],
    ["clear", "pop", "del", "popitem", "setdefault", "del", "del"],
    ["small", "vary", "stream", "error"],
]
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"session_cookie": "own", "path": "/app", "same_site": "strict"},
    {"https_only": True, "domain": ".site.test", "partitioned": True, "same_site": "none"},
    {"max_age": None},
    {"max_age": 60},
    {"max_age": 0},
    {"max_age": -1},
    {"same_site": "none"},
]


def make_app(middleware: Any, secret: Any = SECRET, **arguments: Any) -> Any:
    async def run(request: Request) -> Any:
        name = request.path_params["name"]
        if name in PROGRAMS:
            return PlainTextResponse(repr(PROGRAMS[name](request.session)))
        if name == "vary":
            return PlainTextResponse(repr(dict(request.session)), headers={"vary": "Accept"})
        if name == "error":
            request.session["x"] = 1
            raise RuntimeError("of the application")

        async def chunks() -> Any:
            for at in range(3):
                yield str(at)

        return StreamingResponse(chunks()) if name == "stream" else PlainTextResponse("")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(dict(websocket.session))
        await websocket.close()

    routes = [Route("/{name}", run), WebSocketRoute("/socket/{name}", socket)]
    return middleware(Starlette(routes=routes), secret, **arguments)


def ours(*arguments: Any, **named: Any) -> Any:
    return coatcheck.starlette.SessionMiddleware(*arguments, mode="starlette", **named)


def call(app: Any, name: str, cookie: str | None = None) -> Answer:
    try:
        return asyncio.run(asgi_call(app, f"/{name}", cookie))
    except RuntimeError as error:
        return Answer(500, [], str(error).encode())


@pytest.fixture(autouse=True)
def _one_second() -> Iterator[None]:
    with time_machine.travel(1_700_000_000, tick=False):
        yield


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("run", RUNS, ids=" ".join)
def test_answers_are_starlettes_own(run: list[str], arguments: dict[str, Any]) -> None:
    apps = [make_app(middleware, **arguments) for middleware in (ours, Starlettes)]
    cookies: list[str | None] = [None, None]
    for name in run:
        answers = [call(app, name, cookie) for app, cookie in zip(apps, cookies, strict=True)]
        assert answers[0] == answers[1], name
        if answers[0].set_cookie is not None:
            cookies = [answer.cookie for answer in answers]


@pytest.mark.parametrize(("writes", "reads"), [(ours, Starlettes), (Starlettes, ours)])
def test_each_reads_what_the_other_wrote(writes: Any, reads: Any) -> None:
    cookie = call(make_app(writes), "small").cookie
    assert call(make_app(reads), "look", f"other=1; {cookie}").body == b"42"
    with TestClient(make_app(reads)).websocket_connect("/socket/x", headers={"Cookie": cookie}) as socket:
        assert socket.receive_json() == {"user": 42}


def test_a_change_inside_a_value_is_written() -> None:
    PROGRAMS["inside"] = lambda session: session["list"].append(1)
    PROGRAMS["list"] = lambda session: session.update(list=[])
    app = make_app(ours)
    cookie = call(app, "list").cookie
    cookie = call(app, "inside", cookie).cookie
    assert call(app, "inside", cookie).set_cookie is not None
    assert call(app, "look", cookie).set_cookie is None
    PROGRAMS["count"] = lambda session: len(session["list"])
    assert call(app, "count", cookie).body == b"1"


def test_secrets_that_were_replaced_still_verify() -> None:
    cookie = call(make_app(Starlettes), "small").cookie
    assert call(make_app(ours, secret=["newer", SECRET]), "look", cookie).body == b"42"
    assert call(make_app(ours, secret=["newer"]), "look", cookie).body == b"None"
    assert call(make_app(ours, secret=Secret(SECRET)), "look", cookie).body == b"42"


@pytest.mark.parametrize("text", ["", "[1]", "null", "{", "1", "[" * 100_000, "\x00"], ids=lambda text: text[:9])
def test_what_is_signed_and_no_session_is_an_empty_one(text: str) -> None:
    signed = TimestampSigner(SECRET).sign(b64encode(text.encode())).decode()
    answer = call(make_app(ours), "look", f"session={signed}")
    assert (answer.status, answer.body) == (200, b"None")


def test_a_clock_that_is_behind_logs_nobody_out_and_age_does() -> None:
    def seen(after: float) -> bytes:
        with time_machine.travel(1_700_000_000 + after, tick=False):
            cookie = call(make_app(ours), "small").cookie
        return call(make_app(ours, max_age=60), "look", cookie).body

    assert [seen(after) for after in (0, -60, 5, 60)] == [b"42"] * 4
    assert [seen(after) for after in (-61, 61)] == [b"None"] * 2


def test_a_cookie_that_browsers_drop_is_told(caplog: pytest.LogCaptureFixture) -> None:
    PROGRAMS["much"] = lambda session: session.update(text="x" * 5000)
    assert call(make_app(ours), "much").set_cookie is not None
    assert "browsers drop" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        {"session_cookie": "a b"},
        {"session_cookie": "a=b"},
        {"session_cookie": ""},
        {"path": "/;x"},
        {"path": "/\r\nX: 1"},
        {"domain": "a;b"},
        {"domain": "a\nb"},
        {"same_site": "sometimes"},
        {"store": "memory:"},
        {"idle_timeout": 5},
        {"max_age": "day"},
        {"secret": []},
        {"secret": ""},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette puts a path or domain into its header as it is."""
    monkeypatch.delenv("COATCHECK_SECRET", raising=False)
    with pytest.raises(coatcheck.ConfigError):
        make_app(ours, **arguments)


def test_the_arguments_have_starlettes_order_and_defaults(memory: str) -> None:
    app = make_app(coatcheck.starlette.SessionMiddleware, LONG_SECRET, store=memory)
    line = call(app, "small").set_cookie
    assert line is not None
    assert line.endswith("; path=/; Max-Age=1209600; httponly; samesite=lax")
    positional = coatcheck.starlette.SessionMiddleware(
        Starlette(routes=[Route("/", lambda request: PlainTextResponse(str(request.session.update(a=1))))]),
        LONG_SECRET,
        "own",
        60,
        "/p",
        "strict",
        True,
        "site.test",
        True,
        store=memory,
    )
    line = asyncio.run(asgi_call(positional, "/")).set_cookie
    assert line is not None
    assert line.startswith("own=s%3A")
    assert line.endswith("; path=/p; Max-Age=60; httponly; samesite=strict; secure; domain=site.test; partitioned")


def test_a_session_lasts_as_long_as_its_cookie(memory: str, clock: Any) -> None:
    day = 24 * 3600 * 1000
    app = make_app(coatcheck.starlette.SessionMiddleware, LONG_SECRET, store=memory, clock=clock)
    first = call(app, "small")
    for _ in range(2):
        clock.advance(13 * day)
        answer = call(app, "look", first.cookie)
        assert (answer.body, answer.cookie) == (b"42", first.cookie), "read within 14 days, the cookie is sent again"
    clock.advance(15 * day)
    assert call(app, "look", first.cookie).body == b"None"


def test_an_idle_timeout_alone_is_the_cookies_age_too(memory: str) -> None:
    app = make_app(coatcheck.starlette.SessionMiddleware, LONG_SECRET, store=memory, idle_timeout=600)
    assert "; Max-Age=600;" in (call(app, "small").set_cookie or "")
    app = make_app(coatcheck.starlette.SessionMiddleware, LONG_SECRET, store=memory, idle_timeout=600, max_age=None)
    assert "Max-Age" not in (call(app, "small").set_cookie or "")


@pytest.mark.parametrize("age", [0, -1])
def test_an_age_that_is_over_keeps_nothing(age: int, memory: str) -> None:
    app = make_app(coatcheck.starlette.SessionMiddleware, LONG_SECRET, store=memory, max_age=age)
    answer = call(app, "small")
    assert answer.set_cookie == f"session=; path=/; Max-Age={age}; httponly; samesite=lax"
    assert call(app, "look", answer.cookie).body == b"None"
    assert call(app, "nothing").set_cookie is None


def test_trio() -> None:
    app = make_app(ours)
    answer = anyio.run(asgi_call, app, "/small", backend="trio")
    assert answer.set_cookie == call(app, "small").set_cookie


def test_a_hundred_at_once() -> None:
    app = make_app(ours)

    async def one(at: int) -> bool:
        signed = TimestampSigner(SECRET).sign(b64encode(json.dumps({"user": at}).encode())).decode()
        answers = [await asgi_call(app, "/look", f"session={signed}") for _ in range(3)]
        return all(answer.body == str(at).encode() for answer in answers)

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(one(at) for at in range(100)))

    assert all(asyncio.run(all_of_them()))


def test_any_asgi_application_in_coatchecks_words(memory: str) -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        scope["session"]["n"] = scope["session"].get("n", 0) + 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(scope["session"]["n"]).encode()})

    app = coatcheck.asgi.SessionMiddleware(plain, LONG_SECRET, memory, cookie_name="own", secure="always")
    first = asyncio.run(asgi_call(app, "/"))
    assert first.set_cookie is not None
    assert first.set_cookie.endswith("; Path=/; HttpOnly; Secure; SameSite=Lax")
    assert asyncio.run(asgi_call(app, "/", first.cookie)).body == b"2"
