"""python/jwt/{sign,verify}@{HS256,RS256,ES256,EdDSA} and python/jwe/{encrypt,decrypt}@dir+A256GCM.

The peer of a row is the fastest of PyJWT, joserfc and python-jose in this run; each of them has a row of its own as
well (`.../pyjwt`, ...). Every library gets its key in the form that it parses once: key objects, not PEM texts.
`limit_ns` is what OpenSSL alone takes (through `cryptography`'s key objects) times 1.15 where that is the aim; else the
peer's share.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# This file is called jwt.py, as PyJWT's package is: its own folder comes last while that one is looked for.
HERE = str(Path(__file__).parent)
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(HERE).resolve()]
import jwt as pyjwt  # noqa: E402

sys.path.append(HERE)

from coatcheck import jwt  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: E402
from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: E402
from jose import jwe as jose_jwe  # noqa: E402
from jose import jwk as jose_jwk  # noqa: E402
from jose import jwt as jose_jwt  # noqa: E402
from joserfc import jwe as joserfc_jwe  # noqa: E402
from joserfc import jwk as joserfc_jwk  # noqa: E402
from joserfc import jwt as joserfc_jwt  # noqa: E402
from side_by_side import SECRET, medians, report, row  # noqa: E402

Run = Callable[[int], Any]
# (factor to the fastest peer for signing, for verifying)
AIMS = {"HS256": (3, 5), "RS256": (1, 1), "ES256": (1, 1), "EdDSA": (1, 1)}


def claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "https://login.example",
        "sub": "u-4711",
        "aud": "cart",
        "iat": now,
        "exp": now + 3600,
        "scope": "a b",
    }


def repeat(function: Callable[..., Any], *args: Any, **options: Any) -> Run:
    def run(calls: int) -> None:
        for _ in range(calls):
            function(*args, **options)

    return run


def bare(alg: str, private: Any, message: bytes) -> tuple[Run, Run] | None:
    """OpenSSL's own signing and verifying, by `cryptography`."""
    if alg == "RS256":
        extra: tuple[Any, ...] = (padding.PKCS1v15(), hashes.SHA256())
    elif alg == "ES256":
        extra = (ec.ECDSA(hashes.SHA256()),)
    elif alg == "EdDSA":
        extra = ()
    else:
        return None
    signature = private.sign(message, *extra)
    return repeat(private.sign, message, *extra), repeat(private.public_key().verify, signature, message, *extra)


def tokens(alg: str) -> list[dict[str, Any]]:
    data = claims()
    if alg == "HS256":
        private: Any = SECRET
        public: Any = SECRET
        theirs: Any = joserfc_jwk.OctKey.import_key(SECRET)
        jose_private: Any = SECRET
        jose_public: Any = SECRET
    else:
        key = jwt.Key.generate(alg)
        pem = key.to_pem(private=True)
        private = load_pem_private_key(pem.encode(), None)
        public = private.public_key()
        theirs = joserfc_jwk.import_key(pem, "RSA" if alg == "RS256" else "EC" if alg == "ES256" else "OKP")
        if alg != "EdDSA":
            jose_private = jose_jwk.construct(pem, alg)
            jose_public = jose_jwk.construct(key.public_key().to_pem(), alg)
    token = jwt.encode(data, private, algorithm=alg)
    registry = joserfc_jwt.JWTClaimsRegistry(aud={"essential": True, "value": "cart"})
    algorithms = [alg]

    def joserfc_verify(calls: int) -> None:
        for _ in range(calls):
            registry.validate(joserfc_jwt.decode(token, theirs, algorithms=algorithms).claims)

    sign: dict[str, Run] = {
        "ours": repeat(jwt.encode, data, private, algorithm=alg),
        "pyjwt": repeat(pyjwt.encode, data, private, algorithm=alg),
        "joserfc": repeat(joserfc_jwt.encode, {"alg": alg, "typ": "JWT"}, data, theirs, algorithms=algorithms),
    }
    verify: dict[str, Run] = {
        "ours": repeat(jwt.decode, token, public, algorithms=algorithms, audience="cart"),
        "pyjwt": repeat(pyjwt.decode, token, public, algorithms=algorithms, audience="cart"),
        "joserfc": joserfc_verify,
    }
    if alg != "EdDSA":  # python-jose has none
        sign["python-jose"] = repeat(jose_jwt.encode, data, jose_private, algorithm=alg)
        verify["python-jose"] = repeat(jose_jwt.decode, token, jose_public, algorithms=algorithms, audience="cart")
    openssl = bare(alg, private, token.rsplit(".", 1)[0].encode())
    if openssl is not None:
        sign["openssl"], verify["openssl"] = openssl
    factors = AIMS[alg]
    return [
        *rows(f"python/jwt/sign@{alg}", medians(sign), factors[0]),
        *rows(f"python/jwt/verify@{alg}", medians(verify), factors[1]),
    ]


def rows(case: str, found: dict[str, float], factor: float) -> list[dict[str, Any]]:
    """The row against the fastest peer, and one for each of the others."""
    ours, bare_ns = found.pop("ours"), found.pop("openssl", None)
    fastest = min(found, key=lambda name: found[name])
    out = [row(case, ours, fastest, found[fastest], factor)]
    if bare_ns is not None:
        out[0]["limit_ns"] = round(bare_ns * 1.15)
        out[0]["openssl_ns"] = round(bare_ns)
    for name in found:
        out.append(row(f"{case}/{name}", ours, name, found[name], 8 if factor == 5 and name == "pyjwt" else 1))
    return out


def encryption() -> list[dict[str, Any]]:
    plain = b'{"sub":"u-4711","roles":["admin","editor"],"exp":1800000000}'
    key = jwt.Key.generate("dir", enc="A256GCM")
    members = {name: value for name, value in key.to_jwk(private=True).items() if name != "alg"}
    theirs = joserfc_jwk.import_key(members)
    raw = theirs.raw_value
    header = {"alg": "dir", "enc": "A256GCM"}
    token = jwt.encrypt(plain, key)
    algorithms = ["dir", "A256GCM"]
    encrypt = {
        "ours": repeat(jwt.encrypt, plain, key),
        "joserfc": repeat(joserfc_jwe.encrypt_compact, header, plain, theirs, algorithms=algorithms),
        "python-jose": repeat(jose_jwe.encrypt, plain, raw, algorithm="dir", encryption="A256GCM"),
    }
    decrypt = {
        "ours": repeat(jwt.decrypt, token, key),
        "joserfc": repeat(joserfc_jwe.decrypt_compact, token, theirs, algorithms=algorithms),
        "python-jose": repeat(jose_jwe.decrypt, token, raw),
    }
    assert joserfc_jwe.decrypt_compact(token, theirs, algorithms=algorithms).plaintext == plain
    return [
        *rows("python/jwe/encrypt@dir+A256GCM", medians(encrypt), 3),
        *rows("python/jwe/decrypt@dir+A256GCM", medians(decrypt), 3),
    ]


def main() -> None:
    warnings.simplefilter("ignore")  # joserfc's about EdDSA
    found: list[dict[str, Any]] = []
    for alg in AIMS:
        found += tokens(alg)
    report([*found, *encryption()])


if __name__ == "__main__":
    main()
