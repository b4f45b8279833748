"""python/redis/{get,set}@{1,32,256}: 269 bytes from so many asyncio tasks that each await one answer after the other,
against the faster of redis-py with hiredis-py and coredis. `…@threads`: the same from threads, against redis-py.

`…@cpu` is what of that time this process ran; `…@tls` the same against ours without TLS: by CPU, for the server is one
process for all. Threads have no store of their own in the package but a session's: ours is then a whole open, the
cookie's signature included, or a whole commit, against a bare GET or SET.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import coredis
import redis.asyncio
from coatcheck import _core
from coatcheck._json import encode
from side_by_side import (
    SESSION,
    engine_on,
    medians_by_clock,
    redis_servers,
    report,
    row,
    tasks,
    threads,
)

AIMS = {"get": {1: 1.2, 32: 8, 256: 12}, "set": {1: 1.2, 32: 8, 256: 12}}
THREADS = 32
TLS_AIM = 1 / 1.3
KEY = "k" * 43
HOUR = 3600
HIREDIS, COREDIS = "redis-py + hiredis-py", "coredis"


def compared(case: str, aim: float, found: dict[str, dict[str, float]]) -> list[dict[str, object]]:
    """Against the fastest of the others, in time and in CPU."""
    rows = []
    for clock, suffix in (("time", ""), ("cpu", "@cpu")):
        times = found[clock]
        peer = min((name for name in times if name not in ("ours", "tls")), key=lambda name: times[name])
        rows.append(row(case + suffix, times["ours"], peer, times[peer], aim))
    return rows


def with_asyncio(url: str, tls_url: str, payload: bytes) -> list[dict[str, object]]:
    loop = asyncio.new_event_loop()
    until = int(time.time() * 1000) + HOUR * 1000
    rows: list[dict[str, object]] = []

    other: Any = coredis.Redis.from_url(url)
    ready, end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:  # coredis is entered and left by one task
        async with other:
            ready.set()
            await end.wait()

    async def begin() -> tuple[asyncio.Task[None], Any, Any, Any]:
        theirs = redis.asyncio.Redis.from_url(url, max_connections=256)
        holder = asyncio.create_task(hold())
        await ready.wait()
        return holder, _core.AsyncStore(loop, url + "?timeout=5000"), _core.AsyncStore(loop, tls_url), theirs

    holder, plain, tls, theirs = loop.run_until_complete(begin())
    operations: dict[str, dict[str, Callable[[], Awaitable[Any]]]] = {
        "set": {
            "ours": lambda: plain.put(KEY, payload, until),
            "tls": lambda: tls.put(KEY, payload, until),
            HIREDIS: lambda: theirs.set("peer", payload, ex=HOUR),
            COREDIS: lambda: other.set("peer", payload, ex=HOUR),
        },
        "get": {
            "ours": lambda: plain.get(KEY),
            "tls": lambda: tls.get(KEY),
            HIREDIS: lambda: theirs.get("peer"),
            COREDIS: lambda: other.get("peer"),
        },
    }
    for what, contestants in operations.items():
        for count, aim in AIMS[what].items():
            runs = {name: tasks(loop, run, count) for name, run in contestants.items()}
            found = medians_by_clock(runs, slice_ns=60e6, rounds=11, unit=count)
            case = f"python/redis/{what}@{count}"
            rows.extend(compared(case, aim, found))
            rows.append(row(f"{case}@tls", found["cpu"]["tls"], "ours, without TLS", found["cpu"]["ours"], TLS_AIM))

    async def close() -> None:
        plain.close()
        tls.close()
        await theirs.aclose()
        end.set()
        await holder

    loop.run_until_complete(close())
    loop.close()
    return rows


def with_threads(url: str, tls_url: str, payload: bytes) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    theirs = redis.Redis.from_url(url, max_connections=THREADS)
    with engine_on(url) as plain, engine_on(tls_url) as tls, ThreadPoolExecutor(THREADS) as pool:
        peers: dict[str, Callable[[], Any]] = {
            "set": lambda: theirs.set("peer", payload, ex=HOUR),
            "get": lambda: theirs.get("peer"),
        }
        for what, peer in peers.items():
            for count in (1, THREADS):
                contestants = {"ours": plain[what], "tls": tls[what], HIREDIS: peer}
                runs = {name: threads(pool, run, count) for name, run in contestants.items()}
                found = medians_by_clock(runs, slice_ns=60e6, rounds=11, unit=count)
                case = f"python/redis/{what}@{count}@threads"
                rows.extend(compared(case, 1.0, found))
                rows.append(row(f"{case}@tls", found["cpu"]["tls"], "ours, without TLS", found["cpu"]["ours"], TLS_AIM))
    theirs.close()
    return rows


def main() -> None:
    payload = encode(SESSION).encode()
    with redis_servers() as (url, tls_url):
        report([*with_asyncio(url, tls_url, payload), *with_threads(url, tls_url, payload)])


if __name__ == "__main__":
    main()
