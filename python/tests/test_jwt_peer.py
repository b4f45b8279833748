"""The same calls to PyJWT and to coatcheck.jwt: the same value, or the same exception with the same words.

What differs on purpose stands in docs/tokens-python.md; ``REFUSED`` holds a case for each row that a call can show.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import importlib
import json
import time
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from coatcheck import jwt as ours

theirs = pytest.importorskip("jwt")
pytest.importorskip("cryptography")

Module = Any
Call = Callable[[Module], Any]


def b64(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


KEY = "k" * 64
NOW = int(time.time())
RSA, EC, EC384, ED = (ours.Key.generate(alg) for alg in ("RS256", "ES256", "ES384", "EdDSA"))
OCT_JWK = {"kty": "oct", "k": b64(b"k" * 32), "kid": "o"}
EC_JWK = {**EC.to_jwk(private=True), "kid": "e"}
MODULES = (
    *("algorithms", "api_jwk", "api_jws", "api_jwt", "exceptions", "help", "jwk_set_cache", "jwks_client"),
    *("types", "utils", "warnings"),
)


def forge(payload: Any, header: str = '{"alg":"HS256"}') -> str:
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = f"{b64(header.encode())}.{b64(text)}"
    return f"{signed}.{b64(hmac.digest(KEY.encode(), signed.encode(), 'sha256'))}"


TOKEN = forge({"sub": "a", "exp": NOW + 1000})


def run(call: Call, module: Module) -> tuple[Any, list[str]]:
    """What came of it, and the classes of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = call(module)
            result: Any = ("gave", value if not hasattr(value, "public_key") else type(value).__name__)
        except Exception as why:
            result = ("raised", type(why).__name__, str(why))
    return result, sorted(one.category.__name__ for one in caught)


def decode(token: Any, **options: Any) -> Call:
    return lambda m: m.decode(token, KEY, algorithms=["HS256"], **options)


def encode(payload: Any, key: Any = KEY, **options: Any) -> Call:
    return lambda m: m.encode(payload, key, **options)


