"""What reads a session that nobody has looked at yet: encoders, copies and merges, many of which read a dict's storage
in C and call none of its methods. All see what the session holds, on every stack and every kind of store.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pathlib
import pickle
import uuid
from collections.abc import Callable
from typing import Any

import coatcheck
import orjson
import pytest
from conftest import RedisServer
from stacks import STACKS, FlaskSite, Site, StarletteSite, WsgiSite, asgi_call, make_site, wsgi_call
from starlette.responses import JSONResponse

HELD = {"user": "ada", "cart": [{"id": 1}, {"id": 2}]}

READERS: dict[str, Callable[[Any], Any]] = {
    "json": lambda session: json.loads(json.dumps(session)),
    "json within": lambda session: json.loads(json.dumps({"session": session}))["session"],
    "json by Python": lambda session: json.loads(json.dumps(session, indent=1)),
    "orjson": lambda session: orjson.loads(orjson.dumps(session)),
    "orjson within": lambda session: orjson.loads(orjson.dumps([session]))[0],
    "JSONResponse": lambda session: json.loads(bytes(JSONResponse(session).body)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "copy()": lambda session: session.copy(),
    "pickle": lambda session: pickle.loads(pickle.dumps(session)),
    "pickle within": lambda session: pickle.loads(pickle.dumps([session, 1], protocol=2))[0],
    "dict": dict,
    "**": lambda session: {**session},
    "call **": lambda session: (lambda **given: given)(**session),
    "|": lambda session: session | {},
    "reversed |": lambda session: {} | session,
    "update": lambda session: _updated({}, session),
    "dict.copy": dict.copy,
    "dict.items": lambda session: dict(dict.items(session)),
    "equal": lambda session: HELD if session == HELD else {},
}


def _updated(into: dict[str, Any], session: Any) -> dict[str, Any]:
    into.update(session)
    return into


@pytest.fixture(params=["memory", "file", "redis"])
def any_store(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    if request.param == "redis":
        return request.getfixturevalue("redis").url  # type: ignore[no-any-return]
    return f"memory:{uuid.uuid4().hex}" if request.param == "memory" else f"file:{tmp_path / 'sessions'}"


def raw(site: Site, read: Callable[[Any], Any], cookie: str | None) -> Any:
    """What `read` makes of the session's own object, as the request brings it: nothing has touched it before."""
    seen: list[Any] = []

    def look(session: Any) -> None:
        seen.append(read(session))

    if isinstance(site, FlaskSite):
        with site.app.test_request_context("/", headers={"Cookie": cookie} if cookie else {}) as context:
            look(context._session)  # as a template has it, and Flask before 3.1.3 everywhere
    elif isinstance(site, WsgiSite):

        def application(environ: Any, start_response: Any) -> list[bytes]:
            look(environ["coatcheck.session"])
            start_response("200 OK", [])
            return [b""]

        site.app.app = application
        wsgi_call(site.app, "/", cookie, False)
    else:
        assert isinstance(site, StarletteSite)

        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            look(scope["session"])
            await JSONResponse(None)(scope, receive, send)

        site.app.app = asgi
        asyncio.run(asgi_call(site.app, "/", cookie))
    return seen[0]


@pytest.mark.parametrize("stack", STACKS)
def test_every_reader_sees_what_the_session_holds(stack: str, any_store: str) -> None:
    cookie = make_site(stack, any_store).login(**HELD)
    site = make_site(stack, any_store)
    for name, read in READERS.items():
        assert raw(site, read, cookie) == HELD, name
        assert raw(site, read, None) == {}, name


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", ["deepcopy", "copy", "pickle", "copy()"])
def test_a_copy_is_a_plain_dict(stack: str, name: str, memory: str) -> None:
    cookie = make_site(stack, memory).login(**HELD)
    assert type(raw(make_site(stack, memory), READERS[name], cookie)) is dict


@pytest.mark.parametrize("stack", STACKS)
def test_a_deep_copy_shares_nothing_with_the_session(stack: str, memory: str) -> None:
    site = make_site(stack, memory)
    cookie = site.login(**HELD)
    raw(site, lambda session: copy.deepcopy(session)["cart"].append(3), cookie)
    assert raw(make_site(stack, memory), dict, cookie) == HELD


@pytest.mark.parametrize("stack", STACKS)
def test_what_changes_in_a_value_after_an_encoder_read_it_is_stored(stack: str, memory: str) -> None:
    site = make_site(stack, memory)
    cookie = site.login(**HELD)

    def page(session: Any) -> None:
        session = getattr(session, "_get_current_object", lambda: session)()
        orjson.dumps(dict.copy(session) if isinstance(session, dict) else dict(session))
        session["cart"].append({"id": 3})

    site.get(page, cookie)
    assert site.get("read", cookie).json["cart"] == [*HELD["cart"], {"id": 3}]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(
    "name", ["json", "json within", "orjson", "orjson within", "JSONResponse", "pickle", "deepcopy"]
)
def test_no_encoder_takes_an_unknown_session_for_an_empty_one(stack: str, name: str, redis: RedisServer) -> None:
    url = redis.url + "?timeout=100"
    cookie = make_site(stack, url).login(**HELD)
    site = make_site(stack, url)
    redis.kill()
    seen: list[Any] = []

    def read(session: Any) -> None:
        try:
            seen.append(READERS[name](session))
        except (coatcheck.StoreError, TypeError) as error:
            seen.append(error)

    raw(site, read, cookie)
    assert isinstance(seen[0], Exception)


@pytest.mark.parametrize("stack", STACKS)
def test_who_never_looks_is_answered_when_the_deadline_can_not_move(stack: str, redis: RedisServer) -> None:
    site = make_site(stack, redis.url, rolling=True)  # so that every request moves it
    cookie = site.login(**HELD)
    redis.command("CONFIG", "SET", "maxmemory", "1")  # reads go on, writes are refused
    assert site.get(lambda session: None, cookie).status == 200
