"""A remote store under trio: every framework's path, many at once, outages, cancelled requests, and the run's end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from coatcheck import AsyncRefreshTokens, StoreError
from coatcheck._trio import TrioLoop, running
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET, RedisServer
from stacks import asgi_call
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TIMEOUT = 300
Use = Callable[[Any], Awaitable[None]]


async def small(request: Request) -> Response:
    request.session["items"] = [*request.session.get("items", []), request.path_params["item"]]
    return JSONResponse(request.session["items"])


async def count(request: Request) -> Response:
    await request.session.transact(lambda s: s.__setitem__("n", s.get("n", 0) + 1))  # type: ignore[attr-defined]
    return JSONResponse(request.session["n"])


async def health(request: Request) -> Response:
    return JSONResponse("well")


def app_on(url: str, **options: Any) -> SessionMiddleware:
    app = Starlette(routes=[Route("/small/{item}", small), Route("/count", count), Route("/health", health)])
    return SessionMiddleware(app, SECRET, store=url, **options)


def pair_of(answer: Any) -> str:
    return str(answer.set_cookie).split(";", 1)[0]


def test_a_hundred_at_once_lose_nothing(redis: RedisServer) -> None:
    app = app_on(f"{redis.url}?timeout=5000")

    async def main() -> None:
        cookie = pair_of(await asgi_call(app, "/small/first"))
        async with trio.open_nursery() as nursery:
            for at in range(100):
                nursery.start_soon(asgi_call, app, f"/small/{at}", cookie)
                nursery.start_soon(asgi_call, app, "/count", cookie)
        items = (await asgi_call(app, "/small/last", cookie)).json
        assert sorted(items) == sorted(["first", "last", *map(str, range(100))])
        assert (await asgi_call(app, "/count", cookie)).json == 101

    trio.run(main)


def test_each_run_has_its_own_connection_and_leaves_none(redis: RedisServer) -> None:
    app = app_on(f"{redis.url}?timeout=5000")
    loops = []

    async def main(cookie: str | None) -> str:
        loops.append(weakref.ref(running()))
        answer = await asgi_call(app, "/small/one", cookie)
        assert answer.status == 200
        assert "addr=" in redis.command("CLIENT", "LIST")
        return cookie or pair_of(answer)

    cookie = None
    for _ in range(3):
        cookie = trio.run(main, cookie)
    gc.collect()
    trio.run(main, cookie)  # closes what belongs to runs that are over
    gc.collect()
    assert [loop() for loop in loops[:3]] == [None, None, None]


def test_a_name_is_looked_up_on_the_run(redis: RedisServer) -> None:
    app = app_on(redis.url.replace("127.0.0.1", "localhost") + "?timeout=5000")
    assert trio.run(asgi_call, app, "/small/one").status == 200
    nowhere = app_on("redis://host.invalid:1?timeout=1000")

    async def main() -> None:
        answer = await asgi_call(nowhere, "/small/one")
        assert answer.status == 503

    trio.run(main)


def test_a_server_that_is_frozen_or_gone_is_a_503_by_the_deadline(redis: RedisServer) -> None:
    app = app_on(f"{redis.url}?timeout={TIMEOUT}")

    async def main() -> None:
        cookie = pair_of(await asgi_call(app, "/small/one"))
        redis.freeze()
        with trio.fail_after(10 * TIMEOUT / 1000):
            assert (await asgi_call(app, "/small/one", cookie)).status == 503
            assert (await asgi_call(app, "/health", cookie)).status == 200
        redis.thaw()
        with trio.fail_after(10):
            while (await asgi_call(app, "/small/one", cookie)).status != 200:
                await trio.sleep(0.01)
        redis.kill()
        with trio.fail_after(10 * TIMEOUT / 1000):
            assert (await asgi_call(app, "/small/one", cookie)).status == 503

    trio.run(main)


def test_a_cancelled_request_crosses_no_replies(redis: RedisServer) -> None:
    app = app_on(f"{redis.url}?timeout=5000")

    async def cancelled(cookie: str, after: float) -> None:
        with trio.move_on_after(after):
            await asgi_call(app, "/small/mine", cookie)

    async def main() -> None:
        cookies = [pair_of(await asgi_call(app, f"/small/owner-{at}")) for at in range(20)]
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for at, cookie in enumerate(cookies):
                    nursery.start_soon(cancelled, cookie, at * 0.0002)
        for at, cookie in enumerate(cookies):
            items = (await asgi_call(app, "/small/mine", cookie)).json
            assert items[0] == f"owner-{at}"
            assert set(items[1:]) == {"mine"}

    trio.run(main)


def test_refresh_tokens(redis: RedisServer) -> None:
    tokens = AsyncRefreshTokens(f"{redis.url}?timeout=5000", SECRET)

    async def main() -> None:
        issued = await tokens.issue("ann")
        answers = []

        async def use() -> None:
            answers.append(await tokens.refresh(issued.token))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(use)
        assert sum(not one.repeated for one in answers) == 1
        assert len({one.token for one in answers}) == 1
        tokens.close()
        with pytest.raises(StoreError):
            await tokens.issue("ann")

    trio.run(main)


def test_a_callback_that_fails_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = running()
        assert isinstance(loop, TrioLoop)
        after = trio.Event()
        loop.call_soon(lambda: 1 / 0)
        loop.call_later(0, after.set)
        loop.call_later(0, lambda: 1 / 0).cancel()
        await after.wait()

    trio.run(main)
    assert [record.getMessage() for record in caplog.records] == ["a callback on trio failed"]
