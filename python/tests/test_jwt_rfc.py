"""The examples printed in the RFCs (tests/vectors/jose_rfc.json): signatures, encryptions, keys and sets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from coatcheck import _core
from coatcheck.errors import Error
from conftest import ROOT

RFC = json.loads((ROOT / "tests" / "vectors" / "jose_rfc.json").read_text())


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_of(v: dict[str, Any]) -> _core.JwtKey:
    return _core.JwtKey.from_jwk(json.dumps(v["key"]), v.get("alg"))


def set_of(v: dict[str, Any]) -> _core.JwtKeySet:
    if "set" in v:
        return _core.JwtKeySet.parse(json.dumps(v["set"]))
    return _core.JwtKeySet.from_keys([key_of(v)])


def check(v: dict[str, Any], run: Callable[[], bytes], expected: str) -> None:
    if "expect" not in v:
        assert run() == raw(v[expected])
        return
    with pytest.raises(Error) as caught:
        run()
    assert caught.value.code == v["expect"]


def cases(group: str) -> pytest.MarkDecorator:
    # An unencoded payload in a JSON form has no counterpart in the Python interface.
    own = [v for v in RFC[group] if not (v.get("unencoded") and v["form"] == "json")]
    return pytest.mark.parametrize("v", [pytest.param(v, id=v["name"]) for v in own])


@cases("signatures")
def test_signature(v: dict[str, Any]) -> None:
    unencoded = v.get("unencoded", False)
    if v["form"] == "json":
        check(v, lambda: _core.jws_verify_json(v["token"], set_of(v), v.get("needed") != "any")[0][0], "payload")
        return
    detached = raw(v["payload"]) if v["form"] == "detached" else None
    check(v, lambda: _core.jws_verify(v["token"], set_of(v), detached, unencoded)[0], "payload")


@cases("encryptions")
def test_encryption(v: dict[str, Any]) -> None:
    allow = v.get("passwords", False)
    check(v, lambda: _core.jwe_decrypt(v["token"], set_of(v), allow_password=allow)[0], "plaintext")


@cases("nested")
def test_nested(v: dict[str, Any]) -> None:
    token, header, _ = _core.jwe_decrypt(v["token"], set_of(v))
    assert json.loads(header)["cty"] == "JWT"
    signer = _core.JwtKey.from_jwk(json.dumps(v["signer"]), v["signer_alg"])
    verifier = _core.jwt_verifier(_core.JwtKeySet.from_keys([signer]), {})
    assert verifier.verify(token.decode(), v["now"]) == json.loads(raw(v["payload"]))


@cases("thumbprints")
def test_thumbprint(v: dict[str, Any]) -> None:
    assert key_of(v).thumbprint() == v["thumbprint"]


@cases("key_sets")
def test_key_set(v: dict[str, Any]) -> None:
    parsed = _core.JwtKeySet.parse(json.dumps(v["set"]))
    assert (len(parsed.keys), len(parsed.skipped)) == (v["keys"], v["skipped"])
