"""``PyJWK`` and ``PyJWKSet``: keys in JSON, by PyJWT's names."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from coatcheck.jwt._asymmetric import EC_CURVES
from coatcheck.jwt.algorithms import Algorithm, get_default_algorithms
from coatcheck.jwt.exceptions import InvalidKeyError, PyJWKError, PyJWKSetError, PyJWTError
from coatcheck.jwt.keys import ALGORITHMS, Key
from coatcheck.jwt.types import JWKDict

__all__ = ["PyJWK", "PyJWKSet", "PyJWTSetWithTimestamp"]


def _algorithm_of(jwk: Mapping[str, Any]) -> str:
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if kty == "RSA":
        return "RS256"
    if kty == "oct":
        return "HS256"
    if kty == "EC":
        found = EC_CURVES.get(str(crv or "P-256"))
    elif kty == "OKP":
        if not crv:
            raise InvalidKeyError("crv is not found")
        found = "EdDSA" if crv in ("Ed25519", "Ed448") else None
    else:
        raise InvalidKeyError(f"Unsupported kty: {kty}", code="ERR_KEY_UNSUITABLE")
    if found is None:
        raise InvalidKeyError(f"Unsupported crv: {crv}", code="ERR_KEY_UNSUITABLE")
    return found


class PyJWK:
    """One JSON Web Key, and the algorithm that it is for."""

    def __init__(self, jwk_data: JWKDict, algorithm: str | None = None) -> None:
        if not isinstance(jwk_data, dict):
            raise InvalidKeyError("a JWK is a dict")
        self._jwk_data = jwk_data
        if not jwk_data.get("kty"):
            raise InvalidKeyError("kty is not found")
        self.algorithm_name: str = algorithm or jwk_data.get("alg") or _algorithm_of(jwk_data)
        if self.algorithm_name not in ALGORITHMS:
            raise PyJWKError(f"Unable to find an algorithm for key: {self.algorithm_name}", code="ERR_KEY_UNSUITABLE")
        name = "EdDSA" if self.algorithm_name in ("Ed25519", "Ed448") else self.algorithm_name
        self.Algorithm: Algorithm = get_default_algorithms()[name]
        # A token is verified with the key that the caller chose, whatever `kid` it names; `alg` was read above.
        members = {member: value for member, value in jwk_data.items() if member not in ("alg", "kid")}
        self.typed_key = Key.from_jwk(members, self.algorithm_name, allow_short=True)
        self._object: Any = None

    @property
    def key(self) -> Any:
        """The key as ``Algorithm`` takes it: bytes, or an object of ``cryptography`` where that is installed."""
        if self._object is None:
            self._object = self.Algorithm.from_jwk(self._jwk_data)
        return self._object

    @staticmethod
    def from_dict(obj: JWKDict, algorithm: str | None = None) -> PyJWK:
        return PyJWK(obj, algorithm)

    @staticmethod
    def from_json(data: str, algorithm: str | None = None) -> PyJWK:
        return PyJWK(json.loads(data), algorithm)

    @property
    def key_type(self) -> str | None:
        return self._jwk_data.get("kty")

    @property
    def key_id(self) -> str | None:
        return self._jwk_data.get("kid")

    @property
    def public_key_use(self) -> str | None:
        return self._jwk_data.get("use")


class PyJWKSet:
    """The usable keys of a JWK Set."""

    def __init__(self, keys: list[JWKDict]) -> None:
        if not keys:
            raise PyJWKSetError("The JWK Set did not contain any keys")
        if not isinstance(keys, list):
            raise PyJWKSetError("Invalid JWK Set value")
        self.keys: list[PyJWK] = []
        for key in keys:
            try:
                self.keys.append(PyJWK(key))
            except PyJWTError:
                continue  # no key, of a kind that is not known here, or too weak (RFC 7517, 5)
        if not self.keys:
            raise PyJWKSetError("The JWK Set did not contain any usable keys")

    @staticmethod
    def from_dict(obj: dict[str, Any]) -> PyJWKSet:
        return PyJWKSet(obj.get("keys", []))

    @staticmethod
    def from_json(data: str) -> PyJWKSet:
        return PyJWKSet.from_dict(json.loads(data))

    def __getitem__(self, kid: str) -> PyJWK:
        for key in self.keys:
            if key.key_id == kid:
                return key
        raise KeyError(f"keyset has no key for kid: {kid}")

    def __iter__(self) -> Iterator[PyJWK]:
        return iter(self.keys)


class PyJWTSetWithTimestamp:
    """A set, and when it came."""

    def __init__(self, jwk_set: PyJWKSet) -> None:
        self.jwk_set = jwk_set
        self.timestamp = time.monotonic()

    def get_jwk_set(self) -> PyJWKSet:
        return self.jwk_set

    def get_timestamp(self) -> float:
        return self.timestamp
