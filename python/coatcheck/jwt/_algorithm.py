"""What an algorithm of PyJWT's is: the base class, for the core's algorithms and an application's own."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, overload

from coatcheck.jwt import _crypto
from coatcheck.jwt.exceptions import InvalidKeyError
from coatcheck.jwt.types import JWKDict

__all__ = ["Algorithm", "bits_of", "members_of"]


def members_of(jwk: str | Mapping[str, Any]) -> dict[str, Any]:
    try:
        members = json.loads(jwk) if isinstance(jwk, str) else jwk
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, Mapping):
        raise InvalidKeyError("Key is not valid JSON")
    return dict(members)


def bits_of(hash_alg: Any) -> int:
    name: str = hash_alg().name
    bits = {"sha256": 256, "sha384": 384, "sha512": 512}.get(name)
    if bits is None:
        raise ValueError(f"the hash must be SHA-256, SHA-384 or SHA-512, not {name}")
    return bits


class Algorithm(ABC):
    """What signs and verifies. Give an object of a subclass to ``register_algorithm``."""

    _kty: ClassVar[str | None] = None

    def compute_hash_digest(self, bytestr: bytes) -> bytes:
        hash_alg = getattr(self, "hash_alg", None)
        if hash_alg is None:
            raise NotImplementedError
        if isinstance(hash_alg, type):  # of cryptography: it names the hash, and is not one
            return hashlib.new(hash_alg().name, bytestr).digest()
        return bytes(hash_alg(bytestr).digest())

    def check_crypto_key_type(self, key: Any) -> None:
        """Raises InvalidKeyError for a key object of another key type."""
        if self._kty is None:
            raise ValueError(
                "This method requires the cryptography library, and should only be used by cryptography-based "
                "algorithms."
            )
        kinds = _crypto.classes(self._kty)
        if not isinstance(key, kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise InvalidKeyError(
                f"Expected one of {names}, got: {type(key).__name__}. Invalid Key type for {type(self).__name__}",
                code="ERR_KEY_UNSUITABLE",
            )

    @abstractmethod
    def prepare_key(self, key: Any) -> Any:
        """The key in the form that ``sign`` and ``verify`` take."""

    @abstractmethod
    def sign(self, msg: bytes, key: Any) -> bytes:
        """The signature."""

    @abstractmethod
    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        """Whether the signature holds."""

    @overload
    @staticmethod
    @abstractmethod
    def to_jwk(key_obj: Any, as_dict: Literal[True]) -> JWKDict: ...

    @overload
    @staticmethod
    @abstractmethod
    def to_jwk(key_obj: Any, as_dict: Literal[False] = False) -> str: ...

    @staticmethod
    @abstractmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> JWKDict | str:
        """The key as a JWK."""

    @staticmethod
    @abstractmethod
    def from_jwk(jwk: str | JWKDict) -> Any:
        """The key of a JWK."""

    def check_key_length(self, key: Any) -> str | None:
        """What is wrong with the key's size; None: nothing."""
        return None
