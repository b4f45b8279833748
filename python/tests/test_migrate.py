"""migrate_from: nobody is logged out by the move. The sessions before are made by the packages themselves."""

from __future__ import annotations

import asyncio
import json
import pickle
from base64 import b64encode
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import coatcheck.asgi
import coatcheck.flask
import coatcheck.wsgi
import flask
import flask.sessions
import msgspec
import pytest
import redis as redis_py
from conftest import RedisServer
from flask_session.redis import RedisSessionInterface
from itsdangerous import TimestampSigner
from markupsafe import Markup
from stacks import asgi_call, wsgi_call

SECRET = "a secret for the tests, 32 bytes or more"
OLD = "the secret of before, 32 bytes or more"


def flask_app(interface: Any = None, **config: Any) -> flask.Flask:
    app = flask.Flask("app")
    app.testing = True
    app.config.update({"SECRET_KEY": SECRET, **config})
    if interface is None:
        coatcheck.flask.Coatcheck(app)
    else:
        app.session_interface = interface(app)

    @app.get("/login")
    def login() -> str:
        flask.session.update(user=42, items=[{"n": 1}], when=datetime(2024, 1, 2, tzinfo=timezone.utc))
        flask.flash(Markup("<b>hi</b>")) if interface is flasks_own else flask.flash("hi")
        return ""

    @app.get("/who")
    def who() -> str:
        return str(flask.session.get("user"))

    @app.get("/all")
    def everything() -> str:
        return repr({name: flask.session[name] for name in sorted(flask.session)})

    @app.get("/nothing")
    def nothing() -> str:
        return ""

    @app.get("/logout")
    def logout() -> str:
        flask.session.clear()
        return ""

    @app.get("/regenerate")
    def regenerate() -> str:
        flask.session.regenerate()  # type: ignore[attr-defined]
        return ""

    return app


def flasks_own(app: flask.Flask) -> Any:
    return flask.sessions.SecureCookieSessionInterface()


def flask_session_on(redis: RedisServer, kind: str = "msgpack", signed: bool = False) -> Any:
    def make(app: flask.Flask) -> Any:
        client = redis_py.Redis(port=redis.port)
        return RedisSessionInterface(app, client=client, use_signer=signed, serialization_format=kind)

    return make


def answer(app: flask.Flask, path: str, cookie: str) -> tuple[str, list[str]]:
    got = app.test_client(use_cookies=False).get(path, headers={"Cookie": cookie})
    assert got.status_code == 200
    return got.text, got.headers.getlist("Set-Cookie")


def login(app: flask.Flask) -> str:
    line: str = app.test_client().get("/login").headers["Set-Cookie"]
    return line.split(";")[0]


def pair(lines: list[str]) -> str:
    (ours,) = [line for line in lines if "=s%3A" in line]
    return ours.split(";")[0]


def test_flasks_cookie(url: str) -> None:
    before = login(flask_app(flasks_own))
    app = flask_app(COATCHECK_STORE=url, COATCHECK_MIGRATE_FROM=["flask"])
    assert answer(app, "/nothing", before) == ("", []), "who is not looked at is not written"
    text, lines = answer(app, "/all", before)
    assert text == (
        "{'_flashes': [('message', Markup('<b>hi</b>'))], 'items': [{'n': 1}], 'user': 42, "
        "'when': datetime.datetime(2024, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)}"
    )
    ours = pair(lines)
    assert answer(app, "/who", ours) == ("42", [])
    assert answer(app, "/who", f"{before}; {ours}")[0] == "42"
    assert answer(app, "/logout", ours)[1][0].startswith("session=;")
    assert answer(app, "/who", ours)[0] == "None"
    # Without the source the old cookie is worth nothing.
    assert answer(flask_app(COATCHECK_STORE=url), "/who", before)[0] == "None"


def test_a_logout_at_first_sight(url: str) -> None:
    before = login(flask_app(flasks_own))
    app = flask_app(COATCHECK_STORE=url, COATCHECK_MIGRATE_FROM=["flask"])
    _, lines = answer(app, "/logout", before)
    assert lines[0].startswith("session=; Path=/; Expires=Thu, 01 Jan 1970")


