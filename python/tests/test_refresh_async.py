"""AsyncRefreshTokens, and a thousand refreshes at once from asyncio and from threads, on each kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import coatcheck
import pytest
import uvloop
from coatcheck import AsyncRefreshTokens, ConfigError, Refreshed, RefreshTokens, StoreError, TokenError, _core
from conftest import SECRET, RedisServer

USES = 1000
GRACE = 600  # seconds: no machine is so slow that concurrency alone outlasts it
T = TypeVar("T")


@pytest.fixture(params=["memory", "file", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        return server.url + "?timeout=20000&queue=100000"
    return str(request.getfixturevalue("memory")) if request.param == "memory" else f"file:{tmp_path / 'tokens'}"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[T]], T]:
    """Runs a coroutine to its end on a loop of its own, of either kind."""

    def run(what: Awaitable[T]) -> T:
        loop = uvloop.new_event_loop() if request.param == "uvloop" else asyncio.new_event_loop()
        try:
            return loop.run_until_complete(what)
        finally:
            loop.close()

    return run


def one_successor(answers: list[Refreshed]) -> str:
    """What a thousand uses at once have to answer: one rotation, and the same token to everybody."""
    assert len(answers) == USES
    assert sum(not one.repeated for one in answers) == 1
    (token,) = {one.token for one in answers}
    return token


def test_every_call(url: str, run: Callable[[Awaitable[None]], None]) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(url, SECRET)
        claims = {"scope": ["a", "ü"]}
        issued = await tokens.issue("ann", device="Telefon ☎", claims=claims)
        following = await tokens.refresh(issued.token)
        again = await tokens.refresh(issued.token)
        assert (again.token, again.repeated) == (following.token, True)
        family = following.family
        assert (family.id, family.device, family.claims) == (issued.family.id, "Telefon ☎", claims)
        other, third = await tokens.issue("ann"), await tokens.issue("ann")
        assert {one.id for one in await tokens.list("ann")} == {family.id, other.family.id, third.family.id}
        assert await tokens.revoke(other.family.id)
        assert not await tokens.revoke(other.family.id)
        assert await tokens.revoke_token(third.token)
        assert await tokens.check("ann", family.epoch)
        count, epoch = await tokens.revoke_all("ann", spare=family.id)
        assert count == 0
        assert not await tokens.check("ann", epoch - 1)
        await tokens.refresh(following.token)
        tokens.close()
        with pytest.raises(StoreError):
            await tokens.issue("ann")

    run(main())


def test_theft_ends_the_family(url: str, run: Callable[[Awaitable[None]], None]) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(url, SECRET, grace=0)
        issued = await tokens.issue("ann")
        following = await tokens.refresh(issued.token)
        with pytest.raises(TokenError) as reused:
            await tokens.refresh(issued.token)
        assert reused.value.code == "ERR_TOKEN_REUSED"
        assert (reused.value.family.id, reused.value.family.owner) == (issued.family.id, "ann")
        with pytest.raises(TokenError, match="revoked"):
            await tokens.refresh(following.token)

    run(main())


def test_a_thousand_tasks_get_one_successor(url: str, run: Callable[[Awaitable[None]], None]) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(url, SECRET, grace=GRACE)
        token = (await tokens.issue("ann")).token
        for _ in range(2):
            token = one_successor(await asyncio.gather(*(tokens.refresh(token) for _ in range(USES))))
        await tokens.refresh(token)

    run(main())


def test_a_thousand_uses_from_threads_get_one_successor(url: str) -> None:
    tokens = RefreshTokens(url, SECRET, grace=GRACE)
    token = tokens.issue("ann").token
    with ThreadPoolExecutor(16) as pool:
        for _ in range(2):
            token = one_successor(list(pool.map(tokens.refresh, [token] * USES)))
    tokens.refresh(token)


def test_a_thousand_reuses_raise_one_alarm(url: str, run: Callable[[Awaitable[None]], None]) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(url, SECRET, grace=0)
        used = await tokens.issue("ann")
        newest = await tokens.refresh(used.token)
        got = await asyncio.gather(*(tokens.refresh(used.token) for _ in range(USES)), return_exceptions=True)
        codes = [one.code for one in got if isinstance(one, TokenError)]
        assert (len(codes), codes.count("ERR_TOKEN_REUSED")) == (USES, 1)
        with pytest.raises(TokenError):
            await tokens.refresh(newest.token)

    run(main())


def test_two_loops_share_one_object(redis: RedisServer) -> None:
    tokens = AsyncRefreshTokens(redis.url, SECRET)
    token = asyncio.run(tokens.issue("ann")).token
    assert asyncio.run(tokens.refresh(token)).token != token
    tokens.close()
    with pytest.raises(StoreError):
        asyncio.run(tokens.refresh(token))


def test_the_loop_goes_on_while_the_store_does_not_answer(redis: RedisServer) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(redis.url + "?timeout=20000", SECRET)
        token = (await tokens.issue("ann")).token
        redis.freeze()
        waiting = asyncio.ensure_future(tokens.refresh(token))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        redis.thaw()
        assert (await waiting).token != token

    asyncio.run(main())


def test_a_cancelled_refresh_is_a_lost_response(redis: RedisServer) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(redis.url + "?timeout=20000", SECRET)
        token = (await tokens.issue("ann")).token
        redis.freeze()
        waiting = asyncio.ensure_future(tokens.refresh(token))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        redis.thaw()
        assert (await tokens.refresh(token)).token != token

    asyncio.run(main())


def test_outage_is_not_a_refusal(redis: RedisServer) -> None:
    async def main() -> None:
        tokens = AsyncRefreshTokens(redis.url, SECRET)
        token = (await tokens.issue("ann")).token
        redis.kill()
        with pytest.raises(StoreError):
            await tokens.refresh(token)

    asyncio.run(main())


def test_what_is_wrong_shows_at_once(memory: str, redis: RedisServer) -> None:
    for url in (memory, redis.url):
        with pytest.raises(ConfigError):
            AsyncRefreshTokens(url, SECRET, grace=601)
        with pytest.raises(ConfigError):
            AsyncRefreshTokens(url, "")

        async def main(url: str) -> None:
            tokens = AsyncRefreshTokens(url, SECRET)
            with pytest.raises(ConfigError):
                await tokens.issue("")
            with pytest.raises(coatcheck.PayloadError):
                await tokens.issue("ann", claims={"n": float("nan")})
            with pytest.raises(TokenError):
                await tokens.refresh("nonsense")
            with pytest.raises(TypeError):
                await tokens.refresh(7)  # type: ignore[arg-type]

        asyncio.run(main(url))


def test_the_native_type_is_for_remote_stores(memory: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="answers at once"):
            _core.AsyncRefreshTokens(asyncio.get_running_loop(), secrets=SECRET, store=memory)

    asyncio.run(main())
