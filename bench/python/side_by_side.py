"""Measuring ours and a peer's in one run: rounds that alternate between them, medians, a table and a JSON file.

A row is {case, ours_ns, peer, peer_ns, ratio, limit_ns}: `ratio` is peer_ns / ours_ns, `limit_ns` the most that
ours may take to meet the aim.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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


def time_of(run: Callable[[int], Any], calls: int) -> float:
    """Nanoseconds per call; `run` makes the given number of calls."""
    started = time.perf_counter_ns()
    run(calls)
    return (time.perf_counter_ns() - started) / calls


def medians(
    runs: dict[str, Callable[[int], Any]], slice_ns: float = 1.5e6, rounds: int = 201, unit: int = 1
) -> dict[str, float]:
    """The median of each over rounds in which all of them take turns, with the same number of calls.

    `unit`: the number of calls is a multiple of it.

    A slice is shorter than what the scheduler gives a process at a time: on a busy machine most of them run through
    without a break, and the median is of those.
    """
    for run in runs.values():
        run(20 * unit)
    slowest = max(min(time_of(run, 20 * unit) for _ in range(5)) for run in runs.values())
    calls = max(4, int(slice_ns / slowest / unit)) * unit
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(time_of(run, calls))
    return {name: statistics.median(found) for name, found in samples.items()}


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


@contextmanager
def redis_server() -> Iterator[str]:
    """A redis-server without persistence on a free port; gives its URL."""
    if shutil.which("redis-server") is None:
        raise SystemExit("this benchmark needs redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder],
            stdout=subprocess.PIPE,
        )
        assert server.stdout is not None
        for line in server.stdout:
            if b"Ready to accept connections" in line:
                break
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    """Our stores by name, each empty."""
    with tempfile.TemporaryDirectory() as folder, redis_server() as redis:
        yield {"memory": "memory:bench", "file": f"file:{folder}/sessions", "redis": redis}
