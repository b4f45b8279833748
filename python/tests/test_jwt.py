"""coatcheck.jwt by PyJWT's interface: what it signs, accepts, refuses, and in which words."""

from __future__ import annotations

import json
import pickle
import time
import warnings
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import coatcheck
import pytest
from coatcheck import jwt
from coatcheck.jwt.algorithms import Algorithm
from coatcheck.jwt.utils import base64url_decode, base64url_encode

SECRET = "a secret for the tests, 32 bytes or more"
HS256 = ["HS256"]


def parts(token: str) -> list[Any]:
    return [json.loads(base64url_decode(part)) for part in token.split(".")[:2]]


def forge(header: dict[str, Any], payload: bytes, secret: str = SECRET) -> str:
    """A token with any header and payload, signed by the standard library."""
    import hashlib
    import hmac

    text = base64url_encode(json.dumps(header).encode()) + b"." + base64url_encode(payload)
    return (text + b"." + base64url_encode(hmac.digest(secret.encode(), text, hashlib.sha256))).decode()


class TestRoundTrip:
    def test_claims_come_back(self) -> None:
        claims = {"sub": "ü", "n": 2**70, "f": 1.0, "deep": {"list": [1, None, True, -3, 0.5, "x", {}]}, "empty": []}
        token = jwt.encode(claims, SECRET)
        for _ in range(2):  # the first time takes the long way, the second the short one
            got = jwt.decode(token, SECRET, algorithms=HS256)
            assert got == claims
            assert [type(value) for value in got.values()] == [type(value) for value in claims.values()]

    def test_each_decode_gives_a_dict_of_its_own(self) -> None:
        token = jwt.encode({"list": [1]}, SECRET)
        jwt.decode(token, SECRET, algorithms=HS256)["list"].append(2)
        assert jwt.decode(token, SECRET, algorithms=HS256) == {"list": [1]}

    @pytest.mark.parametrize(
        "alg", ["HS256", "HS384", "HS512", "RS256", "PS384", "ES256", "ES384", "ES512", "ES256K", "EdDSA"]
    )
    def test_every_family(self, alg: str) -> None:
        if alg.startswith("HS"):
            private: Any = "s" * 64
            public: Any = private
        else:
            key = jwt.Key.generate(alg)
            private, public = key.to_pem(private=True), key.public_key().to_pem()
        token = jwt.encode({"sub": "u"}, private, algorithm=alg)
        assert parts(token)[0] == {"alg": alg, "typ": "JWT"}
        for _ in range(2):
            assert jwt.decode(token, public, algorithms=[alg]) == {"sub": "u"}
        damaged = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(damaged, public, algorithms=[alg])

    def test_dates_may_be_datetimes(self) -> None:
        at = datetime(2100, 1, 1, tzinfo=timezone.utc)
        for _ in range(2):
            assert parts(jwt.encode({"exp": at, "x": 1}, SECRET))[1] == {"exp": 4102444800, "x": 1}

    def test_header_and_encoder(self) -> None:
        class Encoder(json.JSONEncoder):
            def default(self, o: Any) -> Any:
                return str(o) if isinstance(o, Decimal) else super().default(o)

        token = jwt.encode({"d": Decimal("1.5")}, SECRET, headers={"kid": "k1", "typ": "at+jwt"}, json_encoder=Encoder)
        assert parts(token) == [{"alg": "HS256", "kid": "k1", "typ": "at+jwt"}, {"d": "1.5"}]
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
        complete = jwt.decode_complete(token, SECRET, algorithms=HS256)
        assert complete["header"]["kid"] == "k1"
        assert complete["payload"] == {"d": "1.5"}
        with pytest.raises(TypeError):
            jwt.encode({"d": Decimal("1.5")}, SECRET)

    @pytest.mark.parametrize("payload", ["text", [], 42, None, {1}])
    def test_only_a_dict_is_signed(self, payload: Any) -> None:
        with pytest.raises(TypeError, match="Expecting a dict object"):
            jwt.encode(payload, SECRET)

    def test_an_issuer_is_a_string(self) -> None:
        for _ in range(2):
            jwt.encode({"iss": "x"}, SECRET)
            with pytest.raises(TypeError, match=r"Issuer \(iss\) must be a string"):
                jwt.encode({"iss": 1}, SECRET)


