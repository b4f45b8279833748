"""tests/vectors/jose_hostile.json and jose_edges_*.json through Python: the exact codes of C++ and Node."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from coatcheck import _core
from coatcheck.errors import Error
from conftest import ROOT

FILES = ("jose_hostile.json", "jose_edges_keys.json", "jose_edges_jws.json", "jose_edges_jwe.json")
CASES = [case for name in FILES for case in json.loads((ROOT / "tests" / "vectors" / name).read_text())["cases"]]


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token_of(case: dict[str, Any]) -> str:
    if "token" in case:
        return str(case["token"])
    return "".join(text * count for text, count in case["token_parts"])


def key_of(case: dict[str, Any]) -> _core.JwtKey:
    if "secret" in case:
        short = bool(case.get("options", {}).get("allow_short"))
        return _core.JwtKey.from_secret(raw(case["secret"]), case["alg"], allow_short=short)
    text = case["key_text"] if "key_text" in case else json.dumps(case["key"])
    return _core.JwtKey.from_jwk(text, case.get("alg"))


def set_of(case: dict[str, Any]) -> _core.JwtKeySet:
    options = case.get("options", {})
    if "set" in case or "set_text" in case:
        text = case["set_text"] if "set_text" in case else json.dumps(case["set"])
        return _core.JwtKeySet.parse(text, public_only=bool(options.get("public_only")))
    return _core.JwtKeySet.from_keys([key_of(case)])


def policy_of(options: dict[str, Any]) -> dict[str, Any]:
    policy = {name: value for name, value in options.items() if name != "audience"}
    if "equal" in policy:
        given = policy["equal"]
        policy["equal"] = list(given.items()) if isinstance(given, dict) else [tuple(pair) for pair in given]
    if options.get("audience") == "refuse_present":
        policy["refuse_audience"] = True
    return policy


def run(case: dict[str, Any]) -> None:
    options = case.get("options", {})
    match case["op"]:
        case "import":
            key_of(case)
        case "set":
            found = set_of(case)
            assert (len(found.keys), len(found.skipped)) == (case["keys"], case["skipped"])
        case "verify":
            verifier = _core.jwt_verifier(set_of(case), policy_of(options))
            verifier.verify(token_of(case), case["now"])
        case "jws":
            _core.jws_verify(token_of(case), set_of(case))
        case "jws_json":
            _core.jws_verify_json(token_of(case), set_of(case))
        case "jwe":
            allow = bool(options.get("allow_password"))
            _core.jwe_decrypt(token_of(case), set_of(case), allow_password=allow)
        case other:
            raise AssertionError(f"an operation that this suite does not know: {other}")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_code(case: dict[str, Any]) -> None:
    if case["expect"] == "OK":
        run(case)
        return
    with pytest.raises(Error) as caught:
        run(case)
    assert caught.value.code == case["expect"], str(caught.value)


def test_there_are_enough() -> None:
    assert sum(case["expect"] != "OK" for case in CASES) >= 120


@pytest.mark.parametrize("garbage", ["A" * 65536, "." * 65536, "A." * 32768, "eyJ" + "[" * 65533, "é" * 32768])
def test_64_kilobytes_of_garbage_are_answered_at_once(garbage: str) -> None:
    key = _core.JwtKey.from_secret(b"k" * 32, "HS256")
    verifier = _core.jwt_verifier(_core.JwtKeySet.from_keys([key]), {}, 1024 * 1024)
    best = 1.0
    for _ in range(5):  # the machine may be busy
        started = time.perf_counter()
        with pytest.raises(Error):
            verifier.verify(garbage)
        best = min(best, time.perf_counter() - started)
    assert best < 0.005
