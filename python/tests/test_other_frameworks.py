"""coatcheck.asgi, coatcheck.wsgi and coatcheck.aiohttp under the frameworks that have no integration of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import aiohttp_session
import bottle
import coatcheck.aiohttp
import coatcheck.asgi
import coatcheck.wsgi
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from conftest import SECRET, RedisServer
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import get as litestar_get
from litestar.middleware import DefineMiddleware
from quart import Quart
from quart import request as quart_request
from stacks import Answer, asgi_call, wsgi_call


def count(session: Any) -> str:
    session.setdefault("seen", []).append(1)
    return str(len(session["seen"]))


def quart(url: str) -> Any:
    app = Quart("app")

    @app.get("/count")
    async def view() -> str:
        return count(quart_request.scope["session"])

    @app.get("/logout")
    async def logout() -> str:
        quart_request.scope["session"].clear()
        return ""

    return coatcheck.asgi.SessionMiddleware(app, SECRET, url)


def litestar(url: str) -> Any:
    @litestar_get("/count", sync_to_thread=False)
    def view(request: LitestarRequest[Any, Any, Any]) -> str:
        return count(request.session)

    @litestar_get("/logout", sync_to_thread=False)
    def logout(request: LitestarRequest[Any, Any, Any]) -> str:
        request.session.clear()
        return ""

    middleware = DefineMiddleware(coatcheck.asgi.SessionMiddleware, secret=SECRET, store=url)
    return Litestar([view, logout], middleware=[middleware])


def bottles(url: str) -> Any:
    app = bottle.Bottle()
    app.route("/count", callback=lambda: count(bottle.request.environ["coatcheck.session"]))
    app.route("/logout", callback=lambda: bottle.request.environ["coatcheck.session"].clear() or "")
    return coatcheck.wsgi.SessionMiddleware(app, SECRET, url)


def pyramid(url: str) -> Any:
    from pyramid.config import Configurator  # its import warns, of its own dependencies
    from pyramid.response import Response as PyramidResponse

    with Configurator() as config:
        for name, view in (
            ("count", lambda request: PyramidResponse(count(request.environ["coatcheck.session"]))),
            ("logout", lambda request: PyramidResponse(str(request.environ["coatcheck.session"].clear()))),
        ):
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name)
        return coatcheck.wsgi.SessionMiddleware(config.make_wsgi_app(), SECRET, url)


@pytest.mark.parametrize("make", [quart, litestar, bottles, pyramid])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:pkg_resources")
def test_a_session_under_a_framework(make: Any, url: str) -> None:
    app = make(url)

    async def over_asgi() -> None:
        first = await asgi_call(app, "/count")
        assert first.body == b"1"
        assert (await asgi_call(app, "/count", first.cookie)).body == b"2"
        await asgi_call(app, "/logout", first.cookie)
        assert (await asgi_call(app, "/count", first.cookie)).body == b"1"

        async def visit() -> bytes:
            cookie = (await asgi_call(app, "/count")).cookie
            return (await asgi_call(app, "/count", cookie)).body

        assert await asyncio.gather(*(visit() for _ in range(100))) == [b"2"] * 100

    if make in (quart, litestar):
        asyncio.run(over_asgi())
        return

    def call(path: str, cookie: str | None = None) -> Answer:
        return wsgi_call(app, path, cookie, False)

    first = call("/count")
    assert first.body == b"1"
    assert call("/count", first.cookie).body == b"2"
    call("/logout", first.cookie)
    assert call("/count", first.cookie).body == b"1"


def aiohttp_app(url: str, **options: Any) -> web.Application:
    async def view(request: web.Request) -> web.Response:
        return web.Response(text=count(await aiohttp_session.get_session(request)))

    async def inside(request: web.Request) -> web.Response:
        session = await aiohttp_session.get_session(request)
        session["seen"].append(2)
        return web.Response(text=str(session["seen"]))

    async def read(request: web.Request) -> web.Response:
        session = await aiohttp_session.get_session(request)
        return web.Response(text=f"{dict(session)} {session.new}")

    async def login(request: web.Request) -> web.Response:
        session = await aiohttp_session.new_session(request)
        session["user"] = 1
        return web.Response()

    async def logout(request: web.Request) -> web.Response:
        (await aiohttp_session.get_session(request)).invalidate()
        return web.Response()

    async def nothing(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    aiohttp_session.setup(app, coatcheck.aiohttp.Storage(SECRET, url, **options))
    for handler in (view, inside, read, login, logout, nothing):
        app.router.add_get(f"/{handler.__name__}", handler)
    return app


async def get(client: Any, path: str, cookie: str | None = None) -> tuple[str, str | None]:
    async with client.get(path, headers={"Cookie": cookie} if cookie else {}) as answer:
        assert answer.status == 200, await answer.text()
        line = answer.headers.get("Set-Cookie")
        return await answer.text(), line.split(";")[0] if line else None


def client_of(app: web.Application) -> Any:
    return TestClient(TestServer(app), cookie_jar=aiohttp.DummyCookieJar())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::aiohttp.web.NotAppKeyWarning")
def test_aiohttp(url: str) -> None:
    async def run() -> None:
        async with client_of(aiohttp_app(url)) as client:
            assert await get(client, "/nothing") == ("", None)
            assert await get(client, "/read") == ("{} True", None)
            text, cookie = await get(client, "/view")
            assert text == "1"
            assert await get(client, "/inside", cookie) == ("[1, 2]", None)
            assert (await get(client, "/read", cookie))[0] == "{'seen': [1, 2]} False", "a change inside is kept"
            _, after = await get(client, "/login", cookie)
            assert after != cookie
            assert (await get(client, "/read", cookie))[0] == "{} True", "the id from before is worth nothing"
            assert (await get(client, "/read", after))[0] == "{'user': 1} False"
            _, cleared = await get(client, "/logout", after)
            assert cleared == "session="
            assert (await get(client, "/read", after))[0] == "{} True"

            async def visit() -> str:
                cookie = (await get(client, "/view"))[1]
                return (await get(client, "/view", cookie))[0]

            assert await asyncio.gather(*(visit() for _ in range(100))) == ["2"] * 100

    asyncio.run(run())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::aiohttp.web.NotAppKeyWarning")
def test_aiohttp_moves_the_deadline_of_a_session_that_is_only_read(memory: str, clock: Any) -> None:
    async def run() -> None:
        async with client_of(aiohttp_app(memory, clock=clock, idle_timeout=60)) as client:
            _, cookie = await get(client, "/view")
            for _ in range(5):
                clock.advance(40_000)
                assert (await get(client, "/read", cookie))[0] == "{'seen': [1]} False"
            clock.advance(61_000)
            assert (await get(client, "/read", cookie))[0] == "{} True"

    asyncio.run(run())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::aiohttp.web.NotAppKeyWarning")
def test_aiohttp_without_an_answer_of_the_store(redis: RedisServer) -> None:
    async def run() -> None:
        async with client_of(aiohttp_app(f"{redis.url}?timeout=1000")) as client:
            _, cookie = await get(client, "/view")
            redis.freeze()
            for path in ("/read", "/view"):
                async with client.get(path, headers={"Cookie": cookie}) as got:
                    assert got.status == 503
            assert (await get(client, "/nothing", cookie)) == ("", None)
            redis.thaw()
            assert (await get(client, "/read", cookie))[0] == "{'seen': [1]} False"

    asyncio.run(run())
