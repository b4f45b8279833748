"""PyJWT's algorithm objects over the core's keys; and the base class for an application's own algorithms.

Tokens of the algorithms named in ``keys.ALGORITHMS`` never pass through here: the core makes and checks them in one
call. ``prepare_key`` gives a ``Key`` where PyJWT gives an object of ``cryptography``.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn

from coatcheck import _core
from coatcheck.jwt.exceptions import InvalidKeyError
from coatcheck.jwt.keys import Key, call, import_key, short_of
from coatcheck.jwt.utils import base64url_decode, base64url_encode, force_bytes

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

Hash = Callable[..., Any]


def _members(jwk: str | Mapping[str, Any]) -> dict[str, Any]:
    try:
        members = json.loads(jwk) if isinstance(jwk, str) else jwk
    except ValueError:
        members = None
    if not isinstance(members, Mapping):
        raise InvalidKeyError("Key is not valid JSON")
    return dict(members)


class Algorithm(ABC):
    """What signs and verifies. Give an object of a subclass to ``register_algorithm``."""

    hash_alg: Hash | None = None

    def compute_hash_digest(self, bytestr: bytes) -> bytes:
        if self.hash_alg is None:
            raise NotImplementedError
        return bytes(self.hash_alg(bytestr).digest())

    @abstractmethod
    def prepare_key(self, key: Any) -> Any:
        """The key in the form that ``sign`` and ``verify`` take."""

    @abstractmethod
    def sign(self, msg: bytes, key: Any) -> bytes:
        """The signature."""

    @abstractmethod
    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        """Whether the signature holds."""

    @staticmethod
    @abstractmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> Any:
        """The key as a JWK."""

    @staticmethod
    @abstractmethod
    def from_jwk(jwk: str | dict[str, Any]) -> Any:
        """The key of a JWK."""

    def check_key_length(self, key: Any) -> str | None:
        """What is wrong with the key's size; None: nothing."""
        return None


class NoneAlgorithm(Algorithm):
    """No signature. Such a token can be made, and is never accepted."""

    def prepare_key(self, key: Any) -> None:
        if key is not None and key != "":
            raise InvalidKeyError('When alg = "none", key value must be None.')

    def sign(self, msg: bytes, key: None) -> bytes:
        return b""

    def verify(self, msg: bytes, key: None, sig: bytes) -> bool:
        return False

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> NoReturn:
        raise NotImplementedError

    @staticmethod
    def from_jwk(jwk: str | dict[str, Any]) -> NoReturn:
        raise NotImplementedError


class HMACAlgorithm(Algorithm):
    SHA256: ClassVar[Hash] = hashlib.sha256
    SHA384: ClassVar[Hash] = hashlib.sha384
    SHA512: ClassVar[Hash] = hashlib.sha512

    def __init__(self, hash_alg: Hash) -> None:
        self.hash_alg = hash_alg
        self._alg = f"HS{hash_alg().digest_size * 8}"

    def prepare_key(self, key: str | bytes) -> bytes:
        import_key(force_bytes(key), self._alg)
        return force_bytes(key)

    def sign(self, msg: bytes, key: bytes) -> bytes:
        return call(_core.sign_bytes, import_key(key, self._alg).native, msg)

    def verify(self, msg: bytes, key: bytes, sig: bytes) -> bool:
        return call(_core.verify_bytes, import_key(key, self._alg).native, msg, sig)

    def check_key_length(self, key: bytes) -> str | None:
        return short_of(import_key(key, self._alg))

    @staticmethod
    def to_jwk(key_obj: str | bytes, as_dict: bool = False) -> Any:
        jwk = {"k": base64url_encode(force_bytes(key_obj)).decode(), "kty": "oct"}
        return jwk if as_dict else json.dumps(jwk)

    @staticmethod
    def from_jwk(jwk: str | dict[str, Any]) -> bytes:
        members = _members(jwk)
        if members.get("kty") != "oct":
            raise InvalidKeyError("Not an HMAC key")
        try:
            return base64url_decode(members["k"])
        except (KeyError, TypeError, ValueError):
            raise InvalidKeyError("Invalid key parameter") from None


