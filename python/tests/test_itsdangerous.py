"""coatcheck.itsdangerous beside itsdangerous: each reads the other's values, and says the same of bad ones."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import pickle
from collections.abc import Iterator
from typing import Any

import coatcheck
import coatcheck.itsdangerous as ours
import itsdangerous as theirs
import pytest
import time_machine

NOW = 1_700_000_000
BOTH = (ours, theirs)
SIGNERS: list[dict[str, Any]] = [
    {},
    {"salt": "own", "sep": ":"},
    {"key_derivation": "hmac"},
    {"key_derivation": "concat", "digest_method": hashlib.sha256},
    {"key_derivation": "none", "digest_method": hashlib.sha512},
    {"digest_method": hashlib.sha224, "salt": b"\xff\x00"},
    {"digest_method": hashlib.sha384},
    {"digest_method": hashlib.md5},
    {"digest_method": hashlib.blake2b},
    {"sep": ".."},
]
VALUES: list[Any] = [None, True, 1.5, "é😀", [1, [2]], {"a": {"b": None}}, "a" * 5000, ""]


@pytest.fixture(autouse=True)
def _one_second() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize("settings", SIGNERS, ids=str)
@pytest.mark.parametrize("name", ["Signer", "TimestampSigner"])
def test_signers_make_the_same(name: str, settings: dict[str, Any]) -> None:
    for value in ("value", b"\x00\xff", "", "é", "a.b.c"):
        for key in ("secret", b"\xff\x00", ["old", "new"], ""):
            signers = [getattr(package, name)(key, **settings) for package in BOTH]
            signed = [signer.sign(value) for signer in signers]
            assert signed[0] == signed[1]
            assert [signer.unsign(signed[0]) for signer in signers] == [signers[1].unsign(signed[0])] * 2
            assert signers[0].derive_key() == signers[1].derive_key()
            assert signers[0].get_signature(value) == signers[1].get_signature(value)


@pytest.mark.parametrize("name", ["Serializer", "TimedSerializer", "URLSafeSerializer", "URLSafeTimedSerializer"])
@pytest.mark.parametrize(
    "settings", [{}, {"signer_kwargs": {"digest_method": hashlib.sha256}}, {"salt": "own"}], ids=str
)
def test_serializers_make_the_same(name: str, settings: dict[str, Any]) -> None:
    made = [getattr(package, name)("secret", **settings) for package in BOTH]
    for value in VALUES:
        signed = [one.dumps(value) for one in made]
        assert signed[0] == signed[1]
        for one in made:
            assert one.loads(signed[0]) == value
            assert one.loads_unsafe(signed[0]) == (True, value)
            with io.StringIO() as file:
                one.dump(value, file)
                file.seek(0)
                assert one.load(file) == value


def outcome(package: Any, call: Any) -> tuple[Any, ...]:
    try:
        return ("value", call())
    except Exception as error:
        known = isinstance(error, package.BadData)
        facts = [getattr(error, name, "-") for name in ("payload", "date_signed")]
        return (type(error).__name__, str(error) if known else "", *facts)


HOSTILE = [
    "",
    ".",
    "..",
    "...",
    "a",
    "a.b",
    "value.ZVPxAA.",
    ".ZVPxAA.x",
    "é.é.é",
    "value.____________.x",
    "a" * 10_000,
    "." * 10_000,
    "value.\x00.\x00",
]


@pytest.mark.parametrize("name", ["Signer", "TimestampSigner", "Serializer", "URLSafeTimedSerializer"])
def test_of_what_does_not_hold_the_same_is_said(name: str) -> None:
    method = "unsign" if name.endswith("Signer") else "loads"
    good = getattr(theirs, name)("secret")
    signed = good.sign("value") if method == "unsign" else good.dumps({"a": 1})
    text = signed.decode() if isinstance(signed, bytes) else signed
    broken = [text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :] for at in range(len(text) - 1)]
    for value in [*HOSTILE, *broken, text[:-2], text + "aa", text.replace(".", "")]:
        said = [
            outcome(package, lambda p=package, v=value: getattr(getattr(p, name)("secret"), method)(v))
            for package in BOTH
        ]
        assert said[0] == said[1], value


def test_one_signature_has_one_form() -> None:
    signed = theirs.Signer("secret").sign("value").decode()
    last = signed[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [signed[:-1] + one for one in alphabet if one != last] + [signed + "=", signed[:-3] + "!" + signed[-3:]]
    taken = [one for one in others if theirs.Signer("secret").validate(one)]
    assert taken, "itsdangerous takes some of these"
    assert not [one for one in others if ours.Signer("secret").validate(one)]
    assert not [one for one in others if ours.Signer("secret", digest_method=hashlib.md5).validate(one)]


@pytest.mark.parametrize("name", ["TimestampSigner", "URLSafeTimedSerializer"])
def test_age(name: str) -> None:
    method = "unsign" if name == "TimestampSigner" else "loads"
    signed = getattr(theirs, name)("secret")
    value = signed.sign("v") if method == "unsign" else signed.dumps("v")
    for after in (0, 10, 11, -1):
        with time_machine.travel(NOW + after, tick=False):
            said = [
                outcome(package, lambda p=package: getattr(getattr(p, name)("secret"), method)(value, max_age=10))
                for package in BOTH
            ]
            assert said[0] == said[1]
    made = getattr(ours, name)("secret")
    assert getattr(made, method)(value, return_timestamp=True)[1].timestamp() == NOW


def test_keys_rotate_newest_last_and_fallback_signers() -> None:
    for package in BOTH:
        old = package.URLSafeSerializer("old").dumps(1)
        assert ours.URLSafeSerializer(["old", "new"]).loads(old) == 1
        assert not ours.Signer(["new"]).validate(package.Signer("old").sign("v"))
        before = package.URLSafeSerializer("key", signer_kwargs={"digest_method": hashlib.sha512}).dumps(1)
        fallbacks: list[Any] = [{"digest_method": hashlib.sha512}, (ours.Signer, {}), ours.Signer]
        assert ours.URLSafeSerializer("key", fallback_signers=fallbacks).loads(before) == 1
    signer = ours.Signer("a")
    assert signer.validate(signer.sign("v"))
    signer.secret_keys.append(b"b")
    assert signer.sign("v") == theirs.Signer(["a", "b"]).sign("v"), "a key that came later counts"


def test_a_subclass_is_asked() -> None:
    class Own(ours.Signer):
        def derive_key(self, secret_key: Any = None) -> bytes:
            return b"own"

    class Reverse(ours.SigningAlgorithm):
        def get_signature(self, key: bytes, value: bytes) -> bytes:
            return value[::-1]

    assert Own("a").sign("v") == Own("b").sign("v") != ours.Signer("a").sign("v")
    assert ours.Signer("a", algorithm=Reverse()).sign(b"abc") == b"abc.Y2Jh"
    assert ours.Signer("a", algorithm=ours.NoneAlgorithm()).sign("v") == b"v."
    with pytest.raises(NotImplementedError):
        ours.SigningAlgorithm().get_signature(b"", b"")


def test_a_packed_value_is_bounded() -> None:
    bomb = theirs.URLSafeSerializer("secret").dumps("a" * (17 * 1024 * 1024))
    with pytest.raises(ours.BadPayload) as refused:
        ours.URLSafeSerializer("secret").loads(bomb)
    assert "16 MiB" in str(refused.value.original_error)


def test_errors_are_copied_pickled_and_have_a_code() -> None:
    with pytest.raises(ours.BadTimeSignature) as refused:
        ours.TimestampSigner("secret").unsign("value.ZVPxAA.bad")
    for again in (copy.copy(refused.value), pickle.loads(pickle.dumps(refused.value))):
        assert (str(again), again.payload, again.date_signed) == (
            str(refused.value),
            refused.value.payload,
            refused.value.date_signed,
        )
        assert isinstance(again, coatcheck.Error)
        assert again.code == "ERR_TOKEN_SIGNATURE"


def test_flasks_cookie_by_either() -> None:
    settings = {"salt": "cookie-session", "signer_kwargs": {"key_derivation": "hmac"}, "serializer": json}
    made = [package.URLSafeTimedSerializer("dev-secret-key", **settings) for package in BOTH]
    assert made[0].dumps({"user_id": 42}) == made[1].dumps({"user_id": 42})


@pytest.mark.parametrize("sep", ["-", "a", "_", "=", "ab"])
def test_a_separator_that_a_signature_may_hold(sep: str) -> None:
    for package in BOTH:
        if sep == "ab":
            assert package.Signer("k", sep="|").sign("v")
            continue
        with pytest.raises(ValueError, match="separator cannot be used"):
            package.Signer("k", sep=sep)
