"""python/redis/get@{1,32,256}: reads of 269 bytes from asyncio at a concurrency, against redis-py with hiredis-py.

`ours_ns` and `peer_ns` are the time per operation: of N tasks that each await one read after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from coatcheck import _core
from coatcheck._json import encode
from side_by_side import SESSION, medians, redis_server, report, row

AIMS = {1: 1, 32: 8, 256: 12}


def caller(
    loop: asyncio.AbstractEventLoop, get: Callable[[str], Awaitable[Any]], key: str, concurrency: int
) -> Callable[[int], None]:
    async def one(calls: int) -> None:
        for _ in range(calls):
            assert await get(key)

    async def all_of_them(calls: int) -> None:
        await asyncio.gather(*(one(calls // concurrency) for _ in range(concurrency)))

    return lambda calls: loop.run_until_complete(all_of_them(calls))


def main() -> None:
    rows = []
    loop = asyncio.new_event_loop()
    payload = encode(SESSION).encode()
    with redis_server() as url:
        store = _core.AsyncStore(loop, url + "?timeout=5000")

        async def prepare() -> redis.asyncio.Redis:
            await store.put("k" * 43, payload, int(time.time() * 1000) + 3_600_000)
            client = redis.asyncio.Redis.from_url(url, max_connections=max(AIMS))
            await client.set("peer", payload)
            return client

        client = loop.run_until_complete(prepare())
        for concurrency, aim in AIMS.items():
            found = medians(
                {
                    "ours": caller(loop, store.get, "k" * 43, concurrency),
                    "peer": caller(loop, client.get, "peer", concurrency),
                },
                slice_ns=100e6,
                rounds=15,
                unit=concurrency,
            )
            rows.append(
                row(f"python/redis/get@{concurrency}", found["ours"], "redis-py + hiredis-py", found["peer"], aim)
            )
        loop.run_until_complete(client.aclose())
    report(rows)


if __name__ == "__main__":
    main()
