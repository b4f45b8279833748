"""A load balancer that forgot an idle connection resets it at the next bytes; CLIENT KILL ends one between requests.
Nobody's request fails of it: a read is asked again on a fresh connection, within its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from conftest import RedisServer
from stacks import STACKS, StarletteSite, asgi_call, make_site
from tcp_proxy import TcpProxy


@pytest.fixture
def proxy(shared_redis: RedisServer) -> Iterator[TcpProxy]:
    made = TcpProxy(shared_redis.port)
    yield made
    made.close()


@pytest.mark.parametrize("stack", STACKS)
def test_a_read_on_a_forgotten_connection_is_asked_again(stack: str, proxy: TcpProxy) -> None:
    site = make_site(stack, proxy.url)
    site.pages["login"] = lambda session: session.update(user=1)
    # All in this thread, whose connection is then the same each time.
    cookie = site.call("/login", None, False).cookie
    for resets in (1, 2, 3):
        proxy.forget()
        answer = site.call("/read", cookie, False)
        assert (answer.status, answer.json) == (200, {"user": 1})
        if stack != "starlette":  # there each call is a loop of its own, with a connection of its own
            assert proxy.resets == resets


@pytest.mark.parametrize("stack", STACKS)
def test_a_request_that_reads_and_writes(stack: str, proxy: TcpProxy) -> None:
    site = make_site(stack, proxy.url)
    site.pages["add"] = lambda session: session.update(n=session.get("n", 0) + 1)
    cookie = site.call("/add", None, False).cookie
    proxy.forget()
    assert site.call("/add", cookie, False).status == 200
    assert site.call("/read", cookie, False).json == {"n": 2}


def test_ten_reads_that_share_the_connection(proxy: TcpProxy) -> None:
    site = make_site("starlette", proxy.url)
    assert isinstance(site, StarletteSite)
    site.pages["login"] = lambda session: session.update(user=1)

    async def run() -> list[tuple[int, bytes]]:
        cookie = (await asgi_call(site.app, "/login")).cookie
        proxy.forget()
        answers = await asyncio.gather(*(asgi_call(site.app, "/read", cookie) for _ in range(10)))
        return [(answer.status, answer.body) for answer in answers]

    assert asyncio.run(run()) == [(200, b'{"user":1}')] * 10
    assert proxy.resets >= 1


@pytest.mark.parametrize("stack", STACKS)
def test_client_kill_and_a_read_at_once(stack: str, redis: RedisServer) -> None:
    site = make_site(stack, f"{redis.url}?timeout=2000")
    site.pages["login"] = lambda session: session.update(user=1)
    cookie = site.call("/login", None, False).cookie
    for _ in range(5):
        redis.command("CLIENT", "KILL", "TYPE", "normal")
        assert site.call("/read", cookie, False).json == {"user": 1}
