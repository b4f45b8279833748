"""Flask's settings count when Flask reads them: per request, whenever they were set."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import coatcheck
import coatcheck.flask
import flask
import pytest
from coatcheck import _core
from conftest import SECRET, RedisServer

OTHER_SECRET = "another secret of the tests, 32 bytes too"


def make_app(store: str, own: bool = True, **config: Any) -> flask.Flask:
    """With our sessions, or with Flask's own cookie to compare with."""
    app = flask.Flask("app")
    app.testing = True
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=store)
    app.config.update(config)
    if own:
        coatcheck.flask.Coatcheck(app)

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = 1
        return ""

    @app.get("/user")
    def user() -> str:
        return str(flask.session.get("user"))

    return app


def cookie_of(app: flask.Flask, path: str = "/login", **request: Any) -> list[str]:
    """The attributes of the cookie that is set, sorted; the value and the clock's part left out."""
    (line,) = app.test_client().get(path, **request).headers.getlist("Set-Cookie")
    parts = line.split("; ")
    return sorted([parts[0].split("=")[0], *(one for one in parts[1:] if not one.startswith(("Expires", "Max-Age")))])


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_NAME": "given", "SESSION_COOKIE_SAMESITE": "Lax"},
        {"SESSION_COOKIE_SAMESITE": "Strict", "SESSION_COOKIE_NAME": "given"},
        {"SESSION_COOKIE_HTTPONLY": False, "SESSION_COOKIE_SAMESITE": "Lax"},
        {"SESSION_COOKIE_PATH": "/app", "SESSION_COOKIE_SAMESITE": "Lax"},
        {"APPLICATION_ROOT": "/root", "SESSION_COOKIE_SAMESITE": "Lax"},
        {"SESSION_COOKIE_DOMAIN": "example.org", "SESSION_COOKIE_SAMESITE": "Lax"},
        {"SESSION_COOKIE_DOMAIN": False, "SESSION_COOKIE_SAMESITE": "Lax"},
        {"SESSION_COOKIE_NAME": "other", "SESSION_COOKIE_SAMESITE": "Lax"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_is_set_after_the_extension_is_what_flask_sends(memory: str, settings: dict[str, Any]) -> None:
    ours, flasks = make_app(memory), make_app(memory, own=False)
    before = cookie_of(ours)
    for app in (ours, flasks):
        app.config.update(settings)
    assert cookie_of(ours) == cookie_of(flasks)
    assert cookie_of(ours) != before or settings.get("SESSION_COOKIE_DOMAIN") is False


def test_a_store_that_is_set_after_the_extension_is_the_one_that_is_used(tmp_path: pathlib.Path, memory: str) -> None:
    """create_app(), then app.config.update() in a test: the production file is not even made."""
    production = tmp_path / "sessions"
    app = make_app(f"file:{production}")
    app.config.update(COATCHECK_STORE=memory)
    client = app.test_client()
    client.get("/login")
    assert client.get("/user").text == "1"
    assert not list(tmp_path.iterdir())


def test_init_app_before_the_configuration(
    memory: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.chdir(tmp_path)
    app = flask.Flask("app")
    coatcheck.flask.Coatcheck(app)
    app.config.from_mapping(SECRET_KEY=SECRET, COATCHECK_STORE=memory, COATCHECK_IDLE_TIMEOUT=60)

    @app.get("/")
    def count() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]
    assert not list(tmp_path.iterdir())


def test_a_secret_that_is_set_after_the_extension_signs(memory: str) -> None:
    app = make_app(memory)
    client = app.test_client()
    client.get("/login")
    app.config.update(SECRET_KEY=OTHER_SECRET)
    assert client.get("/user").text == "None"
    app.config.update(SECRET_KEY_FALLBACKS=[SECRET])
    assert client.get("/user").text == "1"
    app.config["SECRET_KEY_FALLBACKS"].clear()  # in place
    assert client.get("/user").text == "None"
    app.secret_key = SECRET
    assert client.get("/user").text == "1"


def lifetime_in_each_request(app: flask.Flask) -> None:
    @app.before_request
    def before() -> None:
        flask.session.permanent = True
        app.permanent_session_lifetime = timedelta(minutes=5)


def lifetime_after_the_extension(app: flask.Flask) -> None:
    app.config["PERMANENT_SESSION_LIFETIME"] = 300
    app.before_request(lambda: setattr(flask.session, "permanent", True))


@pytest.mark.parametrize("set_lifetime", [lifetime_in_each_request, lifetime_after_the_extension])
@pytest.mark.parametrize("kind", ["memory", "file", "redis"])
def test_the_lifetime_is_the_one_that_is_set(
    set_lifetime: Callable[[flask.Flask], None], kind: str, tmp_path: pathlib.Path, shared_redis: RedisServer
) -> None:
    """Miguel Grinberg's five minutes: the cookie said 31 days, and the user was still logged in after 29."""
    store = {"memory": "memory:lifetime", "file": f"file:{tmp_path}/s", "redis": f"{shared_redis.url}?timeout=5000"}[
        kind
    ]
    clock = _core.ManualClock(1_700_000_000_000)
    app = make_app(store, COATCHECK_CLOCK=clock)
    set_lifetime(app)
    client = app.test_client()
    (line,) = client.get("/login").headers.getlist("Set-Cookie")
    assert "Expires=Tue, 14 Nov 2023 22:18:20 GMT" in line  # five minutes after the clock's time
    client.get("/user")
    cookie = line.split(";")[0]
    clock.advance(4 * 60_000)
    assert app.test_client(use_cookies=False).get("/user", headers={"Cookie": cookie}).text == "1"
    clock.advance(6 * 60_000)
    assert app.test_client(use_cookies=False).get("/user", headers={"Cookie": cookie}).text == "None"


def test_a_method_that_an_application_overrides_is_asked_in_each_request(memory: str) -> None:
    class PerHost(coatcheck.flask.CoatcheckInterface):
        def get_cookie_domain(self, app: flask.Flask) -> str | None:
            return flask.request.host if flask.has_request_context() else None

    app = make_app(memory)
    app.session_interface = PerHost()

    @app.get("/domain")
    def domain() -> str:
        flask.session["x"] = 1
        return ""

    assert "Domain=a.example.org" in cookie_of(app, "/domain", base_url="http://a.example.org/")
    assert "Domain=b.example.org" in cookie_of(app, "/domain", base_url="http://b.example.org/")


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_COOKIE_SAMESITE": "sometimes"},
        {"COATCHECK_STORE": "memory:?nonsense=1"},
        {"COATCHECK_IDLE_TIMEOUT": -1},
    ],
    ids=str,
)
def test_what_cannot_work_is_an_error_of_the_request(memory: str, settings: dict[str, Any]) -> None:
    app = make_app(memory)
    app.config.update(settings)
    with pytest.raises(coatcheck.ConfigError):
        app.test_client().get("/login")
