"""What Flask applications rely on: the proxy, permanent sessions, flash, the test client, error handlers."""

from __future__ import annotations

import os
import pathlib
import uuid
from datetime import timedelta
from typing import Any

import coatcheck
import coatcheck.flask
import flask
import pytest
from coatcheck import _core
from conftest import SECRET


def make_app(**config: Any) -> flask.Flask:
    app = flask.Flask("app")
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=f"memory:{uuid.uuid4().hex}")
    app.config.update(config)
    coatcheck.flask.Coatcheck(app)
    return app


def test_init_app_later() -> None:
    extension = coatcheck.flask.Coatcheck()
    app = flask.Flask("app")
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE="memory:later")
    extension.init_app(app)
    with app.test_request_context():
        assert isinstance(flask.session._get_current_object(), coatcheck.Session)  # type: ignore[attr-defined]


def test_no_secret_is_flasks_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COATCHECK_SECRET", raising=False)
    app = make_app(SECRET_KEY=None)
    with app.test_request_context(), pytest.raises(RuntimeError, match="secret"):
        flask.session["x"] = 1
    app.secret_key = SECRET  # set after init_app, as many applications do
    with app.test_request_context():
        flask.session["x"] = 1


def test_session_proxy_is_a_mapping() -> None:
    app = make_app()
    with app.test_request_context():
        assert not flask.session
        assert isinstance(flask.session, dict)
        flask.session["a"] = {"b": [1]}
        assert flask.session.modified
        assert flask.session.accessed
        assert flask.session == {"a": {"b": [1]}}
        assert flask.json.dumps(dict(flask.session)) == '{"a": {"b": [1]}}'


def test_accessed_is_set_by_looking_at_the_session_alone() -> None:
    app = make_app()

    @app.get("/len")
    def length() -> str:
        return str(len(flask.session))

    @app.get("/nothing")
    def nothing() -> str:
        return ""

    client = app.test_client()
    assert client.get("/len").headers["Vary"] == "Cookie"
    assert "Vary" not in client.get("/nothing").headers


def test_every_vary_header_of_the_view_stays() -> None:
    app = make_app()

    @app.get("/two")
    def two() -> flask.Response:
        flask.session["n"] = 1
        response = flask.Response()
        response.headers.add("Vary", "Accept")
        response.headers.add("Vary", "Origin")
        return response

    assert app.test_client().get("/two").headers.getlist("Vary") == ["Accept, Origin, Cookie"]


def test_vary_is_added_to_what_the_view_set() -> None:
    app = make_app()

    @app.get("/<vary>")
    def view(vary: str) -> flask.Response:
        flask.session["x"] = 1
        response = flask.Response("")
        response.headers["Vary"] = vary
        response.headers["Cache-Control"] = "private"
        return response

    client = app.test_client()
    answer = client.get("/Accept-Language")
    assert answer.headers["Vary"] == "Accept-Language, Cookie"
    assert answer.headers["Cache-Control"] == "private"
    assert app.test_client().get("/cookie").headers["Vary"] == "cookie"


def test_session_transaction() -> None:
    app = make_app()

    @app.get("/")
    def view() -> dict[str, Any]:
        return dict(flask.session)

    client = app.test_client()
    with client.session_transaction() as session:
        session["user"] = 42
    assert client.get("/").json == {"user": 42}
    with client.session_transaction() as session:
        assert session["user"] == 42
        session.clear()
    assert client.get("/").json == {}


def test_client_keeps_the_session_between_requests() -> None:
    app = make_app()

    @app.get("/count")
    def count() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    client = app.test_client()
    assert [client.get("/count").text for _ in range(3)] == ["1", "2", "3"]
    assert app.test_client().get("/count").text == "1"


def test_flash() -> None:
    app = make_app()

    @app.get("/flash")
    def flash() -> str:
        flask.flash("hello")
        flask.flash("careful", "warning")
        return ""

    @app.get("/show")
    def show() -> dict[str, Any]:
        return {"messages": [[category, text] for category, text in flask.get_flashed_messages(with_categories=True)]}

    client = app.test_client()
    client.get("/flash")
    assert client.get("/show").json == {"messages": [["message", "hello"], ["warning", "careful"]]}
    assert client.get("/show").json == {"messages": []}


