"""gunicorn with gevent: while one request waits for Redis, the others of the same thread go on."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import SECRET, RedisServer
from processes import free_port
from tcp_proxy import TcpProxy

APP = """
    import flask, coatcheck.flask, coatcheck
    app = flask.Flask("app")
    app.config.update(SECRET_KEY={secret!r}, COATCHECK_STORE={store!r})
    coatcheck.flask.Coatcheck(app)
    tokens = coatcheck.RefreshTokens({store!r}, {secret!r})

    @app.get("/login")
    def login():
        flask.session["user"] = "ann"
        return ""

    @app.get("/user")
    def user():
        return str(flask.session.get("user"))

    @app.get("/plain")
    def plain():
        return "plain"

    @app.get("/impatient")
    def impatient():
        import gevent
        try:
            with gevent.Timeout(0.05):
                return tokens.issue("ann").token
        except gevent.Timeout:
            return "too long"

    @app.get("/token")
    def token():
        return tokens.refresh(tokens.issue("ann").token).token
"""


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


class Server:
    def __init__(self, folder: pathlib.Path, proxy: TcpProxy) -> None:
        self.proxy = proxy
        (folder / "app.py").write_text(
            textwrap.dedent(APP).format(secret=SECRET, store=proxy.url.replace("127.0.0.1", "localhost"))
        )
        self.port = free_port()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-k",
            "gevent",
            "-w",
            "1",
            "-b",
            f"127.0.0.1:{self.port}",
            "app:app",
        ]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        until(self.answers)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/login") as response:
            self.cookie = response.headers["Set-Cookie"].split(";")[0]

    def answers(self) -> bool:
        assert self.process.poll() is None, "gunicorn ended"
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def get(self, path: str) -> str:
        headers = {"Cookie": self.cookie} if path == "/user" else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as response:
            return str(response.read().decode())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def server(shared_redis: RedisServer, tmp_path: pathlib.Path) -> Iterator[Server]:
    proxy = TcpProxy(shared_redis.port)
    made = Server(tmp_path, proxy)
    yield made
    made.stop()
    proxy.close()


def test_reads_overlap_and_a_route_without_a_session_does_not_wait(server: Server) -> None:
    server.proxy.answers.clear()
    with ThreadPoolExecutor(20) as pool:
        reads = [pool.submit(server.get, "/user") for _ in range(20)]
        until(lambda: server.proxy.under_way == 20)
        assert server.get("/plain") == "plain"
        assert not any(read.done() for read in reads)
        server.proxy.answers.set()
        assert [read.result() for read in reads] == ["ann"] * 20


def test_refresh_tokens_wait_in_the_same_way(server: Server) -> None:
    assert server.get("/token")
    server.proxy.answers.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(server.get, "/token")
        until(lambda: server.proxy.under_way == 1)
        assert server.get("/plain") == "plain"
        server.proxy.answers.set()
        assert waiting.result()


def test_a_timeout_of_the_application_is_raised_and_the_connection_goes_on(server: Server) -> None:
    server.proxy.answers.clear()
    with ThreadPoolExecutor(2) as pool:
        impatient = pool.submit(server.get, "/impatient")
        until(lambda: server.proxy.under_way == 1)
        assert server.get("/plain") == "plain"
        # Longer than the application's patience. The answer is then on its way for somebody who does not want it.
        time.sleep(0.1)
        server.proxy.answers.set()
        assert impatient.result() == "too long"
    for _ in range(20):
        assert server.get("/user") == "ann"
