"""Sessions on real memcached servers: every framework on two of them, one of which is killed and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import coatcheck
import pytest
from conftest import SECRET
from processes import free_port
from stacks import STACKS, make_site


class MemcachedServer:
    """A memcached of the test's own, on a free port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-u", "nobody", "-m", "16"]
        )
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("memcached did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def nodes() -> Iterator[list[MemcachedServer]]:
    if not shutil.which("memcached"):
        pytest.skip("these tests need memcached")
    servers = [MemcachedServer(), MemcachedServer()]
    yield servers
    for one in servers:
        one.kill()


def url_of(nodes: list[MemcachedServer], parameters: str = "") -> str:
    return "memcached://" + ",".join(f"127.0.0.1:{one.port}" for one in nodes) + parameters


@pytest.mark.parametrize("stack", STACKS)
def test_sessions_live_on_memcached_and_an_outage_is_a_503(stack: str, nodes: list[MemcachedServer]) -> None:
    site = make_site(stack, url_of(nodes, "?timeout=2000"))
    cookies = [site.login(n=number) for number in range(24)]
    assert [site.get("read", cookie).json for cookie in cookies] == [{"n": number} for number in range(24)]

    def more(session: Any) -> str:
        session["n"] += 100
        return "done"

    assert {site.get(more, cookie).status for cookie in cookies} == {200}
    nodes[1].kill()
    answers = [site.get("read", cookie) for cookie in cookies]
    assert {answer.status for answer in answers} == {200, 503}
    for number, answer in enumerate(answers):
        if answer.status == 200:
            assert answer.json == {"n": number + 100}
        else:
            assert answer.set_cookie is None
    nodes[1].start()
    deadline = time.monotonic() + 10
    while any(site.get("read", cookie).status == 503 for cookie in cookies):
        assert time.monotonic() < deadline
    kept = [site.get("read", cookie).json for cookie in cookies]
    assert kept == [answer.json if answer.status == 200 else {} for answer in answers]


def test_what_memcached_can_not_do_is_said(nodes: list[MemcachedServer]) -> None:
    store = coatcheck.Store(url_of(nodes))
    with pytest.raises(coatcheck.StoreError) as refused:
        store.clear()
    assert refused.value.code == "ERR_STORE_UNSUPPORTED"
    tokens = coatcheck.RefreshTokens(url_of(nodes), SECRET)
    issued = tokens.issue("ann")
    assert tokens.refresh(issued.token).token
    with pytest.raises(coatcheck.StoreError) as unsupported:
        tokens.list("ann")
    assert unsupported.value.code == "ERR_STORE_UNSUPPORTED"
    with pytest.raises(coatcheck.ConfigError) as wrong:
        coatcheck.Store("memcached://user:top%20secret@127.0.0.1").clear()
    assert "secret" not in str(wrong.value)
