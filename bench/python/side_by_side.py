"""Measuring ours and a peer's in one run: rounds that alternate between them, medians, a table and a JSON file.

A row is {case, ours_ns, peer, peer_ns, ratio, limit_ns}: `ratio` is peer_ns / ours_ns, `limit_ns` the most that
ours may take to meet the aim.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tests"))  # servers that the tests start, too

# About what an application keeps: 269 bytes of JSON.
SESSION: dict[str, Any] = {
    "user": {"id": 42, "name": "Ada Lovelace", "roles": ["admin", "editor"]},
    "cart": [{"sku": "A-1001", "n": 2, "price": 19.5}, {"sku": "B-2002", "n": 1, "price": 5.25}],
    "csrf": "b7c1f2a9d0e34c5f8a6b7c8d9e0f1a2b",
    "theme": "dark",
    "locale": "en-GB",
    "seen": 1700000000000,
    "flags": [True, False, None],
}
SECRET = "a secret for the benchmarks, 32 bytes or more"


CLOCKS: dict[str, Callable[[], int]] = {"time": time.perf_counter_ns, "cpu": time.process_time_ns}


def times_of(run: Callable[[int], Any], calls: int) -> dict[str, float]:
    """Nanoseconds per call, that went by and that this process ran; `run` makes the given number of calls."""
    started = {name: clock() for name, clock in CLOCKS.items()}
    run(calls)
    return {name: (CLOCKS[name]() - started[name]) / calls for name in reversed(CLOCKS)}


def medians_by_clock(
    runs: dict[str, Callable[[int], Any]], slice_ns: float = 1.5e6, rounds: int = 201, unit: int = 1
) -> dict[str, dict[str, float]]:
    """The median of each over rounds in which all of them take turns, with the same number of calls: by clock and name.

    `unit`: the number of calls is a multiple of it.

    A slice is shorter than what the scheduler gives a process at a time: on a busy machine most of them run through
    without a break, and the median is of those.
    """
    for run in runs.values():
        run(20 * unit)
    slowest = max(min(times_of(run, 20 * unit)["time"] for _ in range(5)) for run in runs.values())
    calls = max(4, int(slice_ns / slowest / unit)) * unit
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(times_of(run, calls))
    return {
        clock: {name: statistics.median(one[clock] for one in found) for name, found in samples.items()}
        for clock in CLOCKS
    }


def medians(
    runs: dict[str, Callable[[int], Any]], slice_ns: float = 1.5e6, rounds: int = 201, unit: int = 1
) -> dict[str, float]:
    """The same by one clock: BENCH_CLOCK, time unless it says cpu (without what a server does)."""
    return medians_by_clock(runs, slice_ns, rounds, unit)["cpu" if os.environ.get("BENCH_CLOCK") == "cpu" else "time"]


def tasks(
    loop: asyncio.AbstractEventLoop, operation: Callable[[], Awaitable[Any]], count: int
) -> Callable[[int], None]:
    """So many asyncio tasks at once, each of which awaits one answer after the other."""

    async def one(calls: int) -> None:
        for _ in range(calls):
            await operation()

    async def all_of_them(calls: int) -> None:
        await asyncio.gather(*(one(calls // count) for _ in range(count)))

    return lambda calls: loop.run_until_complete(all_of_them(calls))


def threads(pool: ThreadPoolExecutor, operation: Callable[[], Any], count: int) -> Callable[[int], None]:
    """So many threads at once. One: this one."""

    def one(calls: int) -> None:
        for _ in range(calls):
            operation()

    return one if count == 1 else lambda calls: list(pool.map(one, [calls // count] * count)) and None


def added(runs: dict[str, Callable[[int], Any]]) -> tuple[float, float]:
    """What `ours` and `peer` add to `ours_bare` and `peer_bare`: the same call without a session."""
    found = medians(runs)
    return found["ours"] - found["ours_bare"], found["peer"] - found["peer_bare"]


def row(case: str, ours: float, peer_name: str, peer: float, factor: float) -> dict[str, Any]:
    """One line of the table; the aim is to be `factor` times as fast as the peer."""
    return {
        "case": case,
        "ours_ns": round(ours),
        "peer": peer_name,
        "peer_ns": round(peer),
        "ratio": round(peer / ours, 2) if ours > 0 else None,
        "limit_ns": round(peer / factor),
    }


def report(rows: list[dict[str, Any]]) -> None:
    """Prints the table, and writes the rows to the path that the command line gives."""
    for line in rows:
        mark = "ok  " if line["ours_ns"] <= line["limit_ns"] else "over"
        print(
            f"{line['case']:34} {line['ours_ns']:>9,} ns   {line['peer']:28} {line['peer_ns']:>9,} ns "
            f"  {line['ratio'] or 0:>6.2f}x   limit {line['limit_ns']:>9,} ns  {mark}"
        )
    if len(sys.argv) > 1:
        pathlib.Path(sys.argv[1]).write_text(json.dumps(rows, indent=1) + "\n")


def needed(program: str) -> None:
    if shutil.which(program) is None:
        raise SystemExit(f"this benchmark needs {program}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server_on(port: int, *command: str) -> Iterator[None]:
    """A server that opens this port when it is ready."""
    needed(command[0])
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, f"{command[0]} ended"
            time.sleep(0.01)
        yield
    finally:
        server.kill()
        server.wait()


def redis_command(port: int, folder: str) -> list[str]:
    return ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]


@contextmanager
def redis_server() -> Iterator[str]:
    """A redis-server without persistence on a free port; gives its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, server_on(port, *redis_command(port, folder)):
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def redis_servers() -> Iterator[tuple[str, str]]:
    """The same, which also answers with TLS: its URL, and the one for TLS."""
    port, tls_port = free_port(), free_port()
    needed("openssl")
    with tempfile.TemporaryDirectory() as folder:
        key, ca = f"{folder}/key.pem", f"{folder}/ca.pem"
        made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", ca]
        subprocess.run(["openssl", *made.split(), *names], check=True, capture_output=True)
        command = [*redis_command(port, folder), "--tls-port", str(tls_port), "--tls-auth-clients", "no"]
        command += ["--tls-cert-file", ca, "--tls-key-file", key, "--tls-ca-cert-file", ca]
        with server_on(tls_port, *command):
            yield f"redis://127.0.0.1:{port}", f"rediss://127.0.0.1:{tls_port}?timeout=5000&ca={ca}"


@contextmanager
def postgres_server() -> Iterator[Any]:
    """The one of the tests (tests/postgres_server.py): on a free port, without fsync."""
    from postgres_server import postgres_running

    with postgres_running() as server:
        yield server


@contextmanager
def engine_on(url: str) -> Iterator[dict[str, Callable[[], Any]]]:
    """What a thread does that has a session: `get` opens it, `set` stores a new one."""
    from coatcheck import _core
    from coatcheck._json import encode

    engine = _core.Engine(secrets=SECRET, store=url)
    text = encode(SESSION)
    fresh = engine.open(None, False)
    cookie = engine.commit(fresh, text, 0, None).split(";")[0]
    opened = engine.open(cookie, False)
    assert opened.status == "found"
    yield {
        "get": lambda: engine.open(cookie, False),
        "set": lambda: engine.commit(engine.open(None, False), text, 0, None),
    }
    engine.close()


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    """Our stores by name, each empty."""
    with tempfile.TemporaryDirectory() as folder, redis_server() as redis:
        yield {"memory": "memory:bench", "file": f"file:{folder}/sessions", "redis": redis}
