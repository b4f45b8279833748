"""How many sessions and requests a store carries, by the costs that measure.py found: the tables of docs/scale.md.

    python3 bench/scale/model.py                        prints them
    python3 bench/scale/model.py --payload 2000 --writes 0.5 --sessions 5e6
    python3 bench/scale/model.py --update               puts them into the page, as they are to stand there

No more than products and quotients: bytes times sessions, CPU times requests. What a table says of many servers is one
server's figure times their number, which holds where they share nothing: a session's keys are on one server.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COSTS = ROOT / "bench/scale/costs.json"
PAGE = ROOT / "docs/scale.md"
GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True)
class Load:
    """What is taken for granted. Of a table, the page says so."""

    payload: int = 273  # bytes of JSON
    live: float = 0.05  # of the kept sessions, those in use at the peak
    every: float = 20.0  # seconds between two requests of one of those
    writes: float = 0.2  # of the requests, those that change their session
    busy: float = 0.5  # of a core, what it is given to do at the peak
    redis_gib: float = 16.0  # of sessions on one Redis
    file_gib: float = 64.0  # of sessions in one file
    postgres_cores: int = 32  # of one PostgreSQL

    def requests(self, sessions: float) -> float:
        return sessions * self.live / self.every


class Model:
    """`costs`: what measure.py wrote."""

    def __init__(self, costs: dict[str, Any], load: Load) -> None:
        self.costs = costs
        self.load = load

    def bytes_of(self, store: str) -> float:
        """Of one session: measured at two sizes, on the line through them between and beyond."""
        at, sizes = self.costs["payload"], self.costs[store]["bytes"]
        slope = (sizes["large"] - sizes["small"]) / (at["large"] - at["small"])
        found = sizes["small"] + slope * (self.load.payload - at["small"])
        if store == "postgres":  # rows that were written again
            found *= self.costs[store]["written"] / sizes["small"]
        return float(found)

    def cpu(self, store: str, request: str, who: str = "server") -> float:
        """Seconds for one request."""
        return float(self.costs[store]["requests"][request][who]) / 1e6

    def mixed(self, store: str, who: str = "server") -> float:
        """Seconds for the average request."""
        share = self.load.writes
        return (1 - share) * self.cpu(store, "read", who) + share * self.cpu(store, "write", who)

    def rate(self, seconds: float) -> float:
        """Requests a second of one core that is as busy as it is to be."""
        return self.load.busy / seconds

    def redis_servers(self, sessions: float) -> int:
        room = sessions * self.bytes_of("redis") / (self.load.redis_gib * GIB)
        work = self.load.requests(sessions) / self.rate(self.mixed("redis"))
        return max(1, math.ceil(max(room, work)))

    def postgres_cores(self, sessions: float) -> tuple[float, float]:
        """Of the primary when it does all, and when reads are answered elsewhere."""
        rate, share = self.load.requests(sessions), self.load.writes
        read, write = self.cpu("postgres", "read"), self.cpu("postgres", "write")
        # A write's request reads as well; what is left without that is the statement that writes.
        return rate * self.mixed("postgres") / self.load.busy, rate * share * (write - read) / self.load.busy

    def fits(self, sessions: float) -> str:
        """The stores that one of suffices for, and of what more are needed."""
        rate = self.load.requests(sessions)
        found = []
        file_gib = sessions * self.bytes_of("file") / GIB
        if file_gib <= self.load.file_gib and rate * self.load.writes * self.cpu("file", "write", "ours") <= 0.5:
            found.append("file")
        servers = self.redis_servers(sessions)
        found.append("one Redis" if servers == 1 else f"Redis Cluster of {max(3, servers)}")
        everything, writes = self.postgres_cores(sessions)
        if everything <= self.load.postgres_cores:
            found.append("one PostgreSQL")
        elif writes <= self.load.postgres_cores:
            found.append("one PostgreSQL, reads elsewhere")
        return ", ".join(found)


def number(value: float) -> str:
    """Two digits that count: what is measured is no better."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if rounded < 10 else f"{rounded:,.0f}"


def lines(head: list[str], rows: list[list[str]]) -> str:
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(out)


def measured(costs: dict[str, Any]) -> str:
    """The costs themselves."""
    rows = []
    for store in ("memory", "file", "redis", "postgres"):
        sizes, requests = costs[store]["bytes"], costs[store]["requests"]
        cells = [f"{sizes['small']:,} / {sizes['large']:,}"]
        for what in ("read", "write", "login", "logout"):
            cost = requests[what]
            cells.append(f"{cost['ours']}" + (f" + {cost['server']}" if "server" in cost else ""))
        rows.append([store, *cells])
    small, large = costs["payload"]["small"], costs["payload"]["large"]
    head = [f"bytes a session, of {small} / {large:,} bytes of JSON", "read", "write", "login", "logout"]
    return lines(["store", *head], rows) + f"\n\nOn {costs['machine']}."


