"""Beside connect-redis: Flask and ASGI on its records, as express-session prints them (node/test/layouts.test.js runs
the packages themselves). And what a request costs in Redis, by the server's own account."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import coatcheck
import coatcheck.asgi
import coatcheck.flask
import flask
import pytest
import redis as redis_py
from conftest import RedisServer
from stacks import asgi_call

SECRET = "a secret for the tests, 32 bytes or more"
ID = "PeersOwnIdOf24RandomBytes_-32chr"
PEER = (
    '{"cookie":{"originalMaxAge":3600000,"expires":"2026-11-30T22:00:00.000Z","secure":false,"httpOnly":true,"path":"/",'
    '"sameSite":"lax"},"user":"ann","n":1}'
)


def signed(session_id: str) -> str:
    mac = hmac.digest(SECRET.encode(), session_id.encode(), hashlib.sha256)
    value = f"s:{session_id}.{base64.b64encode(mac).decode().rstrip('=')}"
    return "connect.sid=" + quote(value, safe="")


Ask = Callable[[str, "str | None"], "tuple[int, str, str | None]"]


def flask_site(url: str, **config: Any) -> Ask:
    app = flask.Flask("app")
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=url, SESSION_COOKIE_NAME="connect.sid", **config)
    coatcheck.flask.Coatcheck(app)

    @app.get("/untouched")
    def untouched() -> str:
        return ""

    @app.get("/read")
    def read() -> str:
        return json.dumps(dict(flask.session))

    @app.get("/write")
    def write() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return ""

    @app.get("/login")
    def login() -> str:
        flask.session.regenerate()  # type: ignore[attr-defined]
        flask.session["user"] = "bob"
        return ""

    @app.get("/logout")
    def logout() -> str:
        flask.session.clear()
        return ""

    @app.get("/cookie")
    def cookie() -> str:
        flask.session["cookie"] = 1
        return ""

    client = app.test_client(use_cookies=False)

    def ask(path: str, cookie: str | None) -> tuple[int, str, str | None]:
        answer = client.get(path, headers={"Cookie": cookie} if cookie else {})
        line = answer.headers.get("Set-Cookie")
        return answer.status_code, answer.text, line.split(";")[0] if line else None

    return ask


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    session = scope["session"]
    path = scope["path"]
    body = b""
    if path == "/read":
        body = json.dumps(dict(session)).encode()
    elif path == "/write":
        session["n"] = session.get("n", 0) + 1
    elif path == "/login":
        session.regenerate()
        session["user"] = "bob"
    elif path == "/logout":
        session.clear()
    elif path == "/cookie":
        session["cookie"] = 1
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def asgi_site() -> Iterator[Callable[[str], Ask]]:
    loop = asyncio.new_event_loop()

    def make(url: str) -> Ask:
        app = coatcheck.asgi.SessionMiddleware(asgi_app, SECRET, url, cookie_name="connect.sid")

        def ask(path: str, cookie: str | None) -> tuple[int, str, str | None]:
            answer = loop.run_until_complete(asgi_call(app, path, cookie))
            line = answer.set_cookie
            return answer.status, answer.body.decode(), line.split(";")[0] if line else None

        return ask

    yield make
    loop.close()


@pytest.fixture(params=["flask", "asgi"])
def site(request: pytest.FixtureRequest) -> Callable[[str], Ask]:
    return flask_site if request.param == "flask" else request.getfixturevalue("asgi_site")


def layout_url(redis: RedisServer) -> str:
    return f"{redis.url}?layout=connect-redis&timeout=20000"


def test_a_session_of_the_peer_goes_on_here_and_there(redis: RedisServer, site: Callable[[str], Ask]) -> None:
    server: Any = redis_py.Redis(port=redis.port, decode_responses=True)
    server.set(f"sess:{ID}", PEER, ex=1000)
    ask = site(layout_url(redis))
    assert json.loads(ask("/read", signed(ID))[1]) == {"user": "ann", "n": 1}
    assert ask("/write", signed(ID))[0] == 200
    value = str(server.get(f"sess:{ID}"))
    date = re.search(r'"expires":"([^"]+)"', value)
    assert date is not None
    assert value.replace(date[1], "2026-11-30T22:00:00.000Z") == PEER.replace('"n":1', '"n":2')
    assert 3590 < server.ttl(f"sess:{ID}") <= 3600
    status, _, cookie = ask("/login", signed(ID))
    assert status == 200
    assert cookie is not None
    assert json.loads(ask("/read", cookie)[1])["user"] == "bob"
    (name,) = server.keys("*")
    assert name != f"sess:{ID}"
    assert name.startswith("sess:")
    server.delete(name)  # a logout at the peer
    assert json.loads(ask("/read", cookie)[1]) == {}
    server.close()


def test_a_member_named_cookie_is_refused(redis: RedisServer) -> None:
    ask = flask_site(layout_url(redis))
    assert ask("/cookie", None)[0] == 500
    assert redis.command("KEYS", "*") == ""


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"COATCHECK_ABSOLUTE_TIMEOUT": 60}, "absolute timeout in the layout of connect-redis"),
        ({"COATCHECK_REGENERATE_GRACE": 60}, "regenerate_grace must be 0 in the layout of connect-redis"),
        ({"COATCHECK_MODE": "jwe"}, "on tokens in the layout of connect-redis"),
        ({"COATCHECK_STORE": "redis://h?layout=flask-session"}, "read on the way in alone"),
    ],
)
def test_what_a_layout_has_no_place_for_is_refused(setting: dict[str, Any], message: str) -> None:
    def look() -> None:
        app = flask.Flask("app")
        app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE="redis://h?layout=connect-redis")
        app.config.update(setting)
        coatcheck.flask.Coatcheck(app)
        with app.test_request_context():
            flask.session.get("user")

    with pytest.raises(coatcheck.ConfigError, match=message):
        look()


def costs(redis: RedisServer, ask: Ask) -> dict[str, str]:
    server: Any = redis_py.Redis(port=redis.port, decode_responses=True)
    # Connected, and the scripts known.
    cookie = ask("/write", None)[2]
    ask("/write", cookie)
    ask("/logout", ask("/login", cookie)[2])
    out = {}
    with server.monitor() as monitor:

        def count(name: str, path: str, cookie: str | None) -> str | None:
            before = server.info("stats")["total_reads_processed"]
            made = ask(path, cookie)[2]
            after = server.info("stats")["total_reads_processed"]
            server.echo(name)
            names = []
            for one in monitor.listen():
                command = one["command"].split()[0]
                if command == "ECHO":
                    break
                if one["client_type"] != "lua" and command not in ("HELLO", "INFO", "CLIENT"):
                    names.append(command)
            out[name] = f"{' '.join(names)} / {after - before - 1}"
            return made

        count("no cookie", "/untouched", None)
        cookie = count("first write", "/write", None)
        count("untouched", "/untouched", cookie)
        count("read", "/read", cookie)
        count("write", "/write", cookie)
        cookie = count("login", "/login", cookie)
        count("logout", "/logout", cookie)
    server.close()
    return out


def test_round_trips_of_a_request_in_flask(redis: RedisServer) -> None:
    cost = costs(redis, flask_site(f"{redis.url}?timeout=20000"))
    # Three are waited for. That which frees the old record's place may leave with the last, or before it.
    assert cost.pop("login") in [f"GET EVALSHA EVALSHA EVALSHA EVALSHA / {reads}" for reads in (3, 4)]
    assert cost == {
        "no cookie": " / 0",
        "first write": "EVALSHA / 1",
        "untouched": "GET / 1",
        "read": "GET / 1",
        "write": "GET EVALSHA / 2",
        "logout": "GET EVALSHA / 2",
    }


def test_round_trips_of_a_request_in_asgi(redis: RedisServer, asgi_site: Callable[[str], Ask]) -> None:
    cost = costs(redis, asgi_site(f"{redis.url}?timeout=20000"))
    assert cost.pop("login") in [f"GET EVALSHA EVALSHA EVALSHA EVALSHA / {reads}" for reads in (3, 4)]
    assert cost == {
        "no cookie": " / 0",
        "first write": "EVALSHA / 1",
        "untouched": "GET / 1",
        "read": "GET / 1",
        "write": "GET EVALSHA / 2",
        "logout": "GET EVALSHA / 2",
    }
