"""Four services, one store: what the interop tests run against."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import coatcheck
import pytest
from four_stacks import SERVICES, Service, all_running
from postgres_server import postgres_running
from processes import free_port, running

SECRET = "interop tests, a secret of more than 32 bytes"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own on a free port: never the one that the system may run."""
    server = shutil.which("redis-server")
    assert server, "redis-server is not installed"
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running("redis-server", command, port, folder):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_running() as server:
        coatcheck.create_schema(server.url)
        yield server.url


@pytest.fixture(scope="session", params=["file", "redis", "postgres"])
def services(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    folder = tmp_path_factory.mktemp("interop")
    store = f"file:{folder}/sessions" if request.param == "file" else request.getfixturevalue(f"{request.param}_url")
    settings = {"COATCHECK_STORE": store, "COATCHECK_SECRET": SECRET}
    if request.param == "encrypted":
        settings["ENCRYPT"] = "required"
    with all_running(folder, dict.fromkeys(SERVICES, settings)) as made:
        yield made


@pytest.fixture
def express_session(services: dict[str, Service], tmp_path: Path) -> Iterator[Service]:
    """The real express-session, on our Store, beside the four services."""
    port = free_port()
    command = ["node", str(Path(__file__).parent / "service_express_session.js")]
    environment = {**services["express"].settings, "PORT": str(port)}
    with running("express-session", command, port, tmp_path, environment):
        service = Service("express-session", port)
        yield service
        service.client.close()
