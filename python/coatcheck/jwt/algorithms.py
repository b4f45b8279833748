"""PyJWT's algorithm objects over the core's keys; and the base class for an application's own algorithms.

Tokens of the algorithms named in ``keys.ALGORITHMS`` never pass through here: the core makes and checks them in one
call. Keys go in and come out as objects of ``cryptography`` where that is installed, as in PyJWT; else as ``Key``.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, overload

from coatcheck import _core
from coatcheck.jwt import _crypto
from coatcheck.jwt._algorithm import Algorithm, bits_of, members_of
from coatcheck.jwt._asymmetric import HASHES, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm
from coatcheck.jwt.exceptions import InvalidKeyError
from coatcheck.jwt.keys import CURVES, call, import_key, short_of
from coatcheck.jwt.types import HashlibHash, JWKDict
from coatcheck.jwt.utils import base64url_decode, base64url_encode, force_bytes

if TYPE_CHECKING:
    from coatcheck.jwt._asymmetric import (
        AllowedECKeys as AllowedECKeys,
    )
    from coatcheck.jwt._asymmetric import (
        AllowedKeys as AllowedKeys,
    )
    from coatcheck.jwt._asymmetric import (
        AllowedOKPKeys as AllowedOKPKeys,
    )
    from coatcheck.jwt._asymmetric import (
        AllowedPrivateKeys as AllowedPrivateKeys,
    )
    from coatcheck.jwt._asymmetric import (
        AllowedPublicKeys as AllowedPublicKeys,
    )
    from coatcheck.jwt._asymmetric import (
        AllowedRSAKeys as AllowedRSAKeys,
    )

__all__ = [
    "Algorithm",
    "ECAlgorithm",
    "HMACAlgorithm",
    "NoneAlgorithm",
    "OKPAlgorithm",
    "RSAAlgorithm",
    "RSAPSSAlgorithm",
    "get_default_algorithms",
    "has_crypto",
    "requires_cryptography",
]

has_crypto = True  # RSA and the curves are always there
requires_cryptography: set[str] = set()


class NoneAlgorithm(Algorithm):
    """No signature. Such a token can be made, and is never accepted."""

    def prepare_key(self, key: str | None) -> None:
        if key is not None and key != "":
            raise InvalidKeyError('When alg = "none", key value must be None.', code="ERR_KEY_UNSUITABLE")

    def sign(self, msg: bytes, key: None) -> bytes:
        return b""

    def verify(self, msg: bytes, key: None, sig: bytes) -> bool:
        return False

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> NoReturn:
        raise NotImplementedError

    @staticmethod
    def from_jwk(jwk: str | JWKDict) -> NoReturn:
        raise NotImplementedError


class HMACAlgorithm(Algorithm):
    SHA256: ClassVar[HashlibHash] = hashlib.sha256
    SHA384: ClassVar[HashlibHash] = hashlib.sha384
    SHA512: ClassVar[HashlibHash] = hashlib.sha512

    def __init__(self, hash_alg: HashlibHash) -> None:
        self.hash_alg = hash_alg
        self._alg = f"HS{bits_of(hash_alg)}"

    def prepare_key(self, key: str | bytes) -> bytes:
        secret = force_bytes(key)
        import_key(secret, self._alg)
        return secret

    def sign(self, msg: bytes, key: bytes) -> bytes:
        return call(_core.sign_bytes, import_key(key, self._alg).native, msg)

    def verify(self, msg: bytes, key: bytes, sig: bytes) -> bool:
        return call(_core.verify_bytes, import_key(key, self._alg).native, msg, sig)

    def check_key_length(self, key: bytes) -> str | None:
        return short_of(import_key(key, self._alg))

    @overload
    @staticmethod
    def to_jwk(key_obj: str | bytes, as_dict: Literal[True]) -> JWKDict: ...

    @overload
    @staticmethod
    def to_jwk(key_obj: str | bytes, as_dict: Literal[False] = False) -> str: ...

    @staticmethod
    def to_jwk(key_obj: str | bytes, as_dict: bool = False) -> JWKDict | str:
        jwk = {"k": base64url_encode(force_bytes(key_obj)).decode(), "kty": "oct"}
        return jwk if as_dict else json.dumps(jwk)

    @staticmethod
    def from_jwk(jwk: str | JWKDict) -> bytes:
        members = members_of(jwk)
        if members.get("kty") != "oct":
            raise InvalidKeyError("Not an HMAC key", code="ERR_KEY_UNSUITABLE")
        try:
            secret = base64url_decode(members["k"])
        except (KeyError, TypeError, ValueError):
            raise InvalidKeyError("Invalid key parameter") from None
        if not secret:
            raise InvalidKeyError("HMAC key must not be empty.", code="ERR_KEY_WEAK")
        return secret


def get_default_algorithms() -> dict[str, Algorithm]:
    """New objects of every algorithm, by name."""
    algorithms: dict[str, Algorithm] = {"none": NoneAlgorithm()}
    for bits, lazy in HASHES.items():
        algorithms[f"HS{bits}"] = HMACAlgorithm(getattr(hashlib, f"sha{bits}"))
        algorithms[f"RS{bits}"] = RSAAlgorithm(lazy)
        algorithms[f"PS{bits}"] = RSAPSSAlgorithm(lazy)
        algorithms[f"ES{bits}"] = ECAlgorithm(lazy, CURVES[f"ES{bits}"])
    algorithms["ES256K"] = ECAlgorithm(HASHES[256], CURVES["ES256K"])
    algorithms["EdDSA"] = OKPAlgorithm()
    return algorithms


def __getattr__(name: str) -> Any:
    """``AllowedRSAKeys`` and the like, for annotations that are evaluated."""
    which = name.removeprefix("Allowed").removesuffix("Keys")
    if name != f"Allowed{which}Keys" or which not in ("", "Private", "Public", "RSA", "EC", "OKP"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    union: Any = NoReturn
    for kty in ("RSA", "EC", "OKP"):
        for kind in _crypto.classes(kty):
            if which in ("", kty) or (which in ("Private", "Public") and which in kind.__name__):
                union = kind if union is NoReturn else union | kind
    return union