class _KeyAlgorithm(Algorithm):
    """What the asymmetric ones have in common."""

    _alg: str
    _kty: ClassVar[str]
    _not_this: ClassVar[str]

    def _for(self, key: Any) -> str:
        return self._alg

    def prepare_key(self, key: Any) -> Key:
        if isinstance(key, Key):
            if key.type != self._kty:
                raise InvalidKeyError(self._not_this, "ERR_KEY_UNSUITABLE")
            return key
        return import_key(key, self._for(key))

    def _typed(self, key: Any) -> Key:
        prepared = self.prepare_key(key)
        alg = self._for(prepared)
        if prepared.alg == alg:
            return prepared
        return Key.from_jwk({**prepared.to_jwk(private=prepared.is_private), "alg": alg}, alg)

    def sign(self, msg: bytes, key: Any) -> bytes:
        return call(_core.sign_bytes, self._typed(key).native, force_bytes(msg))

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        return call(_core.verify_bytes, self._typed(key).native, force_bytes(msg), force_bytes(sig))

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> Any:
        if not isinstance(key_obj, Key):
            raise InvalidKeyError("Not a public or private key")
        jwk = key_obj.to_jwk(private=key_obj.is_private)
        for member in ("alg", "kid", "use", "key_ops"):
            jwk.pop(member, None)
        if key_obj.type == "RSA":
            jwk["key_ops"] = ["sign" if key_obj.is_private else "verify"]
        return jwk if as_dict else json.dumps(jwk)


class RSAAlgorithm(_KeyAlgorithm):
    SHA256: ClassVar[Hash] = hashlib.sha256
    SHA384: ClassVar[Hash] = hashlib.sha384
    SHA512: ClassVar[Hash] = hashlib.sha512
    _kty = "RSA"
    _not_this = "Not an RSA key"
    _family: ClassVar[str] = "RS"

    def __init__(self, hash_alg: Hash) -> None:
        self.hash_alg = hash_alg
        self._alg = f"{self._family}{hash_alg().digest_size * 8}"

    @staticmethod
    def from_jwk(jwk: str | dict[str, Any]) -> Key:
        members = _members(jwk)
        if members.get("kty") != "RSA":
            raise InvalidKeyError("Not an RSA key")
        for member in ("alg", "use", "key_ops", "kid"):
            members.pop(member, None)
        return Key.from_jwk(members, "RS256")


class RSAPSSAlgorithm(RSAAlgorithm):
    _family = "PS"


class ECAlgorithm(_KeyAlgorithm):
    SHA256: ClassVar[Hash] = hashlib.sha256
    SHA384: ClassVar[Hash] = hashlib.sha384
    SHA512: ClassVar[Hash] = hashlib.sha512
    _kty = "EC"
    _not_this = "Not an Elliptic curve key"

    def __init__(self, hash_alg: Hash, expected_curve: Any = None) -> None:
        self.hash_alg = hash_alg
        self.expected_curve = expected_curve
        name = getattr(expected_curve, "name", expected_curve)
        self._alg = "ES256K" if name == "secp256k1" else f"ES{hash_alg().digest_size * 8}"

    @staticmethod
    def from_jwk(jwk: str | dict[str, Any]) -> Key:
        members = _members(jwk)
        if members.get("kty") != "EC" or "x" not in members or "y" not in members:
            raise InvalidKeyError("Not an Elliptic curve key")
        alg = EC_CURVES.get(str(members.get("crv")))
        if alg is None:
            raise InvalidKeyError(f"Invalid curve: {members.get('crv')}")
        for member in ("alg", "use", "key_ops", "kid"):
            members.pop(member, None)
        return Key.from_jwk(members, alg)


class OKPAlgorithm(_KeyAlgorithm):
    _kty = "OKP"
    _not_this = "Not an Octet Key Pair"
    _alg = "EdDSA"

    def __init__(self, **options: Any) -> None:
        pass

    @staticmethod
    def from_jwk(jwk: str | dict[str, Any]) -> Key:
        members = _members(jwk)
        if members.get("kty") != "OKP":
            raise InvalidKeyError("Not an Octet Key Pair")
        if members.get("crv") not in ("Ed25519", "Ed448"):
            raise InvalidKeyError(f"Invalid curve: {members.get('crv')}")
        if "x" not in members:
            raise InvalidKeyError('OKP should have "x" parameter')
        for member in ("alg", "use", "key_ops", "kid"):
            members.pop(member, None)
        return Key.from_jwk(members, "EdDSA")


EC_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "secp256k1": "ES256K"}


def get_default_algorithms() -> dict[str, Algorithm]:
    """New objects of every algorithm, by name."""
    bits = {256: hashlib.sha256, 384: hashlib.sha384, 512: hashlib.sha512}
    algorithms: dict[str, Algorithm] = {"none": NoneAlgorithm()}
    for size, function in bits.items():
        algorithms[f"HS{size}"] = HMACAlgorithm(function)
        algorithms[f"RS{size}"] = RSAAlgorithm(function)
        algorithms[f"PS{size}"] = RSAPSSAlgorithm(function)
        algorithms[f"ES{size}"] = ECAlgorithm(function)
    algorithms["ES256K"] = ECAlgorithm(hashlib.sha256, "secp256k1")
    algorithms["EdDSA"] = OKPAlgorithm()
    return algorithms
