"""A read whose deadline can't be moved is a read all the same: Redis that is full, or read-only after a failover."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from conftest import RedisServer
from stacks import STACKS, Site, WsgiSite, make_site

MINUTE = 60_000


def refuse(redis: RedisServer, how: str) -> None:
    if how == "full":
        redis.command("CONFIG", "SET", "maxmemory", "1")
    else:
        redis.command("REPLICAOF", "127.0.0.1", "1")


@pytest.fixture(params=["full", "read-only"])
def how(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["store", "jwt"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_read_is_answered(
    stack: str, mode: str, how: str, redis: RedisServer, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """At once it was 200, seven minutes later 503 on every read."""
    told: list[str] = []
    site: Site = make_site(
        stack,
        f"{redis.url}?timeout=5000",
        clock=clock,
        mode=mode,
        idle_timeout=3600,
        on_event=lambda event, error: told.append(f"{event} {type(error).__name__}"),
    )
    cookie = site.login(user=1)
    refuse(redis, how)
    assert site.get("read", cookie).json == {"user": 1}
    assert told == []
    clock.advance(10 * MINUTE)
    with caplog.at_level(logging.WARNING, "coatcheck"):
        for page in ("read", "untouched", "read"):
            answer = site.get(page, cookie)
            assert answer.status == 200
            assert answer.set_cookie is None
    assert told == ["untouched StoreError"] * 3
    lines = [line.getMessage() for line in caplog.records if "could not be moved" in line.getMessage()]
    assert len(lines) == 1, "once a minute"
    assert ("OOM" if how == "full" else "READONLY") in lines[0]
    # What changes the session is told as ever.
    assert site.get(lambda session: session.update(user=2), cookie).status == 503


@pytest.mark.parametrize("stack", STACKS)
def test_afterwards_the_deadline_moves_again(stack: str, redis: RedisServer, clock: Any) -> None:
    site = make_site(stack, f"{redis.url}?timeout=5000", clock=clock, idle_timeout=3600)
    cookie = site.login(user=1)
    redis.command("CONFIG", "SET", "maxmemory", "1")
    clock.advance(50 * MINUTE)
    assert site.get("read", cookie).status == 200
    redis.command("CONFIG", "SET", "maxmemory", "0")
    assert site.get("read", cookie).status == 200
    clock.advance(50 * MINUTE)
    assert site.get("read", cookie).json == {"user": 1}


def test_it_is_counted(redis: RedisServer, clock: Any) -> None:
    site = make_site("wsgi", f"{redis.url}?timeout=5000", clock=clock, idle_timeout=3600)
    assert isinstance(site, WsgiSite)
    cookie = site.login(user=1)
    redis.command("CONFIG", "SET", "maxmemory", "1")
    clock.advance(10 * MINUTE)
    for _ in range(3):
        site.get("read", cookie)
    assert site.app.service.untouched == 3
