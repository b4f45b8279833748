"""Sticky sessions behind the real HAProxy and nginx, configured as docs/sticky-sessions.md says, with two Node and two
Python processes: requests stay on their node, and what happens when it is killed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from conftest import SECRET
from four_stacks import ROOT, SERVICES
from processes import free_port, running

STACK_OF = {"n1": "express", "n2": "express", "n3": "flask", "n4": "fastapi"}
BROWSERS = 40


class Site:
    """Four nodes behind a balancer."""

    def __init__(self, port: int, nodes: dict[str, subprocess.Popen[bytes]]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.nodes = nodes

    def kill(self, node: str) -> None:
        self.nodes[node].kill()
        self.nodes[node].wait()


class Browser:
    """With its own cookies; ``node`` served its last request."""

    def __init__(self, site: Site, name: str) -> None:
        self.client = httpx.Client(base_url=site.url, timeout=20)
        self.node = ""
        self.name = name

    def write(self) -> None:
        self._note(self.client.put("/session", json={"set": {"user": self.name}}))

    def read(self) -> dict[str, object]:
        return self._note(self.client.get("/session"))

    def _note(self, answer: httpx.Response) -> dict[str, object]:
        assert answer.status_code == 200, answer.text
        self.node = answer.headers["X-Node"]
        data: dict[str, object] = answer.json()
        return data


def configuration(kind: str, port: int, ports: dict[str, int]) -> str:
    """The one in the document, with this test's addresses."""
    text = (ROOT / "docs" / "sticky-sessions.md").read_text()
    found = re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)
    assert found
    out = found[1].replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    for at, node in enumerate(STACK_OF, 1):
        out = out.replace(f"10.0.0.{at}:3000", f"127.0.0.1:{ports[node]}")
    assert "10.0.0." not in out
    return out


def command_of(kind: str, folder: Path, port: int, ports: dict[str, int]) -> list[str]:
    program = shutil.which(kind, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, f"these tests need {kind}"
    file = folder / f"{kind}.conf"
    text = configuration(kind, port, ports)
    if kind == "haproxy":
        file.write_text(text)
        return [program, "-db", "-f", str(file)]
    paths = "".join(
        f"{what}_temp_path {folder}/{what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{text}}}\n"
    )
    return [program, "-p", str(folder), "-c", str(file)]


@pytest.fixture(params=["haproxy", "nginx"])
def balancer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["shared", "own"])
def site(request: pytest.FixtureRequest, balancer: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    store = redis_url if request.param == "shared" else "memory:"
    ports = {node: free_port() for node in STACK_OF}
    port = free_port()
    with ExitStack() as stack:
        nodes = {
            node: stack.enter_context(
                running(
                    node,
                    SERVICES[service],
                    ports[node],
                    tmp_path,
                    {
                        "COATCHECK_STORE": store,
                        "COATCHECK_SECRET": SECRET,
                        "NODE_NAME": node,
                        "PORT": str(ports[node]),
                    },
                )
            )
            for node, service in STACK_OF.items()
        }
        stack.enter_context(running(balancer, command_of(balancer, tmp_path, port, ports), port, tmp_path))
        yield Site(port, nodes)


def test_requests_stay_on_their_node_and_survive_it(site: Site, request: pytest.FixtureRequest) -> None:
    shared = "shared" in request.node.callspec.id
    browsers = [Browser(site, f"user {at}") for at in range(BROWSERS)]
    homes = {}
    for browser in browsers:
        browser.write()
        homes[browser.name] = browser.node
    assert set(homes.values()) == set(STACK_OF), "the balancer spreads those that are new"
    for _ in range(5):
        for browser in browsers:
            assert browser.read() == {"user": browser.name}
            assert browser.node == homes[browser.name]

    lost = 0
    for victim in ("n1", "n3"):
        site.kill(victim)
        for browser in browsers:
            home = homes[browser.name]
            data = browser.read()
            if home != victim:
                assert data == {"user": browser.name}
                assert browser.node == home, "whoever is elsewhere stays there"
                continue
            assert browser.node != victim
            if shared:
                assert data == {"user": browser.name}, "found on the next node, without a login"
            else:
                assert data == {}, "gone with its node, as documented"
                lost += 1
                browser.write()
            homes[browser.name] = browser.node
        for browser in browsers:  # settled on the new node
            assert browser.read() == {"user": browser.name}
            assert browser.node == homes[browser.name]
    assert (lost == 0) == shared
    for browser in browsers:
        browser.client.close()
