"""A Redis that may evict sessions is told of in the log, once in a process, whichever way the store is used."""

from __future__ import annotations

import logging
import time

import pytest
from conftest import RedisServer
from stacks import make_site


def test_a_redis_that_evicts_sessions_is_in_the_log(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    redis.command("CONFIG", "SET", "maxmemory", "100mb")
    redis.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    with caplog.at_level(logging.WARNING, logger="coatcheck"):
        for stack in ("flask", "starlette"):
            site = make_site(stack, f"{redis.url}?timeout=5000")
            assert site.get(lambda session: session.update(user=1)).status == 200
        end = time.monotonic() + 60
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.01)  # the main thread writes it at its next bytecode
    messages = [one.getMessage() for one in caplog.records if "evicts" in one.getMessage()]
    assert len(messages) == 1
    assert messages[0].startswith("Redis evicts sessions when its memory is full (maxmemory-policy is volatile-ttl)")
