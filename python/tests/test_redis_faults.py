"""A Redis server that is frozen, killed or restarted: every request ends by its deadline, with a typed outcome."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from typing import Any

import coatcheck
import pytest
import uvloop
from coatcheck import _core
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET, RedisServer
from stacks import STACKS, Site, asgi_call, make_site
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

# Far more than an answer takes, far less than a test may.
TIMEOUT = 1000


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


def site_on(stack: str, redis: RedisServer, **options: Any) -> Site:
    return make_site(stack, f"{redis.url}?timeout={TIMEOUT}", **options)


def timed(site: Site, page: Any, cookie: str | None) -> Any:
    started = time.monotonic()
    answer = site.get(page, cookie)
    assert time.monotonic() - started < 30, "a hang is a minute"
    return answer


def test_frozen_server_is_a_503_by_the_deadline(stack: str, redis: RedisServer) -> None:
    site = site_on(stack, redis)
    cookie = site.login(user=1)
    redis.freeze()
    answer = timed(site, "read", cookie)
    assert answer.status == 503
    assert answer.set_cookie is None
    assert answer.header("Cache-Control") == "no-store"
    redis.thaw()
    assert site.get("read", cookie).json == {"user": 1}


def test_request_that_does_not_look_is_served_all_the_same(stack: str, redis: RedisServer) -> None:
    site = site_on(stack, redis)
    cookie = site.login(user=1)
    redis.freeze()
    answer = timed(site, "untouched", cookie)
    assert answer.status == 200
    assert answer.set_cookie is None
    redis.thaw()


def test_outage_between_read_and_write_is_a_503(stack: str, redis: RedisServer) -> None:
    site = site_on(stack, redis)
    cookie = site.login(n=1)

    def page(session: Any) -> str:
        session["n"] = 2
        redis.freeze()
        return "done"

    answer = timed(site, page, cookie)
    assert answer.status == 503
    assert answer.set_cookie is None
    assert b"done" not in answer.body
    redis.thaw()


def test_policy_open_gives_an_empty_session_that_is_never_saved(stack: str, redis: RedisServer) -> None:
    site = site_on(stack, redis, on_unknown="open")
    cookie = site.login(user=1)
    redis.freeze()

    def page(session: Any) -> Any:
        seen = dict(session)
        session["user"] = "nobody"
        return seen

    answer = timed(site, page, cookie)
    assert answer.status == 200
    assert answer.json == {}
    assert answer.set_cookie is None
    redis.thaw()
    assert site.get("read", cookie).json == {"user": 1}


def test_logout_that_cannot_be_stored_is_not_acknowledged(stack: str, redis: RedisServer) -> None:
    site = site_on(stack, redis)
    cookie = site.login(user=1)

    def page(session: Any) -> str:
        session.clear()
        redis.freeze()
        return "logged out"

    answer = timed(site, page, cookie)
    assert answer.status == 503
    redis.thaw()


def test_killed_server_comes_back(stack: str, redis: RedisServer) -> None:
    site = site_on(stack, redis)
    cookie = site.login(user=1)
    redis.kill()
    assert timed(site, "read", cookie).status == 503
    redis.start()
    deadline = time.monotonic() + 10
    while (answer := site.get("read", cookie)).status == 503 and time.monotonic() < deadline:
        pass  # until the next attempt to connect is due
    assert answer.json == {}, "the restarted server holds nothing"


def test_no_server_at_all(stack: str) -> None:
    site = make_site(stack, f"redis://127.0.0.1:1?timeout={TIMEOUT}")
    cookie = f"session={_core.KeyRing([SECRET]).sign('A' * 43)}"
    assert timed(site, "read", cookie).status == 503
    assert site.get("untouched").status == 200
    assert site.get("read").json == {}, "without a cookie there is nothing to ask the store for"


def test_frozen_server_does_not_block_the_loop(redis: RedisServer) -> None:
    async def view(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.session))

    app = SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store=f"{redis.url}?timeout={TIMEOUT}")
    cookie = f"session={_core.KeyRing([SECRET]).sign('A' * 43)}"

    async def main() -> None:
        assert (await asgi_call(app, "/", cookie)).status == 200
        redis.freeze()
        waiting = asyncio.ensure_future(asgi_call(app, "/", cookie))
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0)
            turns += 1
        assert (await waiting).status == 503
        assert turns > 100
        redis.thaw()

    asyncio.run(main())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_cancelled_reads_never_shift_the_replies(redis: RedisServer, run: Any) -> None:
    keys = [f"key-{n}" for n in range(200)]
    chance = random.Random(7)

    async def main() -> tuple[int, int]:
        store = _core.AsyncStore(asyncio.get_running_loop(), f"{redis.url}?timeout=10000")
        for key in keys:
            await store.put(key, key.encode(), int(time.time() * 1000) + 60_000)
        right = cancelled = 0

        async def read(key: str) -> None:
            nonlocal right
            assert await store.get(key) == key.encode()
            right += 1

        for _ in range(100):
            tasks = [asyncio.ensure_future(read(chance.choice(keys))) for _ in range(200)]
            await asyncio.sleep(0)
            for task in tasks:
                if chance.random() < 0.05:
                    task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            cancelled += sum(isinstance(answer, asyncio.CancelledError) for answer in done)
            failed = [answer for answer in done if isinstance(answer, Exception)]
            assert not failed
        store.close()
        return right, cancelled

    right, cancelled = run(main())
    assert right + cancelled == 20_000
    assert cancelled > 500


def test_cancelled_request_leaves_the_connection_in_order(redis: RedisServer) -> None:
    async def view(request: Request) -> JSONResponse:
        request.session["n"] = request.session.get("n", 0) + 1
        return JSONResponse(dict(request.session))

    app = SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store=f"{redis.url}?timeout=10000")

    async def main() -> None:
        cookies = [(await asgi_call(app, "/")).cookie for _ in range(20)]
        tasks = [asyncio.ensure_future(asgi_call(app, "/", cookie)) for cookie in cookies]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for cookie in cookies:
            assert (await asgi_call(app, "/", cookie)).json["n"] in (2, 3)

    asyncio.run(main())


def test_closed_engine_fails_at_once(redis: RedisServer) -> None:
    async def main() -> None:
        engine = _core.AsyncEngine(asyncio.get_running_loop(), secrets=SECRET, store=redis.url)
        engine.close()
        handle = await engine.open(f"session={_core.KeyRing([SECRET]).sign('A' * 43)}", False)
        assert handle.status == "unknown"
        assert isinstance(handle.error, coatcheck.StoreError)
        assert handle.error.code == "ERR_STORE_CLOSED"

    asyncio.run(main())


def test_pending_call_ends_when_the_engine_closes(redis: RedisServer) -> None:
    async def main() -> None:
        engine = _core.AsyncEngine(asyncio.get_running_loop(), secrets=SECRET, store=f"{redis.url}?timeout=60000")
        redis.freeze()
        waiting = engine.open(f"session={_core.KeyRing([SECRET]).sign('A' * 43)}", False)
        await asyncio.sleep(0.01)
        assert not waiting.done()
        engine.close()
        assert (await waiting).status == "unknown"
        redis.thaw()

    asyncio.run(main())


def test_a_host_name_is_as_good_as_an_address(stack: str, redis: RedisServer) -> None:
    site = make_site(stack, redis.url.replace("127.0.0.1", "localhost"))
    assert site.get("read", site.login(user=1)).json == {"user": 1}


def test_a_host_name_that_is_not_found_is_a_503(stack: str) -> None:
    site = make_site(stack, "redis://no-such-host.invalid?timeout=2000")
    started = time.monotonic()
    assert (
        site.get(lambda session: session.update(n=1), f"session={_core.KeyRing([SECRET]).sign('A' * 43)}").status == 503
    )
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_slow_resolver_holds_no_loop(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred operations wait for one lookup, each to its own deadline, while the loop goes on."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        engine = _core.AsyncEngine(loop, secrets=SECRET, store="redis://no-such-host.invalid?timeout=200")
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.005)

        ticking = loop.create_task(tick())
        cookie = f"session={_core.KeyRing([SECRET]).sign('A' * 43)}"
        answers = await asyncio.gather(*(engine.open(cookie, False) for _ in range(100)))
        ticking.cancel()
        assert {answer.status for answer in answers} == {"unknown"}
        assert turns > 10
        engine.close()

    real = socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(0.6)
        return real(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    run(main())
