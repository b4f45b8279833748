"""Measures what a session and a request cost in each store, into costs.json beside this file, for model.py.

    PYTHONPATH=python build/bench-venv/bin/python bench/scale/measure.py

Sessions are what the engine writes, of two sizes; a request is the engine's own calls, one after another: a read opens,
a write opens and commits, a login commits a new session, a logout opens and destroys. CPU is that of this process and
of the server's processes; the median of three rounds. Servers run on loopback and write nothing to disk that they wait
for, so what a disk or a network adds is not in here. One caller at a time: a busy server works in batches, for less.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

import coatcheck  # noqa: E402
import redis  # noqa: E402
from coatcheck import _core  # noqa: E402
from coatcheck._json import encode  # noqa: E402
from side_by_side import SECRET, SESSION, postgres_server, redis_server  # noqa: E402

SIZES = {"small": 0, "large": 2000}  # bytes of text besides SESSION
NOISE = secrets.token_urlsafe(2000)  # PostgreSQL presses what is alike: this it can't
SESSIONS = 20_000
ROUNDS, REQUESTS = 3, 4000
Sizes = Callable[[], int]
Cpu = Callable[[], float]


def payload(size: str, n: int) -> str:
    return encode({**SESSION, "seen": n, "note": NOISE[n % 7 : n % 7 + SIZES[size]]})


def log_in(engine: Any, size: str, n: int) -> str:
    """The cookie of a new session."""
    cookie: str = engine.commit(engine.open(None, False), payload(size, n), 0, None)
    return cookie.split(";")[0]


def fill(url: str, size: str, sessions: int) -> list[str]:
    engine = _core.Engine(secrets=SECRET, store=url)
    try:
        return [log_in(engine, size, n) for n in range(sessions)]
    finally:
        engine.close()


def bytes_in_memory(size: str) -> float:
    """In a process of its own, which has nothing else: see alone()."""
    found = subprocess.run([sys.executable, __file__, "alone", size], check=True, capture_output=True, text=True)
    return float(found.stdout)


def alone(size: str) -> None:
    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    engine = _core.Engine(secrets=SECRET, store="memory:scale?max_bytes=2000000000")
    for n in range(2000):  # what the first ones make for all
        log_in(engine, size, n)
    before = resident()
    for n in range(5 * SESSIONS):
        log_in(engine, size, n)
    print((resident() - before) / (5 * SESSIONS))


def bytes_of(url: str, used: Sizes, clear: Callable[[], Any]) -> dict[str, float]:
    found = {}
    for size in SIZES:
        clear()
        fill(url, size, 100)  # connections, scripts
        before = used()
        fill(url, size, SESSIONS)
        found[size] = round((used() - before) / SESSIONS)
    clear()
    return found


def requests_on(url: str, server_cpu: Cpu | None, filled: Callable[[], Any] = int) -> dict[str, dict[str, float]]:
    """CPU for a request, in µs: ours and the server's. Of many sessions in turn; `filled` follows their logins."""
    ring = fill(url, "small", SESSIONS)
    filled()
    engine = _core.Engine(secrets=SECRET, store=url)
    texts = [payload("small", secrets.randbelow(10**9)) for _ in range(ROUNDS * REQUESTS)]

    def read(n: int) -> None:
        assert engine.open(ring[n], False).payload

    def write(n: int) -> None:
        handle = engine.open(ring[n], False)
        assert handle.payload
        engine.commit(handle, texts[n], 0, None)

    def login(n: int) -> None:
        cookies.append(log_in(engine, "small", n))

    def logout(n: int) -> None:
        engine.destroy(engine.open(cookies.pop(), False), False)

    cookies: list[str] = []
    found: dict[str, dict[str, list[float]]] = {}
    for turn in range(ROUNDS):
        for what in (read, write, login, logout):
            began, theirs = time.process_time(), server_cpu() if server_cpu else 0.0
            for n in range(turn * REQUESTS, (turn + 1) * REQUESTS):
                what(n)
            cost = found.setdefault(what.__name__, {"ours": [], "server": []})
            cost["ours"].append((time.process_time() - began) / REQUESTS * 1e6)
            if server_cpu:
                cost["server"].append((server_cpu() - theirs) / REQUESTS * 1e6)
    engine.close()
    return {
        what: {who: round(statistics.median(times), 1) for who, times in cost.items() if times}
        for what, cost in found.items()
    }