def cases() -> dict[str, Call]:
    found: dict[str, Call] = {}

    def add(call: Call, *name: object) -> None:
        found[" ".join(map(str, name))] = call

    for number, token in enumerate(
        (
            TOKEN,
            TOKEN.encode(),
            bytearray(TOKEN.encode()),
            None,
            1,
            [],
            "",
            "a.b",
            "..",
            "a.b.c",
            TOKEN + ".x",
        )
    ):
        add(decode(token), "token", number)
        add(lambda m, t=token: m.get_unverified_header(t), "header", number)
        add(lambda m, t=token: m.decode(t, options={"verify_signature": False}), "unverified", number)
    for header in ("[]", "{", "{}", '{"alg":null}', '{"alg":"none"}', '{"alg":"XX"}', '{"alg":"HS256","kid":1}'):
        add(decode(forge({}, header)), "header", header)
    for more in ('"crit":[]', '"crit":"b64"', '"crit":[1]', '"crit":["x"],"x":1', '"crit":["b64"]', '"b64":false'):
        header = f'{{"alg":"HS256",{more}}}'
        add(decode(forge({}, header)), "header", header)
        add(lambda m, h=header: m.get_unverified_header(forge({}, h)), "unverified header", header)
    for payload in (b"", b"{", b"[]", b"1", b"null", b'"x"', b"[" * 3000, b'{"exp":1e400}', b'{"iat":1e400}'):
        add(decode(forge(payload)), "payload", payload[:20])
    for algorithms in (None, [], ["HS512"], ["RS256", "HS256"], ("HS256",), {"HS256"}, ["none"], "HS256"):
        add(lambda m, a=algorithms: m.decode(TOKEN, KEY, algorithms=a), "algorithms", algorithms)
    for claim in ("exp", "nbf", "iat"):
        for value in (0, NOW - 100, NOW + 100, NOW + 100.5, "x", [], {}):
            for options in ({}, {"leeway": 200}, {"leeway": dt.timedelta(seconds=200)}):
                # The same name whenever it is made: several processes collect the tests, and must find the same.
                when = f"now {value - NOW:+}" if isinstance(value, int | float) and value else value
                add(decode(forge({claim: value}), **options), claim, when, options)
        add(decode(forge({claim: NOW - 100}), options={f"verify_{claim}": False}), claim, "not checked")
        for value in ("x", None, True, 1.5, -1, dt.datetime(2030, 1, 1), dt.date(2030, 1, 1)):
            add(encode({claim: value}), "encode", claim, value)
    expected: tuple[Any, ...] = (None, "a", [], ["a"], ("a", "c"), {"a"}, ["c"], 1, object(), b"a", {"a": 1})
    for claims in (
        {},
        {"aud": "a"},
        {"aud": ["a", "b"]},
        {"aud": ""},
        {"aud": ["a", 1]},
        {"aud": {"a": 1}},
        {"aud": 1},
    ):
        for audience in expected:
            for options in ({}, {"strict_aud": True}, {"verify_aud": False}):
                call = decode(forge(claims), audience=audience, options=options)
                add(call, claims, type(audience).__name__, str(audience)[:9], options)
    for value in (None, "", "a", "b", ["a"], 1):
        for other in expected:
            add(decode(forge({"iss": value}), issuer=other), "iss", value, type(other).__name__, str(other)[:9])
            add(decode(forge({"sub": value}), subject=other), "sub", value, type(other).__name__, str(other)[:9])
        add(decode(forge({"jti": value})), "jti", value)
        add(encode({"iss": value}), "encode iss", value)
    add(decode(forge({}), issuer="a"), "no iss")
    for given in (
        {"require": ["x"]},
        {"require": ["sub", "exp"]},
        {"verify_signature": False},
        {"verify_exp": None},
        {},
    ):
        old = forge({"sub": "a", "exp": 1})
        add(decode(old, options=given), "options", given)
        add(lambda m, g=given, t=old: m.PyJWT(g).decode(t, KEY, ["HS256"]), "PyJWT(options)", given)
        add(lambda m, g=given: dict(m.PyJWT(g).options), "PyJWT(options).options", given)
        add(lambda m, g=given, t=old: m.PyJWS(options=g).decode(t, "x" * 64, ["HS256"]), "PyJWS(options)", given)
    for flag in (True, False):
        add(decode(TOKEN, verify=flag), "verify", flag)
    add(decode(TOKEN, more=1), "an argument that does nothing")
    add(lambda m: m.decode_complete(TOKEN, KEY, ["HS256"]), "complete")
    add(decode(TOKEN, detached_payload=b"x"), "detached, but not")
    for payload in (None, "x", [], 1, {1: 2}, {"a": object()}, {"a": {1}}, {"a": (1,)}, {"é": "ü"}, {"a": Decimal(1)}):
        add(encode(payload), "encode", type(payload).__name__, str(payload)[:12])
    for headers in (
        {},
        {"kid": "a"},
        {"kid": 1},
        {"typ": None},
        {"typ": ""},
        {"alg": "HS512"},
        {"alg": None},
        {"z": 1},
    ):
        for sort in (True, False):
            add(encode({}, headers=headers, sort_headers=sort), "headers", headers, sort)
    for headers in ({"crit": ["x"]}, {"b64": True}, {"b64": False}, {"crit": "b64", "b64": False}, {"x": Decimal(1)}):
        add(encode({}, headers=headers), "headers", headers)
        add(lambda m, h=headers: m.PyJWS().encode(b"p", KEY, headers=h, is_payload_detached=True), "detached", headers)
    for algorithm in (None, "none", "HS384", "XX", ""):
        for key in (KEY, None, "", b"b" * 64):
            add(encode({}, key, algorithm=algorithm), "algorithm", algorithm, str(key)[:2])
    for secret in (
        RSA.public_key().to_pem(),
        json.dumps(EC_JWK),
        json.dumps([EC_JWK]).encode("utf-16"),
        '{"\\u006bty":"oct"}',
        "ssh-rsa AAAA",
        "",
        b"",
        None,
        1,
        bytearray(b"x" * 64),
    ):
        add(encode({}, secret, algorithm="HS256"), "secret", str(secret)[:30])
        add(lambda m, s=secret: m.decode(TOKEN, s, ["HS256"]), "verify with secret", str(secret)[:30])
    add(encode({}, "short"), "a short secret")
    for key in (RSA, EC, EC384, ED):
        private, public = key.to_pem(private=True), key.public_key().to_pem()
        add(lambda m, k=key, p=private: m.encode({}, p, algorithm=k.alg).split(".")[0], "sign", key.alg)
        add(lambda m, k=key, p=public: m.get_algorithm_by_name(k.alg).prepare_key(p), "prepare", key.alg)
        name = {"RSA": "RSAAlgorithm", "EC": "ECAlgorithm", "OKP": "OKPAlgorithm"}[key.type]
        for jwk in (key.to_jwk(private=True), key.to_jwk(), {**key.to_jwk(), "kty": "x"}, "{", "[1", 1):

            def there_and_back(m: Module, n: str = name, j: Any = jwk) -> Any:
                kind = getattr(importlib.import_module(f"{m.__name__}.algorithms"), n)
                return kind.to_jwk(kind.from_jwk(j), as_dict=True)

            add(there_and_back, name, key.alg, str(jwk)[:200])
    add(lambda m: m.get_algorithm_by_name("ES256").prepare_key(EC384.to_pem()), "the wrong curve")
    for name in ("HS256", "RS384", "ES512", "none"):
        add(lambda m, n=name: m.get_algorithm_by_name(n).compute_hash_digest(b"x"), "digest", name)
    for jwk in (
        OCT_JWK,
        {"kty": "XX"},
        {"kty": "EC", "crv": "XX"},
        {"kty": "OKP", "crv": "XX"},
        {**OCT_JWK, "use": "enc"},
    ):
        add(lambda m, j=jwk: describe(m.PyJWK(j)), "PyJWK", jwk)
        add(lambda m, j=jwk: [key.key_id for key in m.PyJWKSet([j, EC_JWK, 1])], "PyJWKSet", jwk)
    add(lambda m: m.decode(m.encode({}, m.PyJWK(OCT_JWK)), m.PyJWK(OCT_JWK)), "a PyJWK signs and verifies")
    add(lambda m: m.decode(m.encode({}, m.PyJWK(OCT_JWK)), m.PyJWK(EC_JWK), ["HS256"]), "a PyJWK of another algorithm")
    for keys in (None, [], {}, "x", [1], (OCT_JWK,)):
        add(lambda m, k=keys: m.PyJWKSet(k) and None, "keys", keys)
    add(lambda m: m.PyJWKSet([OCT_JWK])["x"], "no such kid")
    for options in ({"lifespan": 0}, {"cooldown_duration": -1}, {"cooldown_duration": float("inf")}, {"timeout": 3}):
        add(lambda m, o=options: vars(m.PyJWKClient("https://x.invalid", **o))["timeout"], "client", options)
    add(lambda m: m.PyJWKClient("file:///x"), "client of a file")
    add(lambda m: m.PyJWK({"k": "AA"}), "a JWK without kty")
    add(encode({}, None, algorithm="EdDSA"), "no key for EdDSA")
    add(lambda m: m.PyJWS().decode(unencoded(m), KEY, ["HS256"], detached_payload="text"), "detached text")
    add(lambda m: m.PyJWS().decode(unencoded(m), KEY, ["HS256"], detached_payload=b"a.b"), "detached bytes")
    add(lambda m: m.PyJWS().decode(unencoded(m), KEY, ["HS256"], detached_payload=b"a.c"), "other detached bytes")
    add(lambda m: m.decode(unencoded(m), KEY, ["HS256"]), "detached, but nothing is given")
    add(lambda m: m.get_algorithm_by_name("XX"), "no such algorithm")
    add(lambda m: m.PyJWS().register_algorithm("HS256", object()), "registered twice")
    add(lambda m: m.PyJWS().register_algorithm("XX", object()), "no algorithm")
    add(lambda m: m.PyJWS().unregister_algorithm("XX"), "not registered")
    return found


