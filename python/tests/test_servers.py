"""Real servers, each with four processes on one file: ids are unique, nothing is lost, and they end when told to."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import SECRET, RedisServer
from processes import free_port

HERE = pathlib.Path(__file__).parent
GUNICORN = ["-m", "gunicorn", "--workers=4", "--bind=127.0.0.1:{port}", "--log-level=warning"]
SERVERS = {
    "gunicorn": [*GUNICORN, "served:flask_app"],
    "gunicorn-preload": [*GUNICORN, "--preload", "served:flask_app"],
    "gunicorn-gthread": [*GUNICORN, "--worker-class=gthread", "--threads=4", "served:flask_app"],
    "gunicorn-gevent": [*GUNICORN, "--worker-class=gevent", "served:flask_app"],
    "uvicorn": ["-m", "uvicorn", "--workers=4", "--port={port}", "--log-level=warning", "served:asgi_app"],
    "hypercorn": ["-m", "hypercorn", "--workers=4", "--bind=127.0.0.1:{port}", "served:asgi_app"],
    "hypercorn-trio": ["-m", "hypercorn", "--workers=4", "-k=trio", "--bind=127.0.0.1:{port}", "served:asgi_app"],
    "granian": ["-m", "granian", "--workers=4", "--port={port}", "--interface=asgi", "served:asgi_app"],
}
STORES = ["file", "redis"]


class Server:
    def __init__(self, name: str, store: str) -> None:
        self.port = free_port()
        arguments = [one.format(port=self.port) for one in SERVERS[name]]
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=HERE,
            env={
                **os.environ,
                "COATCHECK_SECRET": SECRET,
                "COATCHECK_STORE": store,
                "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while True:
            try:
                self.get("/all")
                return
            except (OSError, http.client.HTTPException):
                if time.monotonic() > until or self.process.poll() is not None:
                    self.kill()
                    raise AssertionError(self.output()) from None
                threading.Event().wait(0.05)

    def get(self, path: str, *cookies: str) -> tuple[Any, str | None]:
        """The answer and the cookie that came with it; each cookie in a header of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest("GET", path)
            for cookie in cookies:
                connection.putheader("Cookie", cookie)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (answer.status, body)
            line = answer.headers.get("Set-Cookie")
            return json.loads(body), line.split(";")[0] if line else None
        finally:
            connection.close()

    def end(self) -> None:
        """As an operator does it. Granian loses a signal that comes while it starts, with any application."""
        if "granian" in self.process.args:
            self.kill()
            return
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) in (0, -signal.SIGTERM)

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read().decode(errors="replace")

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(params=[(name, store) for name in SERVERS for store in STORES], ids="-".join)
def server(request: pytest.FixtureRequest, tmp_path: pathlib.Path, shared_redis: RedisServer) -> Iterator[Server]:
    name, store = request.param
    made = Server(name, f"file:{tmp_path}/sessions" if store == "file" else f"{shared_redis.url}?timeout=5000")
    yield made
    made.close()


def test_four_processes_on_one_store(server: Server) -> None:
    def new(at: int) -> tuple[str, int]:
        body, cookie = server.get("/set/own")
        assert cookie is not None
        return cookie, body["pid"]

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(new, range(100)))
        while len({pid for _, pid in made}) < 2:  # one process may be quick enough to take all of them
            made += pool.map(new, range(100))
        assert len({cookie for cookie, _ in made}) == len(made), "ids are unique"

        cookie = made[0][0]
        list(pool.map(lambda at: server.get(f"/set/n{at}", cookie), range(100)))
        seen = list(pool.map(lambda _: server.get("/all", cookie)[0], range(16)))
    for one in seen:
        assert one["data"] == {"own": 1, **{f"n{at}": 1 for at in range(100)}}, "nothing is lost, whoever answers"
    assert len({one["id"] for one in seen}) == 1

    # Two Cookie headers (RFC 9113, 8.2.3), which a WSGI server joins with a comma.
    assert server.get("/all", "other=1", cookie)[0]["data"]["own"] == 1
    assert server.get("/all", cookie, "other=1; more=2")[0]["data"]["own"] == 1

    server.end()
    output = server.output()
    assert "Traceback" not in output, output
    assert "Fatal" not in output, output