class TestRefused:
    @pytest.mark.parametrize(
        ("claims", "options", "kind", "message"),
        [
            ({"exp": 1}, {}, jwt.ExpiredSignatureError, "Signature has expired"),
            ({"nbf": 2**40}, {}, jwt.ImmatureSignatureError, r"The token is not yet valid \(nbf\)"),
            ({"iat": 2**40}, {}, jwt.ImmatureSignatureError, r"The token is not yet valid \(iat\)"),
            ({"aud": "a"}, {}, jwt.InvalidAudienceError, "Invalid audience"),
            ({"aud": "a"}, {"audience": "b"}, jwt.InvalidAudienceError, "Audience doesn't match"),
            ({"aud": ["a", 1]}, {"audience": "a"}, jwt.InvalidAudienceError, "Invalid claim format in token"),
            ({}, {"audience": "b"}, jwt.MissingRequiredClaimError, 'Token is missing the "aud" claim'),
            ({"iss": "a"}, {"issuer": "b"}, jwt.InvalidIssuerError, "Invalid issuer"),
            ({"iss": "ab"}, {"issuer": ["a", "b"]}, jwt.InvalidIssuerError, "Invalid issuer"),
            ({}, {"issuer": "b"}, jwt.MissingRequiredClaimError, 'Token is missing the "iss" claim'),
            ({"sub": 1}, {}, jwt.InvalidSubjectError, "Subject must be a string"),
            ({"sub": "a"}, {"subject": "b"}, jwt.InvalidSubjectError, "Invalid subject"),
            ({}, {"subject": "b"}, jwt.MissingRequiredClaimError, 'Token is missing the "sub" claim'),
            ({"jti": 1}, {}, jwt.InvalidJTIError, "JWT ID must be a string"),
            ({}, {"options": {"require": ["exp"]}}, jwt.MissingRequiredClaimError, 'missing the "exp" claim'),
            ({"aud": ["a"]}, {"audience": "a", "options": {"strict_aud": True}}, jwt.InvalidAudienceError, "strict"),
        ],
    )
    def test_claims(self, claims: dict[str, Any], options: dict[str, Any], kind: type[Exception], message: str) -> None:
        token = jwt.encode(claims, SECRET)
        good = {"sub": "b", "iss": "b", "aud": "b", "exp": 2**40} if "options" not in options else None
        if good is not None and "audience" in options and "issuer" not in options and "subject" not in options:
            # The same call once with a token that is accepted, so that the short way is taken as well.
            jwt.decode(jwt.encode({**good, "aud": options["audience"]}, SECRET), SECRET, algorithms=HS256, **options)
        for _ in range(2):
            with pytest.raises(kind, match=message):
                jwt.decode(token, SECRET, algorithms=HS256, **options)

    def test_a_policy_that_is_remembered_still_refuses(self) -> None:
        now = int(time.time())
        good = jwt.encode({"exp": now + 60, "aud": "a", "iss": "i", "sub": "s"}, SECRET)
        call: dict[str, Any] = {
            "algorithms": HS256,
            "audience": ["a", "b"],
            "issuer": "i",
            "options": {"require": ["exp"]},
        }
        for _ in range(3):
            assert jwt.decode(good, SECRET, **call)["sub"] == "s"
        for bad, kind in [
            ({"exp": now - 1, "aud": "a", "iss": "i"}, jwt.ExpiredSignatureError),
            ({"exp": now + 60, "aud": "c", "iss": "i"}, jwt.InvalidAudienceError),
            ({"exp": now + 60, "aud": "a", "iss": "j"}, jwt.InvalidIssuerError),
            ({"aud": "a", "iss": "i"}, jwt.MissingRequiredClaimError),
            ({"exp": now + 60, "aud": "a", "iss": "i", "sub": None}, jwt.InvalidSubjectError),
        ]:
            with pytest.raises(kind):
                jwt.decode(jwt.encode(bad, SECRET), SECRET, **call)
        with pytest.raises(jwt.InvalidSignatureError, match="Signature verification failed"):
            jwt.decode(jwt.encode({"exp": now + 60, "aud": "a", "iss": "i"}, SECRET + "x"), SECRET, **call)

    @pytest.mark.parametrize(
        ("token", "message"),
        [
            ("a.b", "Not enough segments"),
            ("", "Not enough segments"),
            ("=.e30.AA", "Invalid header padding"),
            ("e30.=.AA", "Invalid payload padding"),
            ("e30.e30.A", "Invalid crypto padding"),
            ("W10.e30.AA", "Invalid header string: must be a json object"),
            ("e30.e30.AA", "Algorithm not specified"),
        ],
    )
    def test_malformed(self, token: str, message: str) -> None:
        with pytest.raises(jwt.InvalidTokenError, match=message):
            jwt.decode(token, SECRET, algorithms=HS256)

    @pytest.mark.parametrize("token", [None, 7, [], object()])
    def test_what_is_no_text(self, token: Any) -> None:
        with pytest.raises(jwt.DecodeError, match="Invalid token type"):
            jwt.decode(token, SECRET, algorithms=HS256)

    def test_algorithms_are_needed_and_kept_to(self) -> None:
        token = jwt.encode({}, SECRET)
        with pytest.raises(jwt.DecodeError, match='"algorithms" argument'):
            jwt.decode(token, SECRET)
        for other in (["HS512"], ["RS256"], "HS2567"):
            with pytest.raises(jwt.InvalidAlgorithmError, match="The specified alg value is not allowed"):
                jwt.decode(token, SECRET, algorithms=other)

    def test_none_is_never_accepted(self) -> None:
        token = jwt.encode({"sub": "admin"}, None, algorithm="none")
        for algorithms in (["none"], ["none", "HS256"]):
            for key in (None, "", SECRET):
                with pytest.raises(coatcheck.Error):
                    jwt.decode(token, key, algorithms=algorithms)
        assert jwt.decode(token, options={"verify_signature": False}) == {"sub": "admin"}

    @pytest.mark.parametrize("secret", ["", b""])
    def test_an_empty_secret(self, secret: Any) -> None:
        with pytest.raises(jwt.InvalidKeyError):
            jwt.encode({}, secret)
        with pytest.raises(jwt.InvalidKeyError):
            jwt.decode(forge({"alg": "HS256"}, b"{}", ""), secret, algorithms=HS256)

    def test_a_public_key_is_no_secret(self) -> None:
        public = jwt.Key.generate("RS256").public_key()
        for secret in (public.to_pem(), "\n# key\n" + public.to_pem(), json.dumps(public.to_jwk())):
            forged = forge({"alg": "HS256"}, b"{}", secret)
            for algorithms in (HS256, ["RS256", "HS256"]):
                with pytest.raises(jwt.InvalidKeyError, match=r"should not be used (directly )?as an HMAC secret"):
                    jwt.decode(forged, secret, algorithms=algorithms)

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            (b'{"exp":1e400}', "ERR_TOKEN_PAYLOAD"),
            (b'{"exp":"9999999999"}', "ERR_TOKEN_CLAIM"),
            (b'{"exp":true}', "ERR_TOKEN_CLAIM"),
            (b'{"sub":"a","sub":"b"}', "ERR_TOKEN_PAYLOAD"),
            (b'\xef\xbb\xbf{"sub":"a"}', "ERR_TOKEN_PAYLOAD"),
            ('{"sub":"a"}'.encode("utf-16"), "ERR_TOKEN_PAYLOAD"),
            (b"[" * 5000, "ERR_TOKEN_PAYLOAD"),
            (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "ERR_TOKEN_PAYLOAD"),
            (b"[]", "ERR_TOKEN_PAYLOAD"),
            (b'{"a":NaN}', "ERR_TOKEN_PAYLOAD"),
        ],
    )
    def test_payloads_that_pyjwt_takes_or_breaks_on(self, payload: bytes, code: str) -> None:
        token = forge({"alg": "HS256", "typ": "JWT"}, payload)
        jwt.decode(jwt.encode({}, SECRET), SECRET, algorithms=HS256)
        with pytest.raises(jwt.InvalidTokenError) as caught:
            jwt.decode(token, SECRET, algorithms=HS256)
        assert caught.value.code == code

    @pytest.mark.parametrize("leeway", [float("nan"), float("inf"), "5"])
    def test_a_leeway_that_would_let_everything_pass(self, leeway: Any) -> None:
        with pytest.raises(TypeError, match="leeway"):
            jwt.decode(jwt.encode({"exp": 1}, SECRET), SECRET, algorithms=HS256, leeway=leeway)

    def test_a_token_without_an_end(self) -> None:
        with pytest.raises(jwt.DecodeError) as caught:
            jwt.decode("A" * 70000, SECRET, algorithms=HS256)
        assert caught.value.code == "ERR_TOKEN_TOO_LARGE"


