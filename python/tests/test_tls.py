"""rediss: from Flask, Starlette and plain WSGI: Redis behind TLS, with a certificate of the test's own."""

from __future__ import annotations

import pathlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from typing import NamedTuple

import coatcheck
import pytest
from processes import free_port
from stacks import STACKS, make_site


class Papers(NamedTuple):
    cert: pathlib.Path
    key: pathlib.Path


def certificate(folder: pathlib.Path, name: str) -> Papers:
    made = Papers(folder / f"{name}.pem", folder / f"{name}.key")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "1"]
    words += ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    words += ["-out", str(made.cert), "-keyout", str(made.key)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return made


class Server(NamedTuple):
    port: int
    ca: pathlib.Path
    folder: pathlib.Path

    def url(self, ca: pathlib.Path | None = None, host: str = "localhost") -> str:
        return f"rediss://{host}:{self.port}?timeout=30000&ca={ca or self.ca}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    own = certificate(folder, "server")
    port = free_port()
    words = ["redis-server", "--port", "0", "--tls-port", str(port), "--tls-cert-file", str(own.cert)]
    words += ["--tls-key-file", str(own.key), "--tls-ca-cert-file", str(own.cert), "--tls-auth-clients", "no"]
    process = subprocess.Popen([*words, "--save", "", "--dir", str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert any(b"Ready to accept connections" in line for line in process.stdout), "redis-server did not start"
    yield Server(port, own.cert, folder)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("stack", STACKS)
def test_sessions_live_behind_tls(stack: str, server: Server) -> None:
    big = "x" * 600_000
    for host in ("localhost", "127.0.0.1"):
        site = make_site(stack, server.url(host=host))
        cookie = site.login(user=1)
        assert site.get("read", cookie).json == {"user": 1}
        assert site.get(lambda session: session.update(big=big), cookie).status == 200
        assert site.get(lambda session: len(session["big"]), cookie).json == len(big)


@pytest.mark.parametrize("stack", STACKS)
def test_server_that_is_not_trusted_is_a_503(stack: str, server: Server) -> None:
    other = certificate(server.folder, "other")
    site = make_site(stack, server.url(ca=other.cert))
    started = time.monotonic()
    assert site.get(lambda session: session.update(user=1)).status == 503
    assert time.monotonic() - started < 20, "the answer lasts: no need to wait for the deadline"


def test_error_says_why(server: Server) -> None:
    other = certificate(server.folder, "other")
    with pytest.raises(coatcheck.StoreError, match="the server's certificate is self-signed"):
        coatcheck.Store(server.url(ca=other.cert)).clear()


def test_file_that_does_not_fit_is_told_when_the_store_is_opened(server: Server) -> None:
    one, two = certificate(server.folder, "one"), certificate(server.folder, "two")
    for parameters, words in {
        "ca=/nowhere.pem": "ca: No such file",
        f"cert={one.cert}&key={two.key}": "it is not the key of the certificate in cert",
        "tls_insecure=yes": "tls_insecure=1 is all there is",
    }.items():
        with pytest.raises(coatcheck.ConfigError, match=words):
            coatcheck.Store(f"rediss://localhost?{parameters}").clear()


def test_pythons_own_tls_and_ours_live_in_one_process(server: Server) -> None:
    store = coatcheck.Store(server.url())
    context = ssl.create_default_context(cafile=str(server.ca))
    for _ in range(3):
        store.clear()
        with (
            socket.create_connection(("localhost", server.port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as wrapped,
        ):
            wrapped.sendall(b"PING\r\n")
            assert wrapped.recv(64) == b"+PONG\r\n"


@pytest.mark.parametrize("stack", STACKS)
def test_tls_beside_the_url_as_text_or_as_a_file(stack: str, server: Server) -> None:
    url = f"rediss://127.0.0.1:{server.port}?timeout=5000"
    for ca in (str(server.ca), server.ca.read_text(), server.ca.read_bytes()):
        place: coatcheck.StorePlace = {"url": url, "tls": {"ca": ca, "server_name": "localhost"}}
        site = make_site(stack, place)
        assert site.get("read", site.login(user=1)).json == {"user": 1}


def test_what_is_wrong_beside_the_url_is_told_and_never_quoted(server: Server) -> None:
    one, two = certificate(server.folder, "three"), certificate(server.folder, "four")
    key = two.key.read_text()
    wrong: list[tuple[dict[str, object], str]] = [
        ({"ca": key}, "ca: a certificate in the text cannot be read"),
        ({"cert": one.cert.read_bytes(), "key": key}, "key: it is not the key of the certificate in cert"),
        ({"certificate": "x"}, "unknown tls option 'certificate'; there are: ca, ca_dir, cert"),
        ({"rejectUnauthorized": False}, "unknown tls option 'rejectUnauthorized'"),
        ({"server_name": 7}, "tls: server_name must be a str"),
        ({"insecure": "no"}, "tls: insecure must be a bool"),
    ]
    for tls, words in wrong:
        with pytest.raises(coatcheck.ConfigError, match=words) as caught:
            coatcheck.Store({"url": "rediss://localhost", "tls": tls}).clear()  # type: ignore[typeddict-item]
        assert key.split("\n")[1] not in str(caught.value)
    with pytest.raises(coatcheck.ConfigError, match="tls must be a mapping"):
        coatcheck.Store({"url": "rediss://localhost", "tls": "x"})  # type: ignore[typeddict-item]
    with pytest.raises(coatcheck.ConfigError, match="store must be a URL, or a mapping"):
        coatcheck.create_schema(5)  # type: ignore[arg-type]
    with pytest.raises(coatcheck.ConfigError, match="unknown parameter 'ca'"):
        coatcheck.Store({"url": "redis://localhost", "tls": {"ca": str(one.cert)}}).clear()
    with pytest.raises(coatcheck.ConfigError, match="tls is not for cached:"):
        coatcheck.Store({"url": "cached:memory:|rediss://h", "tls": {"ca": "x"}}).clear()
