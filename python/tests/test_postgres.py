"""Sessions in a real PostgreSQL: Flask and FastAPI, the schema, pruning, a server that goes away."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import coatcheck
import coatcheck.flask
import flask
import pytest
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from postgres_server import PostgresServer, postgres_running


@pytest.fixture
def table(shared_postgres: PostgresServer) -> str:
    return f"t{uuid.uuid4().hex[:16]}"


@pytest.fixture
def store(shared_postgres: PostgresServer, table: str) -> str:
    url = f"{shared_postgres.url}&table={table}"
    assert coatcheck.create_schema(url) == 1
    return url


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with postgres_running() as server:
        yield server


def flask_app(store: str) -> flask.Flask:
    app = flask.Flask("postgres")
    app.secret_key = SECRET
    app.config["COATCHECK_STORE"] = store
    coatcheck.flask.Coatcheck(app)

    @app.get("/write")
    def write() -> dict[str, int]:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return {"n": flask.session["n"]}

    @app.get("/read")
    def read() -> dict[str, Any]:
        return dict(flask.session)

    @app.get("/logout")
    def logout() -> str:
        flask.session.clear()
        return "out"

    return app


def test_flask(shared_postgres: PostgresServer, store: str, table: str) -> None:
    client = flask_app(store).test_client()
    assert [client.get("/write").json["n"] for _ in range(3)] == [1, 2, 3]  # type: ignore[index]
    assert client.get("/read").json == {"n": 3}
    assert shared_postgres.sql(f"SELECT count(*) FROM {table}") == "1"
    client.get("/logout")
    assert client.get("/read").json == {}
    assert shared_postgres.sql(f"SELECT count(*) FROM {table}") == "0"


def test_fastapi(store: str) -> None:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=SECRET, store=store)

    @app.get("/write")
    async def write(request: Request) -> int:
        request.session["n"] = request.session.get("n", 0) + 1
        await asyncio.sleep(0)
        return int(request.session["n"])

    with TestClient(app) as client:
        assert [client.get("/write").json() for _ in range(5)] == [1, 2, 3, 4, 5]


def test_schema_and_prune(shared_postgres: PostgresServer, table: str) -> None:
    url = f"{shared_postgres.url}&table={table}"
    shared_postgres.sql(coatcheck.schema_sql(url))
    assert coatcheck.create_schema(url) == 1
    client = flask_app(url).test_client()
    client.get("/write")
    flask_app(url).test_client().get("/write")
    shared_postgres.sql(f"UPDATE {table} SET expires_at = 1 WHERE key = (SELECT min(key) FROM {table})")
    assert coatcheck.Store(url).prune() == 1
    assert coatcheck.Store(url).clear() == 1
    with pytest.raises(coatcheck.StoreError) as refused:
        coatcheck.create_schema("memory:none")
    assert refused.value.code == "ERR_STORE_UNSUPPORTED"


def test_without_its_table_the_call_that_makes_it_is_named(shared_postgres: PostgresServer, table: str) -> None:
    with pytest.raises(coatcheck.StoreError, match="create_schema") as refused:
        coatcheck.Store(f"{shared_postgres.url}&table={table}").clear()
    assert refused.value.code == "ERR_STORE_FORMAT"


def test_killed_and_started_again(own_server: PostgresServer) -> None:
    url = own_server.url.replace("5000", "500")
    coatcheck.create_schema(own_server.url)
    client = flask_app(url).test_client()
    assert client.get("/write").json == {"n": 1}
    own_server.kill()
    assert client.get("/read").status_code == 503
    assert client.get("/write").status_code == 503
    own_server.start()
    deadline = time.monotonic() + 20
    while (answer := client.get("/read")).status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answer.json == {"n": 1}


def test_a_forked_process_connects_by_itself(store: str) -> None:
    client = flask_app(store).test_client()
    assert client.get("/write").json == {"n": 1}
    child = os.fork()
    if child == 0:
        ok = client.get("/read").json == {"n": 1}
        os._exit(0 if ok else 1)
    assert client.get("/read").json == {"n": 1}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.get("/read").json == {"n": 1}