def carried(model: Model) -> str:
    """What one of each carries, and several."""
    rows = []
    for store, name in (("memory", "a process, `memory:`"), ("file", "a process, `file:`")):
        rates = [
            model.rate(one)
            for one in (model.cpu(store, "read", "ours"), model.cpu(store, "write", "ours"), model.mixed(store, "ours"))
        ]
        rows.append([name, number(GIB / model.bytes_of(store)), *map(number, rates)])
    for store, name, many in (("redis", "one Redis", (3, 10, 100)), ("postgres", "PostgreSQL, each core", (4, 16))):
        rates = [model.rate(one) for one in (model.cpu(store, "read"), model.cpu(store, "write"), model.mixed(store))]
        rows.append([name, number(GIB / model.bytes_of(store)), *map(number, rates)])
        for n in many:
            what = f"Redis Cluster of {n}" if store == "redis" else f"PostgreSQL of {n} cores"
            per_gib = number(GIB / model.bytes_of(store)) + (" each" if store == "redis" else "")
            rows.append([what, per_gib, *(number(n * rate) for rate in rates)])
    # The primary writes and reads for its writes; the rest is shared by all, n cores each.
    cores, share = 16, model.load.writes
    for replicas in (1, 3):
        write, read = model.cpu("postgres", "write"), model.cpu("postgres", "read")
        whole = (1 + replicas) * cores * model.load.busy / model.mixed("postgres")
        primary = cores * model.load.busy / (share * write)
        mixed = min(whole, primary)
        reads = (1 + replicas) * cores * model.rate(read)
        name = f"that of {cores} cores, {replicas} read replica{'s' if replicas > 1 else ''} like it"
        rows.append(
            [
                name,
                number(GIB / model.bytes_of("postgres")),
                number(reads),
                number(cores * model.rate(write)),
                number(mixed),
            ]
        )
    share_text = f"{share:.0%} writes".replace("%", " %")
    return lines(["", "sessions a GiB", "reads/s", "writes/s", share_text], rows)


def sizing(model: Model, sessions: list[float]) -> str:
    rows = []
    for count in sessions:
        rate = model.load.requests(count)
        everything, writes = model.postgres_cores(count)
        log = rate * model.load.writes * model.costs["postgres"]["log"] / MIB
        power = math.log10(count)
        rows.append(
            [
                f"10^{power:.0f}" if power == int(power) else f"{count:,.0f}",
                number(rate),
                *(number(count * model.bytes_of(store) / GIB) for store in ("memory", "file", "redis")),
                str(model.redis_servers(count)),
                number(count * model.bytes_of("postgres") / GIB),
                f"{number(everything)} / {number(writes)}",
                number(log),
                model.fits(count),
            ]
        )
    head = ["sessions", "requests/s", "memory, GiB", "file, GiB", "Redis, GiB", "Redis servers", "PostgreSQL, GiB"]
    head += ["its cores, all / writes alone", "its log, MiB/s", "what fits"]
    return lines(head, rows)


POWERS = [10.0**power for power in range(4, 10)]


def tables(costs: dict[str, Any], load: Load, sessions: list[float]) -> dict[str, str]:
    """By their names in docs/scale.md."""
    model = Model(costs, load)
    return {"measured": measured(costs), "carried": carried(model), "sizing": sizing(model, sessions)}


def updated(page: str) -> str:
    """The page with its tables as they are to be."""
    for name, table in tables(json.loads(COSTS.read_text()), Load(), POWERS).items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, found, rest = page.partition(begin)
        _, also, after = rest.partition(end)
        if not found or not also:
            raise SystemExit(f"{PAGE.name} has no place for the table {name}")
        page = before + begin + table + "\n" + end + after
    return page


def main() -> None:
    defaults = Load()
    parser = argparse.ArgumentParser(description="The tables of docs/scale.md, for a load of your own.")
    for name, value in vars(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"({value})")
    parser.add_argument("--sessions", type=float, nargs="+", default=POWERS)
    parser.add_argument("--update", action="store_true", help="puts the tables into docs/scale.md")
    words = vars(parser.parse_args())
    sessions = words.pop("sessions")
    if words.pop("update"):
        PAGE.write_text(updated(PAGE.read_text()))
        return
    for name, table in tables(json.loads(COSTS.read_text()), Load(**words), sessions).items():
        print(f"{name}\n\n{table}\n")


if __name__ == "__main__":
    main()
