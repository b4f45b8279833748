"""``types="tagged"``: what one language keeps of its own types, the other reads as its own."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import flask
import pytest
from coatcheck._tagged import TaggedMap, TaggedUrl, TaggedValue
from coatcheck.flask import Coatcheck

SECRET = "interop tests, a secret of more than 32 bytes"
HERE = Path(__file__).parent
WHEN = datetime(2027, 1, 15, 8, 0, tzinfo=timezone.utc)
FINE = datetime(2027, 1, 15, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file:{tmp_path}/sessions" if request.param == "file" else request.getfixturevalue("redis_url")


def node(what: str, store: str, cookie: str = "") -> Any:
    command = ["node", str(HERE / "typed.js"), what, store, SECRET, cookie]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


def in_flask(store: str, cookie: str, use: Any) -> str:
    """One request of a Flask application; answers the cookie that the browser has then."""
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=store, COATCHECK_TYPES="tagged")
    Coatcheck(app)

    @app.route("/")
    def index() -> str:
        use(flask.session)
        return "ok"

    answer = app.test_client(use_cookies=False).get("/", headers={"Cookie": cookie} if cookie else {})
    assert answer.status_code == 200
    return answer.headers["Set-Cookie"].split(";")[0] if "Set-Cookie" in answer.headers else cookie


def test_python_reads_what_javascript_wrote(store: str) -> None:
    cookie = node("write", store)["cookie"]
    seen: dict[str, Any] = {}
    after = in_flask(store, cookie, lambda session: seen.update(session))
    assert after == cookie
    assert seen["date"] == WHEN
    assert seen["exact"] == WHEN + timedelta(milliseconds=123)
    assert seen["big"] == 2**80
    assert seen["map"] == {"a": 1, 2**70: "b"}
    assert isinstance(seen["map"], TaggedMap)
    assert seen["set"] == {"x", "y"}
    assert seen["buffer"] == b"\x00\xff"
    assert seen["url"] == TaggedUrl("https://a.example/b")
    assert seen["pattern"] == TaggedValue(" r", ["a+", "g"])
    assert seen["lookalike"] == {" d": "x"}


def test_javascript_reads_what_python_wrote(store: str) -> None:
    def write(session: Any) -> None:
        session.update(
            when=WHEN,
            fine=FINE,
            big=2**80,
            set={"x", "y"},
            bytes=b"\x00\xff",
            pair=(1, 2),
            uuid=UUID(int=5),
            mapping={"a": [1]},
        )

    cookie = in_flask(store, "", write)
    seen = node("read", store, cookie)["seen"]
    assert seen == {
        "when": WHEN.timestamp() * 1000,
        "fine": int(FINE.timestamp() * 1000),
        "big": str(2**80),
        "set": ["x", "y"],
        "bytes": [0, 255],
        "tuple": "1,2",
        "uuid": UUID(int=5).hex,
        "map": {"a": [1]},
    }


def test_a_write_of_the_one_leaves_the_others_types_alone(store: str) -> None:
    def write(session: Any) -> None:
        session.update(fine=FINE, pair=(1, (2, 3)), uuid=UUID(int=5), none=None, nested={"set": {3, 1, 2}})

    cookie = in_flask(store, "", write)
    node("touch", store, cookie)
    seen: dict[str, Any] = {}
    in_flask(store, cookie, lambda session: seen.update(session))
    assert seen == {
        "fine": FINE,
        "pair": (1, (2, 3)),
        "uuid": UUID(int=5),
        "none": None,
        "nested": {"set": {1, 2, 3}},
        "touched": True,
    }
    assert seen["fine"].utcoffset() == timedelta(hours=2)


def test_changes_inside_are_seen(store: str) -> None:
    cookie = node("write", store)["cookie"]

    def change(session: Any) -> None:
        session["map"]["new"] = 1
        session["set"].add("z")

    in_flask(store, cookie, change)
    seen: dict[str, Any] = {}
    in_flask(store, cookie, lambda session: seen.update(session))
    assert (seen["map"]["new"], seen["set"]) == (1, {"x", "y", "z"})