def test_permanent_session_has_a_cookie_with_an_age() -> None:
    clock = _core.ManualClock(1_700_000_000_000)
    app = make_app(PERMANENT_SESSION_LIFETIME=timedelta(days=2), COATCHECK_CLOCK=clock)

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = 1
        flask.session.permanent = True
        return ""

    @app.get("/forget")
    def forget() -> str:
        flask.session.permanent = False
        return ""

    @app.get("/read")
    def read() -> dict[str, Any]:
        return dict(flask.session)

    client = app.test_client(use_cookies=False)
    answer = client.get("/login")
    assert "Expires=Thu, 16 Nov 2023 22:13:20 GMT" in answer.headers["Set-Cookie"]
    headers = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    clock.advance(47 * 3_600_000)
    renewed = client.get("/read", headers=headers)
    assert renewed.json == {"user": 1, "_permanent": True}
    assert "Expires=Sat, 18 Nov 2023 " in renewed.headers["Set-Cookie"]
    forgotten = client.get("/forget", headers=headers)
    assert "Expires" not in forgotten.headers["Set-Cookie"]


def test_refresh_each_request_off_leaves_the_cookie_alone() -> None:
    clock = _core.ManualClock(1_700_000_000_000)
    app = make_app(SESSION_REFRESH_EACH_REQUEST=False, COATCHECK_CLOCK=clock)

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = 1
        flask.session.permanent = True
        return ""

    @app.get("/read")
    def read() -> str:
        return str(flask.session["user"])

    client = app.test_client()
    client.get("/login")
    clock.advance(10 * 86_400_000)
    answer = client.get("/read")
    assert answer.text == "1"
    assert "Set-Cookie" not in answer.headers


def test_same_site_false_means_no_attribute() -> None:
    app = make_app(SESSION_COOKIE_SAMESITE=False)

    @app.get("/")
    def view() -> str:
        flask.session["x"] = 1
        return ""

    assert "SameSite" not in app.test_client().get("/").headers["Set-Cookie"]


def test_application_root_is_the_path() -> None:
    app = make_app(APPLICATION_ROOT="/app")

    @app.get("/")
    def view() -> str:
        flask.session["x"] = 1
        return ""

    assert "Path=/app;" in app.test_client().get("/", base_url="http://localhost/app").headers["Set-Cookie"]


def test_what_cannot_be_stored_is_a_500_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=False)

    @app.get("/")
    def view() -> str:
        flask.session["when"] = {"at": timedelta(1)}
        return ""

    answer = app.test_client().get("/")
    assert answer.status_code == 500
    assert "Set-Cookie" not in answer.headers
    assert '"when.at" holds a value of type datetime.timedelta' in caplog.text


def test_view_that_fails_keeps_what_it_did_to_the_session() -> None:
    # Flask saves the session with the error's response, too.
    app = make_app(PROPAGATE_EXCEPTIONS=False)

    @app.get("/fail")
    def fail() -> str:
        flask.session["seen"] = True
        raise ValueError("no")

    @app.get("/read")
    def read() -> dict[str, Any]:
        return dict(flask.session)

    client = app.test_client()
    assert client.get("/fail").status_code == 500
    assert client.get("/read").json == {"seen": True}


def damaged_store(tmp_path: pathlib.Path) -> str:
    """A store that knows nothing: its file is not one."""
    (tmp_path / "not-a-store").write_bytes(os.urandom(65536))
    return f"file:{tmp_path / 'not-a-store'}"


def test_file_that_is_no_store_is_refused_at_the_first_request(tmp_path: pathlib.Path) -> None:
    app = make_app(COATCHECK_STORE=damaged_store(tmp_path))
    app.testing = True
    with pytest.raises(coatcheck.StoreError) as caught:
        app.test_client().get("/")
    assert caught.value.code == "ERR_STORE_FORMAT"


def test_stream_with_context_reads_the_session() -> None:
    app = make_app()

    @app.get("/set")
    def put() -> str:
        flask.session["user"] = "ann"
        return ""

    @app.get("/stream")
    def stream() -> flask.Response:
        def body() -> Any:
            yield "user "
            yield flask.session["user"]

        return flask.Response(flask.stream_with_context(body()))

    client = app.test_client()
    client.get("/set")
    assert client.get("/stream").text == "user ann"


def test_url_converter_may_use_the_session() -> None:
    from werkzeug.routing import BaseConverter

    app = make_app()

    class Mine(BaseConverter):
        def to_python(self, value: str) -> str:
            return f"{value} {flask.session.get('user')}"

    app.url_map.converters["mine"] = Mine

    @app.get("/<mine:x>")
    def view(x: str) -> str:
        return x

    client = app.test_client()
    with client.session_transaction() as session:
        session["user"] = "ann"
    assert client.get("/hello").text == "hello ann"