class TestOptions:
    def test_leeway(self) -> None:
        token = jwt.encode({"exp": int(time.time()) - 5}, SECRET)
        for leeway in (30, timedelta(seconds=30)):
            for _ in range(2):
                assert jwt.decode(token, SECRET, algorithms=HS256, leeway=leeway)
        with pytest.raises(jwt.ExpiredSignatureError):
            jwt.decode(token, SECRET, algorithms=HS256, leeway=1)

    @pytest.mark.parametrize(
        ("claims", "option"),
        [
            ({"exp": 1}, "verify_exp"),
            ({"nbf": 2**40}, "verify_nbf"),
            ({"iat": 2**40}, "verify_iat"),
            ({"aud": "x"}, "verify_aud"),
            ({"sub": 1}, "verify_sub"),
            ({"jti": 1}, "verify_jti"),
        ],
    )
    def test_a_check_left_out_in_words(self, claims: dict[str, Any], option: str) -> None:
        token = jwt.encode(claims, SECRET)
        for _ in range(2):
            assert jwt.decode(token, SECRET, algorithms=HS256, options={option: False}) == claims
            with pytest.raises(jwt.InvalidTokenError):
                jwt.decode(token, SECRET, algorithms=HS256)

    def test_options_are_left_as_they_are(self) -> None:
        options = {"verify_signature": False}
        jwt.decode(jwt.encode({"exp": 1}, SECRET), options=options)
        assert options == {"verify_signature": False}

    def test_unverified_checks_what_is_asked_for(self) -> None:
        token = jwt.encode({"exp": 1}, SECRET)
        with pytest.raises(jwt.ExpiredSignatureError):
            jwt.decode(token, options={"verify_signature": False, "verify_exp": True})

    def test_a_short_secret_warns(self) -> None:
        with pytest.warns(jwt.InsecureKeyLengthWarning, match="5 bytes long, which is below the minimum"):
            token = jwt.PyJWT().encode({}, "short")
        strict = jwt.PyJWT(options={"enforce_minimum_key_length": True})
        with pytest.raises(jwt.InvalidKeyError, match="below the minimum"):
            strict.decode(token, "short", algorithms=HS256)

    def test_warnings_of_arguments(self) -> None:
        token = jwt.encode({}, SECRET)
        jwt.decode(token, SECRET, algorithms=HS256)
        with pytest.warns(DeprecationWarning, match="Unsupported kwargs"):
            jwt.decode(token, SECRET, algorithms=HS256, extra=1)
        with pytest.warns(DeprecationWarning, match="The `verify` argument"):
            jwt.decode(token, SECRET, algorithms=HS256, verify=False)

    def test_an_algorithm_of_ones_own(self) -> None:
        class Reversed(Algorithm):
            def prepare_key(self, key: Any) -> Any:
                return key

            def sign(self, msg: bytes, key: Any) -> bytes:
                return msg[::-1]

            def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
                return sig == msg[::-1]

            @staticmethod
            def to_jwk(key_obj: Any, as_dict: bool = False) -> Any: ...

            @staticmethod
            def from_jwk(jwk: Any) -> Any: ...

        jws = jwt.PyJWS()
        jws.register_algorithm("REV", Reversed())
        token = jws.encode(b"bytes", "k", algorithm="REV")
        assert jws.decode(token, "k", algorithms=["REV"]) == b"bytes"
        with pytest.raises(ValueError, match="already has a handler"):
            jws.register_algorithm("REV", Reversed())
        jws.unregister_algorithm("REV")
        with pytest.raises(jwt.InvalidAlgorithmError):
            jws.decode(token, "k", algorithms=["REV"])

    def test_a_detached_payload(self) -> None:
        jws = jwt.PyJWS()
        token = jws.encode(b"a.b", SECRET, algorithm="HS256", is_payload_detached=True)
        assert ".." in token
        assert jws.decode(token, SECRET, algorithms=HS256, detached_payload=b"a.b") == b"a.b"
        with pytest.raises(jwt.InvalidSignatureError):
            jws.decode(token, SECRET, algorithms=HS256, detached_payload=b"a.c")
        with pytest.raises(jwt.DecodeError, match="detached_payload"):
            jws.decode(token, SECRET, algorithms=HS256)

    def test_errors_are_ours_too_and_travel(self) -> None:
        with pytest.raises(coatcheck.TokenError) as caught:
            jwt.decode(jwt.encode({}, SECRET), SECRET, algorithms=HS256, audience="x")
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (type(copy), str(copy), copy.code, copy.claim) == (
            jwt.MissingRequiredClaimError,
            'Token is missing the "aud" claim',
            "ERR_TOKEN_CLAIM",
            "aud",
        )


def test_nothing_is_said_about_a_good_secret() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jwt.PyJWT().encode({}, "x" * 32)
