"""Fixtures of the Python suite: store URLs, a clock set by hand, a real Redis server, the shared vectors."""

from __future__ import annotations

import json
import pathlib
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from coatcheck import _core
from postgres_server import PostgresServer, postgres_running
from processes import free_port

SECRET = "a secret for the tests, 32 bytes or more"
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """The URL of an empty store that answers at once."""
    return f"memory:{uuid.uuid4().hex}" if request.param == "memory" else f"file:{tmp_path / 'sessions'}"


@pytest.fixture
def memory() -> str:
    return f"memory:{uuid.uuid4().hex}"


@pytest.fixture
def clock() -> _core.ManualClock:
    return _core.ManualClock(1_700_000_000_000)


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Any]:
    """vectors(name): the content of tests/vectors/<name>.json."""
    return lambda name: json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


class RedisServer:
    """A redis-server of the test's own, on a free port. Can be frozen, killed and started again."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", str(self.folder)],
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:  # ends with the server
            if b"Ready to accept connections" in line:
                return
        raise RuntimeError("redis-server did not start")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def redis(tmp_path: pathlib.Path) -> Iterator[RedisServer]:
    assert shutil.which("redis-server"), "these tests need redis-server"
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """For tests that leave the server alone."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    """For tests that leave the server alone."""
    with postgres_running() as server:
        yield server


@pytest.fixture(params=["memory", "file", "redis", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """The URL of an empty store of each kind."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("shared_redis")
        return f"{server.url}?prefix={uuid.uuid4().hex}:&timeout=5000"
    if request.param == "postgres":
        database: PostgresServer = request.getfixturevalue("shared_postgres")
        made = f"{database.url}&table=t{uuid.uuid4().hex[:16]}"
        _core.create_schema(made)
        return made
    return f"memory:{uuid.uuid4().hex}" if request.param == "memory" else f"file:{tmp_path / 'sessions'}"