def test_on_tls_the_old_name_is_cleared(memory: str) -> None:
    before = login(flask_app(flasks_own))
    app = flask_app(COATCHECK_STORE=memory, COATCHECK_MIGRATE_FROM=["flask"])
    client = app.test_client(use_cookies=False)
    got = client.get("/who", headers={"Cookie": before}, base_url="https://site.test")
    lines = sorted(got.headers.getlist("Set-Cookie"))
    assert [line.split("=")[0] for line in lines] == ["__Host-session", "session"]
    assert lines[1].startswith("session=; ")


def test_keys_age_and_name_are_the_applications(memory: str) -> None:
    before = login(flask_app(flasks_own, SECRET_KEY=OLD, SESSION_COOKIE_NAME="own"))
    config: dict[str, Any] = {"COATCHECK_STORE": memory, "COATCHECK_MIGRATE_FROM": ["flask"]}
    app = flask_app(**config, SECRET_KEY_FALLBACKS=[OLD], SESSION_COOKIE_NAME="own")
    assert answer(app, "/who", before)[0] == "42"
    assert answer(flask_app(**config, SESSION_COOKIE_NAME="own"), "/who", before)[0] == "None"
    source = {"format": "flask", "secrets": OLD, "cookie_name": "own", "max_age": 60}
    assert answer(flask_app(COATCHECK_STORE=memory, COATCHECK_MIGRATE_FROM=[source]), "/who", before)[0] == "42"


