"""Tokens both ways between coatcheck and PyJWT and joserfc."""

from __future__ import annotations

from typing import Any

import pytest
from coatcheck import jwt

pyjwt = pytest.importorskip("jwt")
pytest.importorskip("cryptography")
joserfc_jwt = pytest.importorskip("joserfc.jwt")
joserfc_jwe = pytest.importorskip("joserfc.jwe")
joserfc_jwk = pytest.importorskip("joserfc.jwk")

CLAIMS: dict[str, Any] = {"sub": "ü", "aud": ["a", "b"], "exp": 4102444800, "n": 2**60, "f": 0.1}
ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA"]


def keys(alg: str) -> tuple[Any, Any]:
    if alg.startswith("HS"):
        return "s" * 64, "s" * 64
    key = jwt.Key.generate(alg)
    return key.to_pem(private=True), key.public_key().to_pem()


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_pyjwt(alg: str) -> None:
    private, public = keys(alg)
    ours = jwt.encode(CLAIMS, private, algorithm=alg)
    theirs = pyjwt.encode(CLAIMS, private, algorithm=alg)
    assert ours.rsplit(".", 1)[0] == theirs.rsplit(".", 1)[0]  # the same bytes are signed
    assert pyjwt.decode(ours, public, algorithms=[alg], audience="a") == CLAIMS
    for _ in range(2):
        assert jwt.decode(theirs, public, algorithms=[alg], audience="a") == CLAIMS


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_key_objects_of_cryptography(alg: str) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(jwt.Key.generate(alg).to_pem(private=True).encode(), None)
    token = jwt.encode(CLAIMS, private, algorithm=alg)
    for _ in range(2):
        assert jwt.decode(token, private.public_key(), algorithms=[alg], audience="a") == CLAIMS


@pytest.mark.parametrize("alg", ["HS256", "RS256", "ES256"])
def test_joserfc(alg: str) -> None:
    key = jwt.Key.generate(alg)
    their_key = joserfc_jwk.import_key(key.to_jwk(private=True))
    theirs = joserfc_jwt.encode({"alg": alg}, CLAIMS, their_key)
    assert jwt.Verifier(key, audience="a").verify(theirs) == CLAIMS
    assert joserfc_jwt.decode(jwt.Signer(key, issued_at=False).sign(CLAIMS), their_key).claims == CLAIMS


@pytest.mark.parametrize("alg", ["dir", "A256KW", "RSA-OAEP", "ECDH-ES"])
@pytest.mark.parametrize("enc", ["A256GCM", "A128CBC-HS256"])
def test_joserfc_encryption(alg: str, enc: str) -> None:
    key = jwt.Key.generate(alg, enc=enc)
    members = {name: value for name, value in key.to_jwk(private=True).items() if name != "alg"}
    their_key = joserfc_jwk.import_key(members)
    algorithms = [alg, enc]
    theirs = joserfc_jwe.encrypt_compact({"alg": alg, "enc": enc}, b"plain", their_key, algorithms=algorithms)
    assert jwt.decrypt(theirs, key) == b"plain"
    ours = jwt.encrypt(b"plain", key, enc=enc)
    assert joserfc_jwe.decrypt_compact(ours, their_key, algorithms=algorithms).plaintext == b"plain"


def test_what_pyjwt_raises_ours_raises() -> None:
    secret = "s" * 32
    tokens = [
        pyjwt.encode(claims, secret)
        for claims in ({"exp": 1}, {"nbf": 2**40}, {"iat": 2**40}, {"aud": "x"}, {"sub": 1}, {"jti": 1}, {"aud": [1]})
    ]
    tokens += ["", "a", "a.b", "a.b.c", "e30.e30.", tokens[0] + "AAAA", tokens[0] + ".x", "é.é.é"]
    calls: list[dict[str, Any]] = [{}, {"audience": "a"}, {"issuer": "i"}, {"options": {"require": ["iss"]}}]
    for token in tokens:
        for call in calls:
            got = []
            for module in (pyjwt, jwt):
                with pytest.raises(module.PyJWTError) as caught:
                    module.decode(token, secret, algorithms=["HS256"], **call)
                got.append((type(caught.value).__name__, str(caught.value)))
            if "padding" in got[0][1] or "header string" in got[0][1]:
                assert got[0][0] == got[1][0]
            else:
                assert got[0] == got[1]
