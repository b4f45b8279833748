"""coatcheck.fastapi.Session: the request's session as a model of the application's own."""

# Not in text: FastAPI reads the annotations of the routes.
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

import coatcheck
import pytest
from coatcheck.fastapi import Session
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET, RedisServer
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from typing_extensions import TypedDict


class Item(BaseModel):
    name: str
    amount: int = 1


class Cart(BaseModel):
    items: list[Item] = []
    owner: str | None = None
    since: date | None = Field(default=None, alias="since_when")


@dataclass
class Visits:
    seen: int = 0


class Typed(TypedDict, total=False):
    user: str


@pytest.fixture(params=["memory", "redis"])
def client(request: pytest.FixtureRequest, shared_redis: RedisServer) -> Any:
    app = FastAPI()
    store = f"memory:{uuid.uuid4().hex}" if request.param == "memory" else f"{shared_redis.url}?timeout=5000"
    app.add_middleware(SessionMiddleware, secret_key=SECRET, store=store)

    @app.get("/add/{name}")
    async def add(name: str, cart: Session[Cart]) -> int:
        cart.items.append(Item(name=name))
        return len(cart.items)

    @app.get("/more")
    def more(cart: Session[Cart]) -> int:
        cart.items[0].amount += 1
        return cart.items[0].amount

    @app.get("/read")
    def read(cart: Session[Cart]) -> Cart:
        return cart

    @app.get("/visit")
    async def visit(visits: Session[Visits]) -> int:
        visits.seen += 1
        return visits.seen

    @app.get("/typed/{name}")
    async def typed(name: str, session: Session[Typed]) -> dict[str, Any]:
        session["user"] = name
        return dict(session)

    @app.get("/raw")
    async def raw(request: Request) -> dict[str, Any]:
        return dict(request.session)

    @app.get("/break")
    async def damage(request: Request) -> None:
        request.session["items"] = "none"

    @app.get("/clear")
    async def clear(request: Request) -> None:
        request.session.clear()

    @app.get("/stream")
    async def stream(cart: Session[Cart]) -> StreamingResponse:
        async def chunks() -> Any:
            yield "a"
            cart.owner = "late"
            yield "b"

        return StreamingResponse(chunks())

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, cart: Session[Cart]) -> None:
        await websocket.accept()
        await websocket.send_json(len(cart.items))
        await websocket.close()

    return TestClient(app)


def test_a_model(client: Any) -> None:
    assert client.get("/read").json() == {"items": [], "owner": None, "since_when": None}
    assert not client.cookies, "defaults are no change"
    assert [client.get("/add/tea").json(), client.get("/add/milk").json()] == [1, 2]
    assert client.get("/more").json() == 2, "a change inside a model is stored"
    assert client.get("/read").json()["items"] == [{"name": "tea", "amount": 2}, {"name": "milk", "amount": 1}]
    assert client.get("/visit").json() == 1
    assert client.get("/visit").json() == 2
    assert set(client.get("/raw").json()) == {"items", "seen"}, "fields that changed, and nothing of the others"
    with client.websocket_connect("/socket") as socket:
        assert socket.receive_json() == 2
    client.get("/clear")
    assert client.get("/read").json()["items"] == []


def test_what_changes_while_the_body_streams_is_stored(client: Any) -> None:
    client.get("/add/tea")
    assert client.get("/stream").text == "ab"
    assert client.get("/read").json()["owner"] == "late"


def test_a_typed_dict_is_the_session(client: Any) -> None:
    assert client.get("/typed/ann").json() == {"user": "ann"}
    assert client.get("/raw").json() == {"user": "ann"}


def test_a_session_that_does_not_fit_is_named_without_its_data(client: Any) -> None:
    client.get("/break")
    with pytest.raises(coatcheck.PayloadError) as refused:
        client.get("/read")
    assert str(refused.value) == "the session does not fit Cart: items"
    assert client.get("/raw").json() == {"items": "none"}, "and stays as it is"


def test_it_is_no_part_of_the_openapi_document(client: Any) -> None:
    assert client.app.openapi()["paths"]["/read"]["get"].get("parameters") is None


def test_it_needs_a_session_of_ours() -> None:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=SECRET, mode="starlette")

    @app.get("/")
    def read(cart: Session[Cart]) -> Cart:
        return cart

    with pytest.raises(coatcheck.ConfigError, match="SessionMiddleware"):
        TestClient(app).get("/")