@pytest.mark.parametrize("kind", ["msgpack", "json"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_flask_session(kind: str, signed: bool, redis: RedisServer) -> None:
    old = flask_app(flask_session_on(redis, kind, signed))
    before = login(old)
    source: dict[str, Any] = {"format": "flask-session", "url": f"{redis.url}?layout=flask-session&timeout=5000"}
    if signed:
        source["secrets"] = SECRET
    app = flask_app(COATCHECK_STORE=f"{redis.url}?timeout=5000", COATCHECK_MIGRATE_FROM=[source])
    text, lines = answer(app, "/all", before)
    # Flask-Session keeps neither tuples nor, in JSON, dates.
    when = "datetime.datetime(2024, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)"
    date = when if kind == "msgpack" else "'2024-01-02T00:00:00Z'"
    assert text == (
        "{'_flashes': [['message', 'hi']], '_permanent': True, 'items': [{'n': 1}], 'user': 42, 'when': " + date + "}"
    )
    assert redis.command("keys", "session:*") == "", "its record went"
    ours = pair(lines)
    assert answer(app, "/who", ours)[0] == "42"
    assert answer(app, "/who", before)[0] == "None", "it is a new id"
    tampered = before[:-1] + ("A" if before[-1] != "A" else "B")
    assert answer(app, "/who", tampered)[0] == "None"


def test_records_can_be_kept_and_have_another_prefix(redis: RedisServer) -> None:
    sid = "k" * 43
    redis_py.Redis(port=redis.port).set(f"own:{sid}", msgspec.msgpack.encode({"user": 7}))
    source = {"format": "flask-session", "url": f"{redis.url}?layout=flask-session&prefix=own:", "keep": True}
    app = flask_app(COATCHECK_STORE=f"{redis.url}?timeout=5000", COATCHECK_MIGRATE_FROM=[source])
    assert answer(app, "/regenerate", f"session={sid}")[1]
    assert redis.command("keys", "own:*") == f"own:{sid}"


def test_a_pickle_is_not_read_and_told_of(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    sid = "p" * 43
    redis_py.Redis(port=redis.port).set(f"session:{sid}", pickle.dumps({"user": 7}))
    events: list[str] = []
    source = {"format": "flask-session", "url": f"{redis.url}?layout=flask-session&timeout=5000"}
    app = flask_app(
        COATCHECK_STORE=f"{redis.url}?timeout=5000",
        COATCHECK_MIGRATE_FROM=[source],
        COATCHECK_ON_EVENT=lambda event, error: events.append(event),
    )
    assert answer(app, "/nothing", f"session={sid}") == ("", [])
    assert events == []
    assert answer(app, "/who", f"session={sid}") == ("None", [])
    assert events == ["damaged"]
    assert "migrate_from" in caplog.text


def test_a_server_that_does_not_answer_is_not_an_absent_session(redis: RedisServer, shared_redis: RedisServer) -> None:
    source = {"format": "flask-session", "url": f"{redis.url}?layout=flask-session&timeout=1000"}
    app = flask_app(COATCHECK_STORE=f"{shared_redis.url}?timeout=5000", COATCHECK_MIGRATE_FROM=[source])
    redis.freeze()
    got = app.test_client(use_cookies=False).get("/who", headers={"Cookie": "session=" + "a" * 43})
    redis.thaw()
    assert got.status_code == 503


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("flask", "a list"),
        (["nobody"], "must be one of"),
        ([{"format": "flask-session"}], "needs a url"),
        ([{"format": "flask", "url": "redis://h?layout=flask-session"}], "it has no url"),
        ([{"format": "flask-session", "url": "redis://h?layout=own"}], "layout must be"),
        ([{"format": "flask", "misspelt": 1}], "misspelt"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(given: Any, message: str) -> None:
    with pytest.raises((coatcheck.ConfigError, TypeError), match=message):
        coatcheck.wsgi.SessionMiddleware(lambda environ, start: [], SECRET, "redis://nowhere", migrate_from=given)


def test_records_in_redis_need_sessions_there(memory: str) -> None:
    source: Any = {"format": "flask-session", "url": "redis://h?layout=flask-session"}
    with pytest.raises(coatcheck.ConfigError, match="remote store alone"):
        coatcheck.wsgi.SessionMiddleware(lambda environ, start: [], SECRET, memory, migrate_from=[source])


def starlette_cookie(data: Any) -> str:
    return "session=" + TimestampSigner(SECRET).sign(b64encode(json.dumps(data).encode())).decode()


def test_starlettes_cookie_under_asgi(url: str) -> None:
    async def show(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(scope["session"]).encode() if scope["path"] == "/all" else b""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    app = coatcheck.asgi.SessionMiddleware(show, SECRET, url, migrate_from=["starlette"])
    before = starlette_cookie({"user": 42, "n": "é"})
    assert asyncio.run(asgi_call(app, "/nothing", before)).set_cookie is None

    async def run() -> None:
        first = await asgi_call(app, "/all", before)
        assert first.json == {"user": 42, "n": "é"}
        assert (await asgi_call(app, "/all", first.cookie)).json == {"user": 42, "n": "é"}
        many = await asyncio.gather(*(asgi_call(app, "/all", starlette_cookie({"user": at})) for at in range(100)))
        assert [one.json for one in many] == [{"user": at} for at in range(100)]
        again = await asyncio.gather(*(asgi_call(app, "/all", one.cookie) for one in many))
        assert [one.json for one in again] == [{"user": at} for at in range(100)]

    asyncio.run(run())


def test_records_under_asgi(redis: RedisServer) -> None:
    async def show(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(scope["session"]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    sources: list[Any] = [
        {"format": "starsessions", "url": f"{redis.url}?layout=starsessions&timeout=5000"},
        {"format": "express-session", "url": f"{redis.url}?layout=connect-redis&timeout=5000"},
    ]
    app = coatcheck.asgi.SessionMiddleware(show, SECRET, f"{redis.url}?timeout=5000", migrate_from=sources)
    client = redis_py.Redis(port=redis.port)
    client.set("starsessions." + "a" * 32, json.dumps({"user": 1, "__metadata__": {"created": 1}}))
    client.set("sess:" + "b" * 32, json.dumps({"user": 2, "cookie": {"path": "/"}}))
    signed = coatcheck._core.KeyRing([SECRET]).sign("b" * 32)

    async def run() -> None:
        assert (await asgi_call(app, "/", "session=" + "a" * 32)).json == {"user": 1}
        assert (await asgi_call(app, "/", f"connect.sid={signed}")).json == {"user": 2}

    asyncio.run(run())
    assert redis.command("keys", "s[et]*") == ""


def test_types_of_the_old_cookie_under_wsgi(memory: str) -> None:
    kept = {"u": UUID(int=5), "t": (1, b"x")}
    app = flask.Flask("old")
    app.secret_key = SECRET
    with app.app_context():
        serializer = flask.sessions.SecureCookieSessionInterface().get_signing_serializer(app)
        assert serializer is not None
        cookie = "session=" + str(serializer.dumps(kept))
    seen: list[Any] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(dict(environ["coatcheck.session"]))
        start_response("200 OK", [])
        return []

    for types, wanted in (("flask", kept), ("plain", {"u": {" u": f"{5:032x}"}, "t": {" t": [1, {" b": "eA=="}]}})):
        middleware = coatcheck.wsgi.SessionMiddleware(application, SECRET, memory, types=types, migrate_from=["flask"])
        wsgi_call(middleware, "/", cookie, False)
        assert seen.pop() == wanted
