"""What users of PyJWT rely on beside its functions: clocks, warnings, copies, subclasses, its client."""

from __future__ import annotations

import copy
import io
import json
import pickle
import subprocess
import sys
import time
import urllib.request
import warnings
import zlib
from datetime import datetime, tzinfo
from typing import Any
from urllib.error import URLError

import pytest
from coatcheck import jwt
from coatcheck.jwt import _claims
from coatcheck.jwt.jwk_set_cache import JWKSetCache

SECRET = "s" * 32
HS256 = ["HS256"]


def set_clock(patch: pytest.MonkeyPatch, at: float) -> None:
    """As the packages for it do: both ways to ask for the time."""

    class Datetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Datetime:
            return cls.fromtimestamp(at, tz)

    patch.setattr(time, "time", lambda: at)
    patch.setattr(_claims, "datetime", Datetime)


class TestClock:
    @pytest.mark.parametrize("calls", [1, 3])  # the first goes the long way
    def test_a_clock_that_a_test_has_set(self, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
        decoder = jwt.PyJWT()
        token = jwt.encode({"nbf": 1_000_000, "exp": 1_000_100}, SECRET)
        for _ in range(calls):
            set_clock(monkeypatch, 1_000_050)
            assert decoder.decode(token, SECRET, HS256)["exp"] == 1_000_100
            set_clock(monkeypatch, 1_000_100)
            with pytest.raises(jwt.ExpiredSignatureError):
                decoder.decode(token, SECRET, HS256)
            set_clock(monkeypatch, 999_999)
            with pytest.raises(jwt.ImmatureSignatureError):
                decoder.decode(token, SECRET, HS256)


class TestShortSecrets:
    def test_each_call_warns_where_every_warning_is_asked_for(self) -> None:
        for _ in range(3):
            with pytest.warns(jwt.InsecureKeyLengthWarning, match=r"secrets\.token_bytes\(32\)") as told:
                token = jwt.encode({"a": 1}, "short")
            assert len(told) == 1
            with pytest.warns(jwt.InsecureKeyLengthWarning) as told:
                jwt.decode(token, "short", HS256)
            assert len(told) == 1

    def test_once_in_a_process_otherwise(self) -> None:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("default")
            for _ in range(5):
                jwt.PyJWT().encode({"a": 1}, "five5")
        assert len(told) == 1

    def test_refused_where_the_options_say_so(self) -> None:
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            token = jwt.encode({}, "short")
        for _ in range(2):
            with pytest.raises(jwt.InvalidKeyError, match="below the minimum recommended length of 32 bytes"):
                jwt.decode(token, "short", HS256, options={"enforce_minimum_key_length": True})

    def test_of_an_algorithm_of_ones_own(self) -> None:
        class Picky(jwt.algorithms.HMACAlgorithm):
            def check_key_length(self, key: bytes) -> str | None:
                return "too short for me" if len(key) < 100 else None

        jws = jwt.PyJWS()
        jws.unregister_algorithm("HS256")
        jws.register_algorithm("HS256", Picky(Picky.SHA256))
        with pytest.warns(jwt.InsecureKeyLengthWarning, match="too short for me"):
            token = jws.encode(b"x", SECRET)
        with pytest.raises(jwt.InvalidKeyError, match="too short for me"):
            jws.decode(token, SECRET, HS256, options={"enforce_minimum_key_length": True})


class TestObjects:
    def test_options_changed_in_place(self) -> None:
        decoder = jwt.PyJWT()
        old = jwt.encode({"exp": 1}, SECRET)
        for allowed in (False, True, False):
            decoder.options["verify_exp"] = not allowed
            for _ in range(2):
                if allowed:
                    assert decoder.decode(old, SECRET, HS256) == {"exp": 1}
                else:
                    with pytest.raises(jwt.ExpiredSignatureError):
                        decoder.decode(old, SECRET, HS256)
        assert copy.deepcopy(decoder.options) == dict(decoder.options)

    def test_an_objects_own_options_do_not_switch_the_signature_off(self) -> None:
        forged = jwt.encode({}, "x" * 32)
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.PyJWT({"verify_signature": False}).decode(forged, SECRET, HS256)

    def test_a_subclass_with_a_check_of_its_own(self) -> None:
        class Tenant(jwt.PyJWT):
            def _validate_iss(self, payload: dict[str, Any], issuer: Any) -> None:
                if not payload.get("iss", "").endswith(".example"):
                    raise jwt.InvalidIssuerError("not ours")

        decoder = Tenant()
        assert decoder.decode(jwt.encode({"iss": "a.example"}, SECRET), SECRET, HS256)
        for _ in range(2):
            with pytest.raises(jwt.InvalidIssuerError, match="not ours"):
                decoder.decode(jwt.encode({"iss": "a"}, SECRET), SECRET, HS256)

    def test_a_subclass_with_another_payload(self) -> None:
        class Compressed(jwt.PyJWT):
            def _encode_payload(self, payload: dict[str, Any], **given: Any) -> bytes:
                return zlib.compress(super()._encode_payload(payload, **given))

            def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
                return super()._decode_payload({**decoded, "payload": zlib.decompress(decoded["payload"])})

        small = Compressed()
        assert small.decode(small.encode({"a": "b" * 99}, SECRET), SECRET, HS256) == {"a": "b" * 99}

    def test_a_header_type_of_a_subclass(self) -> None:
        class Logout(jwt.PyJWS):
            header_typ = "logout+jwt"

        assert jwt.get_unverified_header(Logout().encode(b"{}", SECRET))["typ"] == "logout+jwt"

    def test_exceptions_are_ordinary_ones(self) -> None:
        assert (str(jwt.DecodeError()), jwt.DecodeError("a", 2).args) == ("", ("a", 2))
        missing = jwt.MissingRequiredClaimError("exp")
        assert (missing.args, missing.claim) == (("exp",), "exp")
        for error in (missing, jwt.InvalidKeyError("no", code="ERR_KEY_WEAK"), jwt.PyJWKClientError("x")):
            for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
                assert (type(twin), str(twin), twin.args, twin.code) == (
                    type(error),
                    str(error),
                    error.args,
                    error.code,
                )

    def test_no_key_in_a_message(self) -> None:
        secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"
        for jwk in ({"k": secret}, {"kty": "OKP", "k": secret}, {"kty": "oct", "k": secret, "alg": "XX"}):
            with pytest.raises(jwt.PyJWTError) as caught:
                jwt.PyJWK(jwk)
            assert secret not in str(caught.value)


class TestClient:
    """PyJWT's client, with a stand-in for urllib's opener, as its users' tests have it."""

    KEY = jwt.Key.generate("ES256", kid="k1")

    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        waiting: list[Any] = []

        def answer(opener: Any, request: Any, data: Any = None, timeout: float = 0) -> io.BytesIO:
            given = waiting.pop(0)
            if isinstance(given, Exception):
                raise given
            return io.BytesIO(given if isinstance(given, bytes) else json.dumps(given).encode())

        monkeypatch.setattr(urllib.request.OpenerDirector, "open", answer)
        return waiting

    def keys(self, *more: dict[str, Any]) -> dict[str, Any]:
        return {"keys": [self.KEY.to_jwk(), *more]}

    def test_the_cache_and_a_failure(self, answers: list[Any]) -> None:
        client = jwt.PyJWKClient("https://login.invalid/jwks")
        answers[:] = [self.keys(), URLError("down"), TimeoutError("slow")]
        for _ in range(3):
            assert [key.key_id for key in client.get_signing_keys()] == ["k1"]
        for _ in range(2):
            with pytest.raises(jwt.PyJWKClientConnectionError, match="Fail to fetch data from the url"):
                client.get_jwk_set(refresh=True)
        assert client.get_signing_key("k1").key_id == "k1"

    def test_an_unknown_kid_asks_again_unless_that_was_just_done(self, answers: list[Any]) -> None:
        client = jwt.PyJWKClient("https://login.invalid/jwks", cooldown_duration=0)
        fresh = jwt.Key.generate("ES256", kid="k2")
        answers[:] = [self.keys(), self.keys(fresh.to_jwk())]
        assert client.get_signing_key("k1").key_id == "k1"
        token = jwt.encode({}, fresh, headers={"kid": "k2"})
        assert jwt.decode(token, client.get_signing_key_from_jwt(token)) == {}
        slow = jwt.PyJWKClient("https://login.invalid/jwks")
        answers[:] = [self.keys()]
        for _ in range(2):
            with pytest.raises(jwt.PyJWKClientError, match='Unable to find a signing key that matches: "k2"'):
                slow.get_signing_key("k2")

    def test_keys_kept_by_kid(self, answers: list[Any]) -> None:
        client = jwt.PyJWKClient("https://login.invalid/jwks", cache_keys=True, cache_jwk_set=False)
        answers[:] = [self.keys()]
        assert client.get_signing_key("k1") is client.get_signing_key("k1")

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 5000, b'{"keys":' * 5000])
    def test_what_is_no_set(self, answers: list[Any], body: bytes) -> None:
        answers[:] = [body]
        with pytest.raises(jwt.PyJWKClientError, match="did not return a JSON object"):
            jwt.PyJWKClient("https://login.invalid/jwks").fetch_data()

    def test_a_set_with_secrets(self, answers: list[Any]) -> None:
        for secret in ({"kty": "oct", "k": "AAAA", "kid": "s"}, self.KEY.to_jwk(private=True)):
            answers[:] = [self.keys(secret)]
            with pytest.raises(jwt.PyJWKClientError, match="private key or a secret"):
                jwt.PyJWKClient("https://login.invalid/jwks").get_signing_keys()

    def test_a_subclass_that_filters(self, answers: list[Any]) -> None:
        class First(jwt.PyJWKClient):
            def fetch_data(self) -> Any:
                return {"keys": super().fetch_data()["keys"][:1]}

        client = First("https://login.invalid/jwks")
        answers[:] = [self.keys(jwt.Key.generate("ES256", kid="k2").to_jwk())]
        for _ in range(2):
            assert [key.key_id for key in client.get_signing_keys()] == ["k1"]

    def test_plain_http_takes_words(self, answers: list[Any]) -> None:
        answers[:] = [self.keys(), self.keys()]
        with pytest.raises(jwt.PyJWKClientError, match="allow_http=True"):
            jwt.PyJWKClient("http://login.invalid/jwks").get_jwk_set()
        assert jwt.PyJWKClient("http://login.invalid/jwks", allow_http=True).get_jwk_set()
        assert jwt.PyJWKClient("http://127.0.0.1:1/jwks").get_jwk_set()

    def test_the_cache_by_itself(self) -> None:
        cache = JWKSetCache(-1)
        cache.put(self.keys())
        assert cache.get() is not None
        cache.put(None)
        assert cache.get() is None
        with pytest.raises(jwt.PyJWKSetError):
            cache.put([])  # type: ignore[arg-type]


