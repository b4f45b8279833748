"""python/memcached/{get,set}@{1,32}: 269 bytes at a concurrency, ours from asyncio tasks against pymemcache's
pooled client from as many threads (it has no asyncio client). `…@threads`: from threads on both sides; ours is then a
whole open of a session, its cookie's signature included, or a whole commit.

`ours_ns` and `peer_ns` are the time per operation: of N callers that each wait for one answer after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from coatcheck import _core
from coatcheck._json import encode
from pymemcache.client.base import PooledClient
from side_by_side import SESSION, engine_on, free_port, medians, report, row, server_on, tasks, threads

AIMS = {1: 1, 32: 2}


@contextmanager
def memcached_server() -> Iterator[int]:
    """A memcached on a free port; gives the port."""
    port = free_port()
    with server_on(port, "memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody", "-m", "64"):
        yield port


def main() -> None:
    rows = []
    loop = asyncio.new_event_loop()
    payload = encode(SESSION).encode()
    key = "k" * 43
    with memcached_server() as port, ThreadPoolExecutor(max(AIMS)) as pool:
        store = _core.AsyncStore(loop, f"memcached://127.0.0.1:{port}?timeout=5000")
        client = PooledClient(("127.0.0.1", port), max_pool_size=max(AIMS), no_delay=True, default_noreply=False)
        until = int(time.time() * 1000) + 3_600_000

        ours: dict[str, Callable[[], Awaitable[Any]]] = {
            "set": lambda: store.put(key, payload, until),
            "get": lambda: store.get(key),
        }
        theirs: dict[str, Callable[[], Any]] = {
            "set": lambda: client.set("peer", payload, expire=3600),
            "get": lambda: client.get("peer"),
        }
        for what in ours:
            for count, aim in AIMS.items():
                found = medians(
                    {"ours": tasks(loop, ours[what], count), "peer": threads(pool, theirs[what], count)},
                    slice_ns=100e6,
                    rounds=11,
                    unit=count,
                )
                rows.append(row(f"python/memcached/{what}@{count}", found["ours"], "pymemcache", found["peer"], aim))

        with engine_on(f"memcached://127.0.0.1:{port}?timeout=5000") as sessions:
            for what in sessions:
                for count, aim in AIMS.items():
                    found = medians(
                        {"ours": threads(pool, sessions[what], count), "peer": threads(pool, theirs[what], count)},
                        slice_ns=100e6,
                        rounds=11,
                        unit=count,
                    )
                    case = f"python/memcached/{what}@{count}@threads"
                    rows.append(row(case, found["ours"], "pymemcache", found["peer"], aim))

        async def close() -> None:
            store.close()

        loop.run_until_complete(close())
    loop.close()
    report(rows)


if __name__ == "__main__":
    main()
