"""What ASGI applications rely on: FastAPI, Starlette's test client, WebSockets, streams, errors, other loops."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET
from fastapi import FastAPI, Request, WebSocket
from stacks import asgi_call
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient


def make_app(**options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, **{"secret_key": SECRET, "store": f"memory:{uuid.uuid4().hex}", **options})

    @app.get("/set/{key}/{value}")
    async def put(key: str, value: str, request: Request) -> dict[str, Any]:
        request.session[key] = value
        return dict(request.session)

    @app.get("/read")
    def read(request: Request) -> dict[str, Any]:
        return request.session

    @app.get("/clear")
    async def clear(request: Request) -> None:
        request.session.clear()

    return app


def test_fastapi_with_starlettes_client() -> None:
    client = TestClient(make_app())
    assert client.get("/set/user/ann").json() == {"user": "ann"}
    assert client.get("/read").json() == {"user": "ann"}
    assert client.get("/clear").status_code == 200
    assert not client.cookies
    assert client.get("/read").json() == {}


def test_client_over_tls_gets_the_host_cookie() -> None:
    client = TestClient(make_app(), base_url="https://site.test")
    client.get("/set/user/ann")
    assert list(client.cookies) == ["__Host-session"]
    assert client.get("/read").json() == {"user": "ann"}


def test_session_is_a_dict() -> None:
    async def view(request: Request) -> JSONResponse:
        request.session["a"] = 1
        assert isinstance(request.session, dict)
        assert isinstance(request.scope["session"], dict)
        return JSONResponse(request.session)

    app = SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store="memory:is-a-dict")
    assert asyncio.run(asgi_call(app, "/")).json == {"a": 1}


def test_websocket_reads_and_stores() -> None:
    app = make_app()

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(dict(websocket.session))
        websocket.session["last"] = await websocket.receive_text()
        await websocket.close()

    client = TestClient(app)
    client.get("/set/user/ann")
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_json() == {"user": "ann"}
        websocket.send_text("bye")
    assert client.get("/read").json() == {"user": "ann", "last": "bye"}


def test_websocket_may_set_the_cookie_with_its_handshake() -> None:
    app = make_app()

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        websocket.session["via"] = "ws"
        await websocket.accept()
        await websocket.close()

    client = TestClient(app)
    with client.websocket_connect("/ws") as websocket:
        headers = {name.decode().lower(): value.decode() for name, value in websocket.extra_headers or []}
    cookie = headers["set-cookie"].split(";")[0]
    assert client.get("/read", headers={"cookie": cookie}).json() == {"via": "ws"}


def test_changes_while_streaming_are_stored_where_there_is_a_cookie() -> None:
    app = make_app()

    @app.get("/stream")
    async def stream(request: Request) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            yield "a"
            request.session["streamed"] = True
            yield "b"

        return StreamingResponse(body())

    @app.get("/background")
    async def background(request: Request) -> PlainTextResponse:
        def later() -> None:
            request.session["later"] = True

        return PlainTextResponse("", background=BackgroundTask(later))

    client = TestClient(app)
    client.get("/set/user/ann")
    assert client.get("/stream").text == "ab"
    client.get("/background")
    assert client.get("/read").json() == {"user": "ann", "streamed": True, "later": True}
    # Nobody has a cookie for what a stranger's stream wrote: it is not kept.
    stranger = TestClient(app)
    assert stranger.get("/stream").text == "ab"
    assert stranger.get("/read").json() == {}


def test_exception_leaves_the_session_as_it_was() -> None:
    app = make_app()

    @app.get("/fail")
    async def fail(request: Request) -> None:
        request.session["half"] = True
        request.session.regenerate()  # type: ignore[attr-defined]
        raise ValueError("no")

    client = TestClient(app, raise_server_exceptions=False)
    client.get("/set/user/ann")
    assert client.get("/fail").status_code == 500
    assert client.get("/read").json() == {"user": "ann"}


def test_unserialisable_value_is_a_500() -> None:
    app = make_app()

    @app.get("/bad")
    async def bad(request: Request) -> str:
        request.session["bad"] = object()
        return "never seen"

    client = TestClient(app, raise_server_exceptions=False)
    answer = client.get("/bad")
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers


def test_other_scopes_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        assert "session" not in scope

    middleware = SessionMiddleware(app, SECRET, store="memory:other-scopes")
    asyncio.run(middleware({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_several_cookie_headers_are_one() -> None:
    async def view(request: Request) -> JSONResponse:
        request.session["n"] = request.session.get("n", 0) + 1
        return JSONResponse(request.session)

    app = SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store="memory:several-cookies")
    cookie = asyncio.run(asgi_call(app, "/")).cookie

    async def split(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = [(b"cookie", b"a=1"), (b"cookie", cookie.encode()), (b"cookie", b"z=1")]
        await app(scope, receive, send)

    assert asyncio.run(asgi_call(split, "/")).json == {"n": 2}


def test_local_store_never_awaits(store: str) -> None:
    # Driven by hand: whatever the application does not await itself, nothing does.
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["session"]["n"] = scope["session"].get("n", 0) + 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    middleware = SessionMiddleware(app, SECRET, store=store)
    call = middleware({"type": "http", "headers": [], "scheme": "http"}, None, send)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        call.send(None)  # type: ignore[attr-defined]
    assert any(name == b"set-cookie" for name, _ in sent[0]["headers"])


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_redis_on_either_loop(redis: Any, run: Any) -> None:
    async def view(request: Request) -> JSONResponse:
        request.session["n"] = request.session.get("n", 0) + 1
        return JSONResponse(request.session)

    app = SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store=redis.url)

    async def main() -> None:
        cookie = (await asgi_call(app, "/")).cookie
        for n in range(2, 5):
            assert (await asgi_call(app, "/", cookie)).json == {"n": n}
        # Overlapping requests of one loop share its connection.
        others = await asyncio.gather(*(asgi_call(app, "/") for _ in range(50)))
        assert [answer.json for answer in others] == [{"n": 1}] * 50
        assert len({answer.cookie for answer in others}) == 50

    run(main())
    run(main())  # a second loop has connections of its own
