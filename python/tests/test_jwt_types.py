"""A program written for PyJWT passes ``mypy --strict`` with coatcheck in its place, and a mistake in it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

api = pytest.importorskip("mypy.api")
pytest.importorskip("cryptography")

PROGRAM = """\
from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from {package} import jwt
from {module} import PyJWKClient, PyJWK, PyJWKSet
from {module}.algorithms import AllowedPublicKeys, ECAlgorithm, RSAAlgorithm, get_default_algorithms
from {module}.api_jwk import PyJWK as Jwk
from {module}.api_jws import PyJWS
from {module}.exceptions import ExpiredSignatureError, InvalidTokenError, MissingRequiredClaimError
from {module}.types import Options
from {module}.utils import base64url_decode
from {module}.warnings import InsecureKeyLengthWarning
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

OPTIONS: Options = {{"require": ["exp"], "verify_aud": False}}


class Encoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        return str(o)


class Checked(jwt.PyJWT):
    def _validate_exp(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        super()._validate_exp(payload, now, leeway + 1)


def sign(key: RSAPrivateKey | str) -> str:
    claims = {{"exp": datetime.now(timezone.utc) + timedelta(minutes=5)}}
    return jwt.encode(claims, key, algorithm="RS256", headers={{"kid": "1"}}, json_encoder=Encoder)


def check(token: str | bytes, key: AllowedPublicKeys | PyJWK | str) -> dict[str, Any]:
    try:
        return jwt.decode(token, key, ["RS256"], options=OPTIONS, audience=("a", "b"), leeway=timedelta(seconds=1))
    except MissingRequiredClaimError as why:
        claim: str = why.claim
        raise ValueError(claim) from why
    except (ExpiredSignatureError, InvalidTokenError):
        return {{}}


def from_url(url: str, token: str) -> dict[str, Any]:
    client = PyJWKClient(url, cache_keys=True, lifespan=60, headers={{"a": "b"}}, timeout=3)
    found: PyJWK = client.get_signing_key_from_jwt(token)
    every: list[PyJWK] = client.get_signing_keys(refresh=True)
    sets: PyJWKSet = client.get_jwk_set()
    kid: str | None = sets["x"].key_id or every[0].key_type
    header: dict[str, Any] = jwt.get_unverified_header(token)
    return check(token, found) if kid else header


def convert(private: RSAPrivateKey) -> str:
    text: str = RSAAlgorithm.to_jwk(private)
    members: dict[str, Any] = RSAAlgorithm.to_jwk(private, as_dict=True)
    key = RSAAlgorithm.from_jwk(members)
    assert isinstance(key, RSAPublicKey | RSAPrivateKey)
    digest: bytes = ECAlgorithm(ECAlgorithm.SHA256).compute_hash_digest(base64url_decode("AA"))
    jws = PyJWS(algorithms=list(get_default_algorithms()), options={{"verify_signature": True}})
    names: list[str] = jws.get_algorithms()
    return text + names[0] + digest.hex() + sign(generate_private_key(65537, 2048)) + str(Jwk.from_json(text).key)


print(Checked(OPTIONS).decode_complete("t", "k", algorithms=["HS256"])["header"], InsecureKeyLengthWarning)
"""


def run(path: Path, text: str) -> tuple[str, int]:
    path.write_text(text)
    cache = path.parent / "cache"
    told, _, status = api.run(["--strict", "--no-error-summary", f"--cache-dir={cache}", str(path)])
    return told, status


@pytest.mark.parametrize(("package", "module"), [("coatcheck", "coatcheck.jwt"), ("", "jwt")])
def test_a_program_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, module: str) -> None:
    monkeypatch.setenv("MYPYPATH", str(ROOT / "python"))
    monkeypatch.chdir(tmp_path)
    program = PROGRAM.format(package=package, module=module)
    if not package:  # that the program is one for PyJWT, too
        pytest.importorskip("jwt")
        program = program.replace("from  import jwt", "import jwt")
    assert run(tmp_path / "program.py", program) == ("", 0)
    told, _ = run(tmp_path / "mistake.py", program + 'jwt.decode("t", "k", algorithm="HS256", leeway="5")\n')
    assert 'incompatible type "str"' in told
