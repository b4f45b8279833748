"""A near-cache under Flask and Starlette: what a warm request costs the server, and what others see of a logout."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import coatcheck.errors
import coatcheck.starlette
import pytest
from conftest import SECRET, RedisServer
from stacks import FlaskSite, asgi_call
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

# The lease is long: the machine may be busy, and what is shown is the cost.
NEAR = "?timeout=10000&near_cache=1000000&max_stale=20000"


def calls(redis: RedisServer, command: str) -> int:
    """How often the server ran a command, by its own count."""
    found = re.search(rf"cmdstat_{command}:calls=(\d+)", redis.command("INFO", "commandstats"))
    return int(found[1]) if found else 0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came about"


def test_flask_reads_from_the_process_and_sees_what_others_write(redis: RedisServer) -> None:
    site = FlaskSite(f"{redis.url}?timeout=10000", near_cache={"size": 1_000_000, "max_stale": 20})
    other = FlaskSite(redis.url)
    cookie = site.login(n=1)

    def warm() -> bool:
        before = calls(redis, "get")
        assert site.get("read", cookie).json["n"] == 1
        return calls(redis, "get") == before

    until(warm)
    gets, scripts = calls(redis, "get"), calls(redis, "evalsha")
    for _ in range(20):
        assert site.get("read", cookie).json == {"n": 1}
    assert site.get(lambda session: session.update(n=2), cookie).status == 200
    assert (calls(redis, "get"), calls(redis, "evalsha")) == (gets, scripts + 1)
    assert site.get("read", cookie).json == {"n": 2}
    other.get(lambda session: session.update(n=3), cookie)
    # Its loop turns while it waits: a session that is not known makes it ask.
    until(lambda: bool(site.login(x=1)) and site.get("read", cookie).json == {"n": 3})
    other.get("clear", cookie)
    until(lambda: bool(site.login(x=1)) and site.get("read", cookie).json == {})


def test_its_options_are_a_dict_too_and_its_figures_in_stats(redis: RedisServer) -> None:
    async def view(request: Request) -> JSONResponse:
        request.session["n"] = 1
        return JSONResponse({})

    app = coatcheck.starlette.SessionMiddleware(
        Starlette(routes=[Route("/{page}", view)]),
        SECRET,
        store=redis.url + "?timeout=10000",
        near_cache={"size": 1_000_000, "max_stale": 20},
    )

    async def all_of_it() -> Any:
        await asgi_call(app, "/write")
        return await app.service.stats_here()

    stats = asyncio.run(all_of_it())
    assert stats["entries"] == 1
    assert stats["bytes"] > 0
    near = stats["near_cache"]
    assert near["max_bytes"] == 1_000_000
    assert near["trouble"] == ""
    counts = "hits misses joined lease_refusals invalidations echoes evictions epoch_bumps entries bytes max_bytes"
    assert set(near) == {*counts.split(), "trouble"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 1000}, "whole number of bytes, from 65536"),
        ({"size": 1_000_000, "max_stale": 0.01}, "from 50 to 60000 whole milliseconds"),
        ({"size": 1_000_000, "max_stale": "1"}, "max_stale must be seconds or a timedelta"),
    ],
)
def test_what_is_wrong_with_its_options_is_said(given: Any, said: str) -> None:
    with pytest.raises(coatcheck.errors.ConfigError, match=said):
        coatcheck.starlette.SessionMiddleware(Starlette(), SECRET, store="redis://127.0.0.1:1", near_cache=given)


def test_asgi_reads_from_the_process_and_sees_what_others_write(redis: RedisServer) -> None:
    async def view(request: Request) -> JSONResponse:
        if request.url.path == "/write":
            request.session["n"] = request.session.get("n", 0) + 1
        if request.url.path == "/clear":
            request.session.clear()
        return JSONResponse(dict(request.session))

    def service(url: str) -> Any:
        return coatcheck.starlette.SessionMiddleware(
            Starlette(routes=[Route("/{page}", view)]), SECRET, store=url, max_age=None
        )

    async def all_of_it() -> None:
        one, other = service(redis.url + NEAR), service(redis.url)
        cookie = (await asgi_call(one, "/write")).cookie

        async def read() -> Any:
            return (await asgi_call(one, "/read", cookie)).json

        async def come_about(holds: Callable[[], Any]) -> None:
            end = time.monotonic() + 30
            while not await holds():
                assert time.monotonic() < end, "it never came about"

        async def warm() -> bool:
            before = calls(redis, "get")
            assert await read() == {"n": 1}
            return calls(redis, "get") == before

        async def reads(wanted: Any) -> bool:
            return bool(await read() == wanted)

        await come_about(warm)
        gets, scripts = calls(redis, "get"), calls(redis, "evalsha")
        for _ in range(20):
            assert await read() == {"n": 1}
        assert (await asgi_call(one, "/write", cookie)).json == {"n": 2}
        assert (calls(redis, "get"), calls(redis, "evalsha")) == (gets, scripts + 1)
        assert await read() == {"n": 2}
        await asgi_call(other, "/write", cookie)
        await come_about(lambda: reads({"n": 3}))
        await asgi_call(other, "/clear", cookie)
        await come_about(lambda: reads({}))

    asyncio.run(all_of_it())
