"""Pruning at the end of requests, and what the application hears of sessions that begin and end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import coatcheck
import pytest
from coatcheck import _core
from conftest import RedisServer
from stacks import STACKS, Site, make_site

START = 1_700_000_000_000


def make(stack: str, store: str, clock: Any, **options: Any) -> tuple[Site, list[Any]]:
    told: list[Any] = []
    site = make_site(stack, store, clock=clock, idle_timeout=60, on_session=lambda *what: told.append(what), **options)
    return site, told


@pytest.mark.parametrize("stack", STACKS)
def test_what_has_expired_goes_at_the_end_of_a_request(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _core.ManualClock(START)
    now = [0.0]
    monkeypatch.setattr("coatcheck._pruning.monotonic", lambda: now[0])
    url = f"file:{tmp_path}/sessions"
    first, told = make(stack, url, clock, prune_interval=10)
    second, told_too = make(stack, url, clock, prune_interval=10)
    for _ in range(40):
        first.login(n=1)
    clock.advance(70_000)
    first.get("untouched")
    assert [what for what in told if what[0] == "expired"] == []  # not due yet
    now[0] = 10.5
    first.get("read")
    second.get("read")
    (expired,) = [what for what in told + told_too if what[0] == "expired"]
    # A write drops a few by itself: the lease's own is one.
    assert expired[1] >= 30
    assert coatcheck.Store(url).prune() == 1  # the lease, by the real clock


@pytest.mark.parametrize("stack", STACKS)
def test_redis_is_not_asked(stack: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("coatcheck._pruning.monotonic", lambda: now[0])
    site, _ = make(stack, redis.url, None, prune_interval=1)
    site.login(n=1)
    now[0] = 2
    site.get("read")
    assert "lease" not in redis.command("KEYS", "*")


@pytest.mark.parametrize("stack", STACKS)
def test_the_application_hears_of_sessions_that_begin_and_end(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, told = make(stack, f"file:{tmp_path}/sessions", None)
    site.get("read")
    assert told == []
    cookie = site.login(n=1)
    ((event, first),) = told
    assert event == "created"
    assert site.get(lambda session: session.id, cookie).json == first
    site.get(lambda session: session.update(n=2), cookie)
    if stack != "starlette":  # where it is awaited
        site.get(lambda session: session.transact(lambda data: data.update(n=3)), cookie)
    assert len(told) == 1

    renewed = site.get(lambda session: session.regenerate(), cookie).cookie
    second = told[-1][1]
    assert told[1:] == [("destroyed", first), ("created", second)]
    site.get("clear", renewed)
    assert told[3:] == [("destroyed", second)]
    site.get("clear", renewed)  # it is not there any more
    assert len(told) == 4


def test_options_are_refused_by_name(tmp_path: Path) -> None:
    for wrong in (0.5, 86_401):
        with pytest.raises(coatcheck.ConfigError, match="prune_interval must be"):
            make_site("wsgi", f"file:{tmp_path}/sessions", prune_interval=wrong)
    with pytest.raises(coatcheck.ConfigError, match="on_session must be"):
        make_site("wsgi", f"file:{tmp_path}/sessions", on_session="x")
