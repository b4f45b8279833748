"""The JSON writer against the standard library's, and both readers."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import coatcheck
import orjson
import pytest
from coatcheck import _core, _json

PRINTED = [
    ({}, "{}"),
    ({"a": []}, '{"a":[]}'),
    ({"a": {}}, '{"a":{}}'),
    ({"a": (1, (2,))}, '{"a":[1,[2]]}'),
    ({"a": 'q"\\/\b\f\n\r\t\x00\x1f\x7f\u2028é😀'}, '{"a":"q\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\u2028é😀"}'),
    ({"é": 1, "": 2}, '{"é":1,"":2}'),
    ({"a": [True, False, None]}, '{"a":[true,false,null]}'),
    ({"a": [2**53 - 1, -(2**53) + 1, 0]}, '{"a":[9007199254740991,-9007199254740991,0]}'),
    # As JSON.stringify prints them (Node 20).
    ({"a": [1.0, -0.0, 0.1, 1.5e300, 1e21, 1e-7, 1e-6, 5e-324, 123456.789]},
     '{"a":[1,0,0.1,1.5e+300,1e+21,1e-7,0.000001,5e-324,123456.789]}'),
]  # fmt: skip


@pytest.mark.parametrize(("data", "text"), PRINTED)
def test_prints_as_json_stringify_does(data: Any, text: str) -> None:
    assert _core.encode(data) == text


def test_subclasses_count_as_their_base() -> None:
    import enum

    class Text(str):
        pass

    class Level(enum.IntEnum):
        HIGH = 3

    assert _core.encode({Text("k"): [Text("v"), Level.HIGH]}) == '{"k":["v",3]}'


def random_value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 5 else 6)
    if kind == 0:
        return chance.choice([True, False, None])
    if kind == 1:
        return chance.randint(-(2**53) + 1, 2**53 - 1)
    if kind == 2:
        return chance.uniform(-1, 1) * 10.0 ** chance.randint(-300, 300)
    if kind in (3, 4):
        alphabet = 'ab"\\/\n\x01é\u2028😀\ufffd'
        return "".join(chance.choice(alphabet) for _ in range(chance.randrange(12)))
    if kind == 5:
        return chance.randrange(1000) / 4
    if kind == 6:
        return [random_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {f"k{n}é"[: chance.randrange(2, 5)]: random_value(chance, depth + 1) for n in range(chance.randrange(4))}


def test_reads_back_as_what_the_standard_library_printed() -> None:
    chance = random.Random(42)
    for _ in range(3000):
        data = {"v": random_value(chance)}
        text = _core.encode(data)
        assert json.loads(text) == data
        assert orjson.loads(text) == data
        assert _core.same_json(text, json.dumps(data))
        _core.check_payload(text)


@pytest.mark.parametrize("reader", [_json.loads, orjson.loads])
def test_both_readers_agree(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_json, "_loads", reader)
    assert _json.decode(' {"a":[1,2.5,"é\\u00e9\\ud83d\\ude00",null]}\n') == {"a": [1, 2.5, "éé😀", None]}
    for bad in ("", "[]", "1", "{", '{"a":1}x', '{"a":}', "null"):
        with pytest.raises(ValueError, match=r"."):
            _json.decode(bad)


def test_depth_is_the_cores() -> None:
    def nested(levels: int) -> Any:
        value: Any = {}
        for _ in range(levels - 1):
            value = {"d": value}
        return value

    _core.check_payload(_core.encode(nested(64)))
    with pytest.raises(coatcheck.PayloadError, match="64 levels"):
        _core.encode(nested(65))


def test_message_names_the_way_but_no_value() -> None:
    with pytest.raises(coatcheck.PayloadError) as caught:
        _core.encode({"user": {"cards": [{"number": b"4111-1111"}]}})
    assert '"user.cards[0].number" holds a value of type bytes' in str(caught.value)
    assert "4111" not in str(caught.value)


def test_same_sees_type_value_and_nesting_but_not_order() -> None:
    assert _core.same({"a": [1, {"b": "x"}], "c": None}, {"c": None, "a": [1, {"b": "x"}]})
    for a, b in [(1, True), (1, 1.0), ("1", 1), ([], {}), (None, 0), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ("a", "b")]:
        assert not _core.same({"v": a}, {"v": b})
    assert not _core.same({"v": math.nan}, {"v": math.nan * -1})


def test_copy_shares_nothing_that_can_change() -> None:
    data = {"a": [1, {"b": [2]}], "t": ([3],)}
    copied = _core.copy(data)
    assert copied == data
    copied["a"][1]["b"].append(9)
    copied["t"][0].append(9)  # type: ignore[index]
    assert data == {"a": [1, {"b": [2]}], "t": ([3],)}
