"""The known answers of tests/vectors, through the Python binding: the same as in C++ and JavaScript."""

from __future__ import annotations

import json
import warnings
from typing import Any

import coatcheck
import pytest
import time_machine
from coatcheck import _core
from coatcheck._json import decode, encode
from conftest import ROOT


def cases(name: str) -> list[Any]:
    found = json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())["cases"]
    assert found
    return [pytest.param(case, id=f"{name}-{at}") for at, case in enumerate(found)]


@pytest.mark.parametrize("case", cases("signed_cookies"))
def test_signed(case: dict[str, Any]) -> None:
    secret = bytes.fromhex(case["secret_hex"]) if "secret_hex" in case else case["secret"].encode()
    ring = _core.KeyRing([secret])
    if case["valid"]:
        assert ring.sign(case["value"]) == case["signed"]
        assert ring.unsign(case["signed"]) == case["value"]
    else:
        assert ring.unsign(case["signed"]) is None


@pytest.mark.parametrize("case", cases("peer_cookies"))
def test_peer_cookies(case: dict[str, Any]) -> None:
    codec = _core.PeerCookie(case["format"], ["dev-secret-key"])
    assert codec.decode(case["cookie"]) == (case["payload"], 1_700_000_000_000)
    with time_machine.travel(1_700_000_000, tick=False):
        assert codec.encode(case["payload"]) == case["cookie"]


@pytest.mark.parametrize("case", cases("sealed"))
def test_sealed(case: dict[str, Any]) -> None:
    ring = _core.KeyRing([case["secret"]], [case["key_id"]])
    if case["valid"]:
        plain = ring.unseal(case["purpose"], case["context"], case["sealed"], now=case["now"])
        assert plain == case["plaintext"].encode()
    else:
        with pytest.raises(coatcheck.Error) as caught:
            ring.unseal(case["purpose"], case["context"], case["sealed"], now=case["now"])
        assert caught.value.code == case["error"]


@pytest.mark.parametrize("case", cases("sealed_records"))
def test_sealed_records(case: dict[str, Any]) -> None:
    ring = _core.KeyRing([case["secret"]], [case["key_id"]])
    sealed = bytes.fromhex(case["sealed"])
    if case["opens"]:
        assert ring.open_record(case["store_key"], sealed) == case["record"].encode()
    else:
        with pytest.raises(coatcheck.Error) as caught:
            ring.open_record(case["store_key"], sealed)
        assert caught.value.code == "ERR_RECORD_DAMAGED"


@pytest.mark.parametrize("case", cases("cookie_header"))
def test_cookie_header(case: dict[str, Any]) -> None:
    values, refused = _core.find_cookie(case["header"].encode(), case["cookie"])
    assert [value.decode() for value in values] == case["values"]
    assert refused == case["refused"]


@pytest.mark.parametrize("case", cases("keys"))
def test_store_keys(case: dict[str, Any]) -> None:
    assert _core.KeyRing([case["secret"]]).store_key(case["session_id"]) == case["store_key"]


@pytest.mark.parametrize("case", cases("record"))
def test_payloads_print_as_they_were(case: dict[str, Any]) -> None:
    # Python prints what another language stored in the same bytes, so that an unchanged session stays unchanged.
    assert encode(decode(case["payload"])) == case["payload"]


def test_short_secrets_are_warned_of_once_per_ring() -> None:
    with warnings.catch_warnings():
        assert _core.KeyRing(["short"]).warnings
        assert not _core.KeyRing(["x" * 32]).warnings


@pytest.mark.parametrize("case", cases("merge"))
def test_merge(case: dict[str, Any]) -> None:
    sides = [json.dumps(case[side]) for side in ("base", "mine", "theirs")]
    if "error" in case:
        with pytest.raises(coatcheck.Error) as caught:
            _core.merge_payloads(*sides, case["policy"], case.get("rules"))
        assert caught.value.code == case["error"]
    else:
        assert json.loads(_core.merge_payloads(*sides, case["policy"], case.get("rules"))) == case["merged"]


@pytest.mark.parametrize("case", cases("numbers"))
def test_numbers(case: dict[str, Any]) -> None:
    value = float(case["javascript"])
    assert encode({"n": value}) == f'{{"n":{case["float"]}}}'
    for form in ("javascript", "float", "integer"):
        if form in case:
            read = decode(f'{{"n":{case[form]}}}')
            assert (
                float(read["n"]) == value
            )  # beyond 2^53 an int of those digits, which JavaScript reads as this double
            # What another language wrote can be written again, as the same number.
            assert _core.same_json(encode(read), f'{{"n":{case["javascript"]}}}')


@pytest.mark.parametrize("digits", json.loads((ROOT / "tests" / "vectors" / "numbers.json").read_text())["refused"])
def test_integers_that_no_double_holds_are_refused(digits: str) -> None:
    with pytest.raises(coatcheck.PayloadError, match="2\\^53"):
        encode({"n": int(digits)})
    with pytest.raises(coatcheck.PayloadError, match="2\\^53"):
        _core.check_payload(f'{{"n":{digits}}}')