def unencoded(module: Module) -> Any:
    return module.PyJWS().encode(b"a.b", KEY, is_payload_detached=True)


def describe(key: Any) -> list[Any]:
    return [key.key_type, key.key_id, key.public_key_use, key.algorithm_name, type(key.Algorithm).__name__, key.key]


CASES = cases()
# Their message names the key material, prints a generator, or is Python's own; ours says the same with less.
OWN_WORDS = ("Expected one of", "kty is not found", "usable keys", "sequence item")


@pytest.mark.parametrize("name", CASES)
def test_the_same(name: str) -> None:
    expected, warned = run(CASES[name], theirs)
    words = 2 if any(own in str(expected[-1]) for own in OWN_WORDS) else None
    for _ in range(2):  # the second call takes the short way
        result, told = run(CASES[name], ours)
        assert (result[:words], told) == (expected[:words], warned)


# name: the call, and what it raises here. PyJWT gives a value for each of them.
REFUSED: dict[str, tuple[Call, type[Exception]]] = {
    "a number as text": (decode(forge({"exp": str(NOW + 100)})), ours.DecodeError),
    "a boolean as a date": (decode(forge({"nbf": True})), ours.DecodeError),
    "equal members": (decode(forge(b'{"a":1,"a":2}')), ours.DecodeError),
    "half a surrogate pair": (decode(forge(b'{"a":"\\ud800"}')), ours.DecodeError),
    "NaN": (decode(forge(b'{"a":NaN}')), ours.DecodeError),
    "40 levels": (decode(forge(b'{"a":' + b"[" * 40 + b"]" * 40 + b"}")), ours.DecodeError),
    "padding": (decode(TOKEN + "="), ours.DecodeError),
    "70 KB": (decode(forge({"a": "x" * 70000})), ours.DecodeError),
    "a leeway of NaN": (decode(forge({"exp": 1}), leeway=float("nan")), TypeError),
    "a subject that is not there": (decode(forge({}), subject="a"), ours.MissingRequiredClaimError),
    "a name within a text": (lambda m: m.decode(TOKEN, KEY, "HS256 RS256"), ours.InvalidAlgorithmError),
    "use: none of RFC 7517": (lambda m: m.PyJWK({**EC_JWK, "use": "x"}), ours.InvalidKeyError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_on_purpose(name: str) -> None:
    call, kind = REFUSED[name]
    assert run(call, theirs)[0][0] == "gave"
    for _ in range(2):
        with pytest.raises(kind):
            call(ours)


def test_a_weak_rsa_key_is_refused_in_their_words() -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    weak = generate_private_key(65537, 1024)
    with pytest.warns(theirs.InsecureKeyLengthWarning) as told:
        theirs.encode({}, weak, algorithm="RS256")
    with pytest.raises(ours.InvalidKeyError) as caught:
        ours.encode({}, weak, algorithm="RS256")
    assert (str(caught.value), caught.value.code) == (str(told[0].message), "ERR_KEY_WEAK")


@pytest.mark.parametrize("module", ["", *(f".{name}" for name in MODULES)])
def test_every_public_name_is_there(module: str) -> None:
    """So that ``sys.modules["jwt"] = coatcheck.jwt``, and the same for its modules, is enough."""
    peer, own = importlib.import_module(f"jwt{module}"), importlib.import_module(f"coatcheck.jwt{module}")
    names = getattr(peer, "__all__", None) or [
        name for name, value in vars(peer).items() if getattr(value, "__module__", None) == peer.__name__
    ]
    public = [name for name in names if not name.startswith("_")]
    assert [name for name in public if not hasattr(own, name)] == []
    for name in public:
        if isinstance(kind := getattr(peer, name), type):
            members = [member for member in vars(kind) if not member.startswith("_")]
            assert [member for member in members if not hasattr(getattr(own, name), member)] == []
