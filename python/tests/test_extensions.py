"""What applications stand on that stands on sessions: the packages themselves, in each mode of ours."""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import coatcheck.flask
import coatcheck.starlette
import flask
import flask_login
import pytest
from authlib.integrations.flask_client import OAuth as FlaskOAuth
from authlib.integrations.starlette_client import OAuth as StarletteOAuth
from conftest import SECRET
from flask_socketio import SocketIO
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from sqladmin import Admin, ModelView
from sqladmin.authentication import AuthenticationBackend
from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.pool import StaticPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

MODES = ["store", "jwe", "flask"]


@pytest.fixture(params=MODES)
def app(request: pytest.FixtureRequest) -> flask.Flask:
    app = flask.Flask("app")
    app.config.update(
        SECRET_KEY=SECRET, TESTING=True, COATCHECK_STORE=f"memory:{uuid.uuid4().hex}", COATCHECK_MODE=request.param
    )
    coatcheck.flask.Coatcheck(app)
    return app


class User(flask_login.UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


def with_login(app: flask.Flask, protection: str = "strong") -> None:
    manager = flask_login.LoginManager(app)
    manager.session_protection = protection
    manager.user_loader(User)

    @app.get("/login")
    def login() -> str:
        flask_login.login_user(User("ann"), remember="remember" in flask.request.args)
        return ""

    @app.get("/who")
    def who() -> str:
        user = flask_login.current_user
        return f"{user.id} {flask_login.login_fresh()}" if user.is_authenticated else "nobody"

    @app.get("/fresh")
    @flask_login.fresh_login_required
    def fresh() -> str:
        return "fresh"

    @app.get("/confirm")
    def confirm() -> str:
        flask_login.confirm_login()
        return ""

    @app.get("/logout")
    def logout() -> str:
        flask_login.logout_user()
        return ""


def test_flask_login(app: flask.Flask) -> None:
    with_login(app)
    client = app.test_client()
    assert client.get("/who").text == "nobody"
    client.get("/login")
    assert client.get("/who").text == "ann True"
    assert client.get("/fresh").text == "fresh"
    # Strong protection: the session of another browser is not taken.
    assert client.get("/who", headers={"User-Agent": "another"}).text == "nobody"
    assert client.get("/who").text == "nobody", "and ended"
    client.get("/login")
    client.get("/logout")
    assert client.get("/who").text == "nobody"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_flask_login_remembers(app: flask.Flask) -> None:
    with_login(app, "basic")
    client = app.test_client()
    client.get("/login?remember")
    assert client.get_cookie("remember_token") is not None
    client.delete_cookie("session")
    assert client.get("/who").text == "ann False", "remembered, and not fresh"
    assert client.get("/fresh").status_code == 401
    client.get("/confirm")
    assert client.get("/fresh").text == "fresh"
    client.get("/logout")
    client.delete_cookie("session")
    assert client.get("/who").text == "nobody"


def test_flask_wtf(app: flask.Flask) -> None:
    CSRFProtect(app)

    @app.get("/form")
    def form() -> str:
        return str(generate_csrf())

    @app.post("/send")
    def send() -> str:
        return "taken"

    client = app.test_client()
    token = client.get("/form").text
    assert client.get("/form").text != "", "a second form of the same session"
    assert client.post("/send", data={"csrf_token": token}).text == "taken"
    assert client.post("/send").status_code == 400
    other = token[:-9] + ("a" if token[-9] != "a" else "b") + token[-8:]
    assert client.post("/send", data={"csrf_token": other}).status_code == 400
    assert app.test_client().post("/send", data={"csrf_token": token}).status_code == 400, "another session"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_flask_socketio(app: flask.Flask) -> None:
    sockets = SocketIO(app, async_mode="threading", manage_session=False)

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = "ann"
        return ""

    @sockets.on("who")
    def who() -> Any:
        return str(flask.session.get("user"))

    web = app.test_client()
    web.get("/login")
    client = sockets.test_client(app, flask_test_client=web)
    assert client.emit("who", callback=True) == "ann"
    stranger = sockets.test_client(app, flask_test_client=app.test_client())
    assert stranger.emit("who", callback=True) == "None"


CLIENT: dict[str, Any] = {
    "client_id": "id",
    "client_secret": "secret",
    "authorize_url": "https://login.example/authorize",
    "access_token_url": "https://login.example/token",
    "client_kwargs": {"scope": "profile", "code_challenge_method": "S256"},
}
TOKEN = {"access_token": "t", "token_type": "Bearer", "expires_in": 60}


def test_authlib_under_flask(app: flask.Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = FlaskOAuth(app).register("idp", **CLIENT)
    monkeypatch.setattr("authlib.integrations.requests_client.OAuth2Session.fetch_token", lambda self, *a, **k: TOKEN)

    @app.get("/login")
    def login() -> Any:
        return client.authorize_redirect("http://localhost/callback")

    @app.get("/callback")
    def callback() -> Any:
        return flask.jsonify(client.authorize_access_token())

    browser = app.test_client()
    states = []
    for _ in range(2):  # two tabs
        location = urlsplit(browser.get("/login").location)
        states.append(parse_qs(location.query)["state"][0])
    for state in states:
        assert browser.get(f"/callback?state={state}&code=c").json["access_token"] == "t"
    app.testing = False
    assert browser.get(f"/callback?state={states[0]}&code=c").status_code == 500, "a state is good once"


@pytest.mark.parametrize("mode", ["store", "jwe", "starlette"])
def test_authlib_under_starlette(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = StarletteOAuth().register("idp", **CLIENT)

    async def fetch_token(self: Any, *arguments: Any, **named: Any) -> Any:
        return TOKEN

    monkeypatch.setattr("authlib.integrations.httpx_client.AsyncOAuth2Client.fetch_token", fetch_token)

    async def login(request: Request) -> Any:
        return await client.authorize_redirect(request, "http://testserver/callback")

    async def callback(request: Request) -> Any:
        return JSONResponse(await client.authorize_access_token(request))

    store = {} if mode == "starlette" else {"store": f"memory:{uuid.uuid4().hex}"}
    app = coatcheck.starlette.SessionMiddleware(
        Starlette(routes=[Route("/login", login), Route("/callback", callback)]), SECRET, mode=mode, **store
    )
    browser = TestClient(app)
    location = urlsplit(browser.get("/login", follow_redirects=False).headers["location"])
    state = parse_qs(location.query)["state"][0]
    assert browser.get(f"/callback?state={state}&code=c").json()["access_token"] == "t"
    with pytest.raises(Exception, match="state"):
        browser.get(f"/callback?state={state}&code=c")


Base: Any = declarative_base()


class Thing(Base):
    __tablename__ = "things"
    id = Column(Integer, primary_key=True)
    name = Column(String)


class ThingAdmin(ModelView, model=Thing):
    column_list = ("id", "name")


class Doors(AuthenticationBackend):
    async def login(self, request: Request) -> bool:
        form = await request.form()
        request.session.update({"user": form["username"]})
        return True

    async def logout(self, request: Request) -> bool:
        request.session.clear()
        return True

    async def authenticate(self, request: Request) -> Any:
        return "user" in request.session or RedirectResponse(request.url_for("admin:login"), status_code=302)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_sqladmin() -> None:
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    app = Starlette()
    doors = Doors("unused")
    doors.middlewares = []  # its own is Starlette's middleware; ours is around the application
    admin = Admin(app, engine, authentication_backend=doors)
    admin.add_view(ThingAdmin)
    site = coatcheck.starlette.SessionMiddleware(app, SECRET, store=f"memory:{uuid.uuid4().hex}")
    browser = TestClient(site)
    assert browser.get("/admin/thing/list", follow_redirects=False).status_code == 302
    browser.post("/admin/login", data={"username": "ann", "password": "x"})
    page = browser.get("/admin/thing/list", follow_redirects=False)
    assert page.status_code == 200
    assert re.search("Things?", page.text)
    browser.get("/admin/logout")
    assert browser.get("/admin/thing/list", follow_redirects=False).status_code == 302
    engine.dispose()
