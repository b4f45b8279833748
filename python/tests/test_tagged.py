"""``types="tagged"`` in Python: known answers of Flask, what comes back, what is refused."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from coatcheck._service import Service
from coatcheck._tagged import TaggedMap, TaggedUrl, TaggedValue, decode_tagged, encode_tagged
from coatcheck.errors import ConfigError, Error
from coatcheck.flask import Coatcheck
from flask import Flask, flash, get_flashed_messages, session
from flask.json.tag import TaggedJSONSerializer
from markupsafe import Markup

UTC = timezone.utc
VALUES: dict[str, Any] = {
    "date": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    "milliseconds": datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    "microseconds": datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-3))),
    "large": 2**80,
    "small": -(2**53),
    "set": {1, 2, "three"},
    "bytes": b"\x00\xff",
    "tuple": (1, (2, [3])),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "markup": Markup("<b>x</b>"),
    "map": TaggedMap({2**60: "a", ("x", 1): "b"}),
    "url": TaggedUrl("https://a.example/"),
    "pattern": TaggedValue(" r", ["a+", "g"]),
    "inside": {"list": [{"deep": {1}}], "none": None, "yes": True, "float": 0.5},
    "lookalike": {" d": "x"},
    "escape": {" di": {" d__": 1}},
    "two": {" d": 1, " s": 2},
}


@pytest.mark.parametrize("name", VALUES)
def test_comes_back(name: str) -> None:
    text = encode_tagged({name: VALUES[name]})
    back = decode_tagged(text)
    assert back == {name: VALUES[name]}
    assert type(back[name]) is type(VALUES[name]) or isinstance(back[name], (set, int))
    assert encode_tagged(back) == text, "and prints as it did"


def test_the_tags_are_flasks() -> None:
    serializer = TaggedJSONSerializer()
    Flask(__name__)
    value = {
        "t": (1, 2),
        "b": b"\x00\xff",
        "m": Markup("<b>x</b>"),
        "u": VALUES["uuid"],
        "d": VALUES["date"],
        "di": {" t": "x"},
    }
    assert decode_tagged(serializer.dumps(value)) == value
    assert serializer.loads(encode_tagged(value)) == value


def test_a_set_keeps_its_order_until_it_is_changed() -> None:
    text = '{"s":{" s":["z","a",5]}}'
    data = decode_tagged(text)
    assert encode_tagged(data) == text
    data["s"].add("b")
    assert encode_tagged(data) == '{"s":{" s":[5,"a","b","z"]}}'


@pytest.mark.parametrize(
    "text",
    [
        '{"a":{" d":"x"}}',
        '{"a":{" d":5}}',
        '{"a":{" b":"*"}}',
        '{"a":{" n":"x"}}',
        '{"a":{" s":5}}',
        '{"a":{" s":[{}]}}',
        '{"a":{" o":[1]}}',
        '{"a":{" u":"x"}}',
        '{"a":{" di":5}}',
        '{"a":{" di":{}}}',
    ],
)
def test_a_tagged_value_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_tagged(text)


@pytest.mark.parametrize("value", [Decimal(1), date(2024, 1, 2), object(), float("nan"), {1: 2}])
def test_everything_else_is_refused(value: object) -> None:
    with pytest.raises((Error, TypeError, ValueError)):
        encode_tagged({"a": {"b": value}})


@pytest.mark.parametrize("types", [None, "flask", "tagged"])
def test_flask_keeps_what_its_own_cookie_keeps(types: str | None) -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="a secret of more than 32 bytes, for this", COATCHECK_STORE="memory:flask-types")
    app.config["COATCHECK_TYPES"] = types
    Coatcheck(app)
    names = ["date", "bytes", "tuple", "uuid", "markup", "lookalike", "escape"]

    @app.route("/set")
    def put() -> str:
        session.update({name: VALUES[name] for name in names})
        flash(Markup("<b>hello</b>"), "info")
        flash("plain")
        return "ok"

    seen: list[Any] = []

    @app.route("/get")
    def get() -> str:
        seen.append({name: session[name] for name in names})
        seen.append(get_flashed_messages(with_categories=True))
        return "ok"

    client = app.test_client()
    client.get("/set")
    assert client.get("/get").status_code == 200
    assert seen == [{name: VALUES[name] for name in names}, [("info", Markup("<b>hello</b>")), ("message", "plain")]]
    assert [type(one) for one in seen[1]] == [tuple, tuple]
    assert type(seen[1][0][1]) is Markup


def test_flask_refuses_what_its_own_cookie_spoils() -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="a secret of more than 32 bytes, for this", COATCHECK_STORE="memory:flask-types")
    app.testing = True
    Coatcheck(app)
    value: list[Any] = []

    @app.route("/")
    def put() -> str:
        session["a"] = {"b": value[-1]}
        return "ok"

    for bad in ({1, 2}, 2**60, Decimal(1)):
        value.append(bad)
        with pytest.raises(Error, match=r"a\.b"):
            app.test_client().get("/")


def test_the_option() -> None:
    with pytest.raises(ConfigError, match="types must be one of"):
        Service({"secrets": "a secret of more than 32 bytes, for this", "store": "memory:"}, types="x")
