"""Keys, signers, verifiers, encryption, and key sets at a URL, served by a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import coatcheck
import httpx
import pytest
from coatcheck import jwt

SECRET = "a secret for the tests, 32 bytes or more"


class TestKeys:
    def test_jwk_and_thumbprint(self) -> None:
        # RFC 7638, 3.1
        n = (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
            "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
            "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
            "kEgU8awapJzKnqDKgw"
        )
        key = jwt.Key.from_jwk({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
        assert key.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        assert (key.alg, key.kid, key.type, key.bits, key.is_private) == ("RS256", "2011-04-29", "RSA", 2048, False)

    @pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "HS256"])
    def test_export_and_import(self, alg: str) -> None:
        key = jwt.Key.generate(alg, kid="k")
        again = jwt.Key.from_jwk(key.to_jwk(private=True))
        assert again == key
        assert again.kid == "k"
        if alg != "HS256":
            assert "d" not in key.to_jwk()
            assert jwt.Key.from_pem(key.to_pem(private=True), alg) == key

    def test_a_key_is_for_one_algorithm(self) -> None:
        key = jwt.Key.generate("ES256")
        token = jwt.encode({}, key)
        assert jwt.decode(token, key) == {}
        with pytest.raises(jwt.InvalidKeyError):
            jwt.encode({}, key, algorithm="ES384")
        with pytest.raises(jwt.InvalidKeyError):
            jwt.Key.from_secret("short")

    def test_no_key_is_printed(self) -> None:
        assert SECRET not in repr(jwt.Key.from_secret(SECRET))


class TestSignerAndVerifier:
    def test_policy(self) -> None:
        key = jwt.Key.generate("ES256", kid="k1")
        signer = jwt.Signer(key, issuer="me", audience="you", expires_in=60)
        verifier = jwt.Verifier(key.public_key(), audience="you", issuer="me", types="JWT", require=["exp", "iat"])
        token = signer.sign({"sub": "u"})
        claims, header = verifier.verify_complete(token)
        assert (claims["sub"], claims["exp"] - claims["iat"], header["kid"]) == ("u", 60, "k1")
        with pytest.raises(jwt.ExpiredSignatureError):
            verifier.verify(token, int((time.time() + 61) * 1000))
        with pytest.raises(jwt.InvalidAudienceError):
            jwt.Verifier(key, issuer="me").verify(token)

    def test_cache(self) -> None:
        key = jwt.Key.generate("ES256")
        token = jwt.Signer(key).sign({"sub": "u", "list": []})
        verifier = jwt.Verifier(key, cache=100)
        verifier.verify(token)["list"].append("mine")
        assert verifier.verify(token)["list"] == []
        assert verifier.cache_stats == {"hits": 1, "misses": 1, "entries": 1}
        verifier.replace_keys(jwt.Key.generate("ES256"))
        with pytest.raises(jwt.InvalidSignatureError):
            verifier.verify(token)

    def test_off_the_loop(self) -> None:
        key = jwt.Key.generate("RS256")

        async def both() -> tuple[str, str]:
            return await jwt.Signer(key).sign_async({"sub": "u"}), await jwt.sign_async({"sub": "u"}, key)

        for token in asyncio.run(both()):
            assert jwt.Verifier(key).verify(token)["sub"] == "u"

    def test_the_gil_is_given_up_while_rsa_signs(self) -> None:
        key = jwt.Key.generate("RS256", bits=8192)
        signer = jwt.Signer(key)
        done = threading.Event()

        def sign() -> None:
            signer.sign({})
            done.set()

        thread = threading.Thread(target=sign)
        thread.start()
        turns = 0
        while not done.is_set():
            turns += 1
        thread.join()
        assert turns > 100  # this thread went on meanwhile; an 8,192-bit signature takes tens of milliseconds


class TestEncryption:
    @pytest.mark.parametrize("alg", ["dir", "A256KW", "A256GCMKW", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"])
    def test_round_trip(self, alg: str) -> None:
        key = jwt.Key.generate(alg)
        to = key if key.type == "oct" else key.public_key()
        token = jwt.encrypt("text", to)
        assert jwt.decrypt(token, key) == b"text"
        with pytest.raises(jwt.DecodeError) as caught:
            jwt.decrypt(token[:-4] + "AAAA", key)
        assert caught.value.code in ("ERR_TOKEN_DECRYPTION", "ERR_TOKEN_MALFORMED")

    def test_another_key_does_not_open_it(self) -> None:
        token = jwt.encrypt(b"x", jwt.Key.generate("dir"))
        with pytest.raises(jwt.DecodeError) as caught:
            jwt.decrypt(token, jwt.Key.generate("dir"))
        assert caught.value.code == "ERR_TOKEN_DECRYPTION"


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519", "ES256", "HS256"])
def test_an_rsa_key_is_for_rsa_alone(alg: str) -> None:
    """EdDSA names no curve: no kind of key may slip through there."""
    key = jwt.Key.generate("RS256")
    for text in (key.to_pem(), key.to_pem(private=True)):
        with pytest.raises(jwt.InvalidKeyError):
            jwt.Key.from_pem(text, alg)
    if alg != "HS256":
        with pytest.raises(jwt.InvalidKeyError):
            jwt.Key.from_secret(b"s" * 32, alg)


class KeyServer:
    """Serves a set; counts requests; can fail, redirect, and answer 304."""

    def __init__(self) -> None:
        outer = self
        self.keys: list[dict[str, Any]] = []
        self.requests: list[dict[str, str]] = []
        self.status = 200
        self.cache_control = "max-age=3600"
        self.etag = '"one"'

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(dict(self.headers.items()))
                body = json.dumps({"keys": outer.keys}).encode()
                same = outer.status == 200 and self.headers.get("If-None-Match") == outer.etag
                self.send_response(304 if same else outer.status)
                if outer.status == 302:
                    self.send_header("Location", outer.url + "elsewhere")
                self.send_header("ETag", outer.etag)
                self.send_header("Cache-Control", outer.cache_control)
                self.send_header("Content-Length", "0" if same else str(len(body)))
                self.end_headers()
                if not same:
                    self.wfile.write(body)

            def log_message(self, *given: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[KeyServer]:
    made = KeyServer()
    yield made
    made.close()


class TestKeysAtAUrl:
    def test_signing_key(self, server: KeyServer) -> None:
        key = jwt.Key.generate("RS256", kid="k1")
        server.keys = [key.to_jwk()]
        client = jwt.PyJWKClient(server.url)
        token = jwt.encode({"sub": "u"}, key, headers={"kid": "k1"})
        for _ in range(5):
            signing = client.get_signing_key_from_jwt(token)
            assert jwt.decode(token, signing, algorithms=["RS256"]) == {"sub": "u"}
        assert len(server.requests) == 1
        assert "Cookie" not in server.requests[0]

    def test_a_flood_of_unknown_kids_costs_no_requests(self, server: KeyServer) -> None:
        server.keys = [jwt.Key.generate("ES256", kid="k1").to_jwk()]
        client = jwt.PyJWKClient(server.url)
        client.get_signing_key("k1")
        for n in range(200):
            with pytest.raises(jwt.PyJWKClientError, match="Unable to find a signing key"):
                client.get_signing_key(f"random-{n}")
        assert len(server.requests) <= 2
        assert client.get_signing_key("k1").key_id == "k1"

    def test_a_failure_never_empties_the_set(self, server: KeyServer) -> None:
        server.keys = [jwt.Key.generate("ES256", kid="k1").to_jwk()]
        client = jwt.PyJWKClient(server.url, cooldown_duration=1)
        client.get_signing_key("k1")
        server.status = 500
        deadline = time.monotonic() + 10
        while len(server.requests) == 1:  # until the cooldown is over
            assert time.monotonic() < deadline
            with pytest.raises(jwt.PyJWKClientError):
                client.get_signing_key("unknown")
        assert client.get_signing_key("k1").key_id == "k1"

    def test_the_applications_own_client_fetches(self, server: KeyServer) -> None:
        key = jwt.Key.generate("ES256", kid="k1")
        server.keys = [key.to_jwk()]
        token = jwt.Signer(key).sign({"sub": "u"})
        with httpx.Client(headers={"X-Asked-By": "cart"}) as client:
            remote = jwt.RemoteKeys(server.url, allow_http=True, client=client)
            assert jwt.Verifier(remote).verify(token)["sub"] == "u"
            assert server.requests[0]["X-Asked-By"] == "cart"
            server.status = 302
            with pytest.raises(jwt.PyJWKClientConnectionError):
                jwt.RemoteKeys(server.url, allow_http=True, client=client).keys()
            assert len(server.requests) == 2
            server.status = 200
            with pytest.raises(jwt.PyJWKClientConnectionError, match="bytes"):
                jwt.RemoteKeys(server.url, allow_http=True, client=client, max_bytes=64).keys()
        with pytest.raises(jwt.PyJWKClientConnectionError, match="closed"):  # the client's own complaint
            jwt.RemoteKeys(server.url, allow_http=True, client=client).keys()

    @pytest.mark.parametrize("with_httpx", [False, True])
    def test_a_rotated_key_is_found(self, server: KeyServer, with_httpx: bool) -> None:
        server.keys = [jwt.Key.generate("ES256", kid="k1").to_jwk()]
        client = httpx.Client() if with_httpx else None
        remote = jwt.RemoteKeys(server.url, allow_http=True, cooldown=1, client=client)
        verifier = jwt.Verifier(remote)
        fresh = jwt.Key.generate("ES256", kid="k2")
        token = jwt.Signer(fresh).sign({"sub": "u"})
        with pytest.raises(jwt.InvalidTokenError):
            verifier.verify(token)
        server.keys.append(fresh.to_jwk())
        server.etag = '"two"'
        deadline = time.monotonic() + 10
        while True:  # until the cooldown is over
            try:
                assert verifier.verify(token)["sub"] == "u"
                break
            except jwt.InvalidTokenError:
                assert time.monotonic() < deadline

    def test_one_bad_member_does_not_take_the_others_along(
        self, server: KeyServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = jwt.Key.generate("ES256", kid="good")
        token = jwt.Signer(key).sign({"sub": "u"})
        secret = {"kty": "oct", "alg": "HS256", "kid": "bad", "k": "A" * 64}
        private = jwt.Key.generate("ES256", kid="bad").to_jwk(private=True)
        for member in (None, "x", {}, {**key.to_jwk(), "kid": 7}, {**key.to_jwk(), "x": "AA=="}, secret, private):
            caplog.clear()
            told: list[tuple[str, coatcheck.Error]] = []
            server.keys = [member, key.to_jwk()]  # type: ignore[list-item]
            remote = jwt.RemoteKeys(server.url, allow_http=True, on_event=lambda *event: told.append(event))  # noqa: B023
            for _ in range(2):
                assert jwt.Verifier(remote).verify(token)["sub"] == "u"
            assert [(event, error.code) for event, error in told] == [("skipped", "ERR_KEY_SET_INVALID")]
            assert "keys[0]" in str(told[0][1])
            assert [one.getMessage() for one in caplog.records] == [f"skipped: {told[0][1]}"]
            assert "A" * 64 not in caplog.text

    def test_a_set_without_alg_takes_it_from_the_verifier(self, server: KeyServer) -> None:
        key = jwt.Key.generate("RS256", kid="good")
        token = jwt.Signer(key).sign({"sub": "u"})
        server.keys = [{name: value for name, value in key.to_jwk().items() if name != "alg"}]
        remote = jwt.RemoteKeys(server.url, allow_http=True)
        assert jwt.Verifier(remote, algorithms=["RS256"]).verify(token)["sub"] == "u"
        with pytest.raises(jwt.InvalidTokenError):
            jwt.Verifier(remote, algorithms=["RS512"]).verify(token)
        for algorithms, message in ((None, "the keys name no alg"), (["ES256"], "no key is for ES256")):
            verifier = jwt.Verifier(remote, algorithms=algorithms)
            for _ in range(2):
                with pytest.raises(jwt.PyJWTError, match=message):
                    verifier.verify(token)
        assert len(server.requests) == 1

    def test_https_alone(self) -> None:
        client = jwt.PyJWKClient("http://issuer.invalid/jwks")
        with pytest.raises(jwt.PyJWKClientError, match="https://"):
            client.get_signing_keys()
        for uri in ("file:///etc/passwd", "ftp://issuer.invalid/jwks", "data:application/json,{}", "/jwks"):
            with pytest.raises(jwt.PyJWKClientError, match="Invalid JWKS URI scheme"):
                jwt.PyJWKClient(uri)

    def test_no_redirect_is_followed(self, server: KeyServer) -> None:
        server.status = 302
        with pytest.raises(jwt.PyJWKClientConnectionError):
            jwt.PyJWKClient(server.url).get_signing_keys()
        assert len(server.requests) == 1

    def test_private_keys_in_a_set_are_refused(self, server: KeyServer) -> None:
        server.keys = [jwt.Key.generate("ES256", kid="k1").to_jwk(private=True)]
        with pytest.raises(jwt.PyJWKClientError):
            jwt.PyJWKClient(server.url).get_signing_key("k1")

    def test_threads_share_one_request(self, server: KeyServer) -> None:
        server.keys = [jwt.Key.generate("ES256", kid="k1").to_jwk()]
        client = jwt.PyJWKClient(server.url)
        found: list[Any] = []
        threads = [threading.Thread(target=lambda: found.append(client.get_signing_key("k1"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "shape",
    [
        lambda pem: " \n\t" + pem,
        lambda pem: "\ufeff" + pem,
        lambda pem: "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n" + pem,
        lambda pem: "".join("    " + line for line in pem.splitlines(keepends=True)),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", " "),
        lambda pem: pem.replace("\n", ""),
    ],
)
def test_pem_is_taken_as_people_have_it(shape: Callable[[str], str]) -> None:
    key = jwt.Key.generate("ES256")
    again = jwt.Key.from_pem(shape(key.to_pem(private=True)), "ES256")
    assert again.public_key().to_pem() == key.public_key().to_pem()


def test_pem_with_quoted_line_ends_is_refused_by_name() -> None:
    pem = jwt.Key.generate("ES256").to_pem(private=True)
    with pytest.raises(coatcheck.Error, match=r"two characters \\n") as caught:
        jwt.Key.from_pem(pem.replace("\n", "\\n"), "ES256")
    assert caught.value.code == "ERR_KEY_INVALID"
