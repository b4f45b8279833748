"""A Redis cluster, and a master that sentinels name, under Flask and FastAPI: sessions outlive a master that is killed,
and while another takes over nobody is served as if he had no session."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import ROOT
from stacks import Answer, Site, make_site


class Servers:
    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "redis_topology.py"), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._line()

    def failover(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("failover\n")
        self.process.stdin.flush()
        assert self._line() == "done"

    def close(self) -> None:
        self.process.communicate(timeout=30)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(params=["cluster", "sentinel"])
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    started = Servers(request.param)
    yield started
    started.close()


@pytest.mark.parametrize("stack", ["flask", "starlette"])
def test_sessions_outlive_a_master(stack: str, servers: Servers) -> None:
    site = make_site(stack, f"{servers.url}?timeout=2000")
    cookies = [site.login(user=i) for i in range(20)]
    assert users(site, cookies) == list(range(20))

    change = threading.Thread(target=servers.failover)
    change.start()
    unknown = 0
    while change.is_alive():
        for i, cookie in enumerate(cookies):
            answer: Answer = site.get("read", cookie)
            if answer.status == 503:
                unknown += 1
            else:
                assert (answer.status, answer.json["user"]) == (200, i)
    change.join()

    until = time.monotonic() + 10
    while users(site, cookies) != list(range(20)):
        assert time.monotonic() < until
    assert site.login(user=99)
    print(f"{stack}: {unknown} unknown while a master was replaced")


def users(site: Site, cookies: list[str]) -> list[int | None]:
    answers = [site.get("read", cookie) for cookie in cookies]
    return [answer.json["user"] if answer.status == 200 else None for answer in answers]
