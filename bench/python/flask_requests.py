"""python/flask/*: what a session adds to a whole Flask request, called in the process as a WSGI server would.

Peers: Flask's own cookie, and Flask-Session: on Redis, for a file with its file system and SQLAlchemy back
ends, on PostgreSQL with SQLAlchemy's on psycopg.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import coatcheck
import flask
import redis
from cachelib.file import FileSystemCache
from coatcheck.flask import Coatcheck
from flask.sessions import NullSession, SessionInterface
from side_by_side import SECRET, SESSION, added, postgres_server, report, row, stores
from werkzeug.test import EnvironBuilder


class NoSession(SessionInterface):
    """A request without a session: the least that Flask's contract allows."""

    nothing = NullSession()

    def open_session(self, app: flask.Flask, request: flask.Request) -> NullSession:
        return self.nothing

    def is_null_session(self, obj: object) -> bool:
        return True


def add_views(app: flask.Flask) -> flask.Flask:
    @app.get("/login")
    def login() -> str:
        flask.session.update(SESSION)
        return "ok"

    @app.get("/untouched")
    def untouched() -> str:
        return "ok"

    @app.get("/read")
    def read() -> str:
        assert flask.session["user"]["id"] == 42
        return "ok"

    @app.get("/write")
    def write() -> str:
        flask.session["seen"] += 1
        return "ok"

    return app


def plain_app() -> flask.Flask:
    app = flask.Flask("plain")
    app.session_interface = NoSession()
    app.add_url_rule("/<page>", view_func=lambda page: "ok")
    for page in ("untouched", "read", "write"):
        app.add_url_rule(f"/{page}", endpoint=page, view_func=lambda: "ok")
    return app


def our_app(url: str | None) -> flask.Flask:
    """On a store; None: in Flask's own cookie."""
    app = flask.Flask("ours")
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=url, COATCHECK_MODE="flask" if url is None else "store")
    Coatcheck(app)
    return add_views(app)


def flask_cookie_app() -> flask.Flask:
    app = flask.Flask("cookie")
    app.secret_key = SECRET
    return add_views(app)


def flask_session_app(**config: Any) -> flask.Flask:
    from flask_session import Session

    app = flask.Flask("flask-session")
    app.config.update(SECRET_KEY=SECRET, **config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Session(app)
    return add_views(app)


def files_in(folder: str) -> dict[str, Any]:
    return {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": FileSystemCache(f"{folder}/files")}


def sqlite_in(folder: str) -> dict[str, Any]:
    return {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/sessions.sqlite"}


def postgres_at(url: str) -> dict[str, Any]:
    # Flask-SQLAlchemy's pool of connections, which it keeps.
    return {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": url.replace("postgresql:", "postgresql+psycopg:")}


def redis_at(url: str) -> dict[str, Any]:
    return {"SESSION_TYPE": "redis", "SESSION_REDIS": redis.Redis.from_url(url)}


def cookie_of(app: flask.Flask) -> str:
    client = app.test_client(use_cookies=False)
    return client.get("/login").headers["Set-Cookie"].split(";")[0]


def caller(app: flask.Flask, page: str, cookie: str) -> Callable[[int], None]:
    """Calls the application as a server does: a fresh environ, the body read to its end."""
    pattern = EnvironBuilder(path=f"/{page}", headers={"Cookie": cookie}).get_environ()
    answers: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answers[:] = [status]

    def run(calls: int) -> None:
        for _ in range(calls):
            body = app(dict(pattern), start_response)
            for _chunk in body:
                pass
            body.close()  # type: ignore[attr-defined]

    run(1)
    assert answers == ["200 OK"], answers
    return run


def main() -> None:
    rows = []
    with stores() as urls, postgres_server() as database, tempfile.TemporaryDirectory() as folder:
        urls["postgres"] = database.url.partition("?")[0]
        coatcheck.create_schema(urls["postgres"])
        urls["near"] = f"{urls['redis']}?prefix=near:&near_cache={1 << 26}"
        # What a case is called, our store, the peer, and how often ours is to fit into its time.
        compared: list[tuple[str, str, str, flask.Flask, int]] = [
            ("memory", "memory", "Flask's cookie", flask_cookie_app(), 6),
            ("file", "file", "Flask-Session, files", flask_session_app(**files_in(folder)), 5),
            ("file-sqlite", "file", "Flask-Session, SQLite", flask_session_app(**sqlite_in(folder)), 5),
            ("file-cookie", "file", "Flask's cookie", flask_cookie_app(), 1),
            ("cookie", "", "Flask's cookie", flask_cookie_app(), 3),
            ("redis", "redis", "Flask-Session", flask_session_app(**redis_at(urls["redis"])), 3),
            ("near", "near", "Flask-Session", flask_session_app(**redis_at(urls["redis"])), 4),
            ("postgres", "postgres", "Flask-Session", flask_session_app(**postgres_at(urls["postgres"])), 2),
        ]
        for name, store, peer_name, peer, aim in compared:
            ours, bare = our_app(urls.get(store)), plain_app()
            our_cookie, peer_cookie = cookie_of(ours), cookie_of(peer)
            for page in ("untouched", "read", "write"):
                ours_ns, peer_ns = added(
                    {
                        "ours_bare": caller(bare, page, our_cookie),
                        "ours": caller(ours, page, our_cookie),
                        "peer_bare": caller(bare, page, peer_cookie),
                        "peer": caller(peer, page, peer_cookie),
                    }
                )
                rows.append(row(f"python/flask/{page}@{name}", ours_ns, peer_name, peer_ns, aim))
    report(rows)


if __name__ == "__main__":
    main()