@contextmanager
def commands_seen(client: Any) -> Iterator[list[str]]:
    """The commands that clients send meanwhile, without those that scripts call."""
    seen: list[str] = []
    with client.monitor() as monitor:
        yield seen
        client.echo("end")
        for one in monitor.listen():
            if one["command"].upper().startswith("ECHO"):
                break
            name = one["command"].split()[0].upper()
            if one["client_type"] != "lua" and name not in (
                "HELLO",
                "CLIENT",
            ):  # those of the connection that ends this
                seen.append(name)


def commands(url: str, client: Any) -> dict[str, str]:
    engine = _core.Engine(secrets=SECRET, store=url)
    cookie = log_in(engine, "small", 0)
    found = {}
    with commands_seen(client) as read:
        engine.open(cookie, False)
    found["read"] = read
    with commands_seen(client) as write:
        engine.commit(engine.open(cookie, False), payload("small", 1), 0, None)
    found["write"] = write
    with commands_seen(client) as login:
        other = log_in(engine, "small", 2)
    found["login"] = login
    with commands_seen(client) as logout:
        engine.destroy(engine.open(other, False), False)
    found["logout"] = logout
    engine.close()
    return {what: " ".join(names) for what, names in found.items()}


def on_redis() -> dict[str, Any]:
    with redis_server() as url:
        client: Any = redis.Redis.from_url(url)

        def cpu() -> float:
            info = client.info("cpu")
            return float(info["used_cpu_user"] + info["used_cpu_sys"])

        sizes = bytes_of(url, lambda: int(client.info("memory")["used_memory"]), client.flushall)
        one = {}
        for size in SIZES:
            fill(url, size, 1)
            one[size] = client.memory_usage(next(iter(client.scan_iter())))
            client.flushall()
        return {
            "bytes": sizes,
            "memory_usage": one,
            "requests": requests_on(url, cpu),
            "commands": commands(url, client),
        }


def cpu_of_family(root: int) -> float:
    """Seconds that a process and its children have run, those that ended included."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(folder.name) == root:
            ticks += sum(int(one) for one in fields[11:15])
        elif int(fields[1]) == root:
            ticks += sum(int(one) for one in fields[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def on_postgres() -> dict[str, Any]:
    with postgres_server() as server:
        url = server.url.partition("?")[0]
        coatcheck.create_schema(url)
        total = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        ours = " WHERE relkind IN ('r', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema')"

        def used() -> int:
            return int(server.sql(total + ours))

        def clear() -> None:
            coatcheck.Store(url).clear()
            server.sql("VACUUM FULL")

        root = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        sizes = bytes_of(url, used, clear)
        # A row that is written again leaves its old version until it is vacuumed: the table after five writes of each.
        engine = _core.Engine(secrets=SECRET, store=url)
        cookies = fill(url, "small", SESSIONS // 4)
        log = int(server.sql("SELECT pg_current_wal_insert_lsn() - '0/0'").partition(".")[0])
        for n in range(5):
            for cookie in cookies:
                engine.commit(engine.open(cookie, False), payload("small", n + 100_000), 0, None)
            server.sql("VACUUM")
        written = round(used() / len(cookies))
        log = int(server.sql("SELECT pg_current_wal_insert_lsn() - '0/0'").partition(".")[0]) - log
        engine.close()
        clear()
        # A statement that was planned for an empty table scans it.
        found = requests_on(url, lambda: cpu_of_family(root), lambda: server.sql("ANALYZE"))
        return {"bytes": sizes, "written": written, "log": round(log / 5 / len(cookies)), "requests": found}


def main() -> None:
    if sys.argv[1:2] == ["alone"]:
        alone(sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/sessions"

        def used() -> int:
            return sum(one.stat().st_blocks * 512 for one in Path(folder).rglob("*") if one.is_file())

        costs = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPython {platform.python_version()}",
            "payload": {size: len(payload(size, 1_000_000).encode()) for size in SIZES},
            "memory": {
                "bytes": {size: round(bytes_in_memory(size)) for size in SIZES},
                "requests": requests_on("memory:", None),
            },
            "file": {
                "bytes": bytes_of(f"file:{file}", used, coatcheck.Store(f"file:{file}").clear),
                "requests": requests_on(f"file:{file}", None),
            },
            "redis": on_redis(),
            "postgres": on_postgres(),
        }
    (HERE / "costs.json").write_text(json.dumps(costs, indent=1) + "\n")
    print(json.dumps(costs, indent=1))


if __name__ == "__main__":
    main()
