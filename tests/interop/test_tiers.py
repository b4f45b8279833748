"""The demonstration of tiers: two Node and two Python processes behind the real HAProxy, on a Redis before PostgreSQL;
under load one process of each language is killed, and then the Redis. No session is lost, nobody logs in again.

``make demo-tiers`` runs it for longer and prints figures. ``DEMO_ROUNDS``: requests of each browser in each part.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import coatcheck
import httpx
import pytest
from conftest import SECRET
from four_stacks import SERVICES
from processes import free_port, running
from test_sticky import STACK_OF, Site, command_of

BROWSERS = 8
ROUNDS = int(os.environ.get("DEMO_ROUNDS", "6"))


class Visitor:
    """A browser that writes and reads in turn, and knows what it was told is stored."""

    def __init__(self, site: Site, name: str) -> None:
        self.client = httpx.Client(base_url=site.url, timeout=60)
        self.name = name
        self.stored: dict[str, object] = {}
        self.unsure = False  # whether the last write was stored

    def visit(self, part: str) -> Counter[str]:
        seen: Counter[str] = Counter()
        for at in range(ROUNDS):
            if at % 3 == 0:
                data = {"user": self.name, "seen": f"{part} {at}"}
                if self._ask(seen, "PUT", {"set": data}) is None:
                    self.unsure = True
                else:
                    self.stored, self.unsure = data, False
            else:
                self.look(seen)
        return seen

    def look(self, seen: Counter[str]) -> None:
        data = self._ask(seen, "GET")
        if data is None or not self.stored:
            return
        assert data.get("user") == self.name, "a session is lost, or another one's"
        if not self.unsure:
            assert data == self.stored, "an update that was acknowledged is missing"

    def _ask(self, seen: Counter[str], method: str, body: object = None) -> dict[str, object] | None:
        """None: an error, which promises nothing."""
        try:
            answer = self.client.request(method, "/session", json=body)
        except httpx.HTTPError:
            seen["errors"] += 1
            return None
        seen["errors" if answer.status_code >= 500 else "answers"] += 1
        if answer.status_code >= 500:
            return None
        assert answer.status_code in (200, 204), answer.text
        data: dict[str, object] = answer.json() if answer.content else {}
        return data


@pytest.fixture
def site(postgres_url: str, tmp_path: Path) -> Iterator[Site]:
    ports = {node: free_port() for node in STACK_OF}
    port, redis_port = free_port(), free_port()
    with ExitStack() as stack:
        start = stack.enter_context
        redis = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
        nodes = {"redis": start(running("redis-server", redis, redis_port, tmp_path))}
        store = coatcheck.cached(f"redis://127.0.0.1:{redis_port}", postgres_url, ttl=600_000, timeout=20_000)
        for node, service in STACK_OF.items():
            settings = {
                "COATCHECK_STORE": store,
                "COATCHECK_SECRET": SECRET,
                "NODE_NAME": node,
                "PORT": str(ports[node]),
            }
            nodes[node] = start(running(node, SERVICES[service], ports[node], tmp_path, settings))
        start(running("haproxy", command_of("haproxy", tmp_path, port, ports), port, tmp_path))
        yield Site(port, nodes)


def test_nothing_is_lost_while_processes_and_the_cache_die(site: Site) -> None:
    visitors = [Visitor(site, f"user {at}") for at in range(BROWSERS)]
    figures = []

    def load(part: str, victims: list[str]) -> None:
        began = time.monotonic()
        seen: Counter[str] = Counter()
        with ThreadPoolExecutor(BROWSERS) as pool:
            under_way = [pool.submit(one.visit, part) for one in visitors]
            for victim in victims:
                site.kill(victim)
            for each in under_way:
                seen += each.result()
        took = time.monotonic() - began
        rate = (seen["answers"] + seen["errors"]) / took
        figures.append(f"{part:28} {rate:8.0f} requests/s {seen['answers']:8} answers {seen['errors']:5} errors")

    load("four processes, both stores", [])
    load("a process of each is killed", ["n1", "n3"])
    load("the Redis is killed", ["redis"])
    load("PostgreSQL alone", [])
    print("", *figures, sep="\n")

    deadline = time.monotonic() + 60
    for one in visitors:
        last: Counter[str] = Counter()
        while last["answers"] == 0:
            assert time.monotonic() < deadline, "all is well again"
            one.look(last)
        assert one.stored
        one.client.close()