WITHOUT = """
import sys
sys.modules["cryptography"] = None
from coatcheck import jwt
from coatcheck.jwt.algorithms import ECAlgorithm, RSAAlgorithm, has_crypto
key = jwt.Key.generate("RS256")
private, public = key.to_pem(private=True), key.public_key().to_pem()
token = jwt.encode({"a": 1}, private, algorithm="RS256")
assert jwt.decode(token, public, algorithms=["RS256"]) == {"a": 1}
prepared = jwt.get_algorithm_by_name("RS256").prepare_key(public)
assert isinstance(prepared, jwt.Key) and RSAAlgorithm.to_jwk(prepared, as_dict=True)["key_ops"] == ["verify"]
assert isinstance(jwt.PyJWK(key.to_jwk()).key, jwt.Key) and has_crypto
signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(b"m", private)
assert RSAAlgorithm(RSAAlgorithm.SHA256).verify(b"m", public, signature)
assert len(ECAlgorithm(ECAlgorithm.SHA384).compute_hash_digest(b"")) == 48
try:
    jwt.encode({}, "ssh-rsa AAAA", algorithm="RS256")
except jwt.InvalidKeyError as why:
    print(why)
"""


def test_without_the_package_cryptography() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("an SSH key needs the package cryptography; give a PEM instead\n", "")


def test_importing_does_not_import_it() -> None:
    code = "import sys; from coatcheck import jwt; jwt.encode({}, 's' * 32); print('cryptography' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "False\n"


def test_what_to_put_into_a_bug_report() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "coatcheck.jwt.help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(json.loads(ran.stdout)) == {"coatcheck", "cryptography", "implementation", "platform", "pyjwt"}
