"""RSA, the curves and EdDSA as PyJWT's algorithm objects. The core signs, verifies and reads keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, overload

from coatcheck import _core
from coatcheck.jwt import _crypto
from coatcheck.jwt._algorithm import Algorithm, bits_of, members_of
from coatcheck.jwt.exceptions import InvalidKeyError
from coatcheck.jwt.keys import CURVES, Key, call, import_key, weak_rsa, wrong_curve
from coatcheck.jwt.types import JWKDict
from coatcheck.jwt.utils import base64url_decode, force_bytes

if TYPE_CHECKING:
    from typing import TypeAlias

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    AllowedRSAKeys: TypeAlias = RSAPrivateKey | RSAPublicKey
    AllowedECKeys: TypeAlias = EllipticCurvePrivateKey | EllipticCurvePublicKey
    AllowedOKPKeys: TypeAlias = Ed25519PrivateKey | Ed25519PublicKey | Ed448PrivateKey | Ed448PublicKey
    AllowedKeys: TypeAlias = AllowedRSAKeys | AllowedECKeys | AllowedOKPKeys
    AllowedPrivateKeys: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey
    AllowedPublicKeys: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

__all__ = ["EC_CURVES", "HASHES", "ECAlgorithm", "OKPAlgorithm", "RSAAlgorithm", "RSAPSSAlgorithm"]

EC_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "secp256k1": "ES256K"}
HASHES = {bits: _crypto.Hash(bits) for bits in (256, 384, 512)}
_COORDINATES = {"P-256": 32, "P-384": 48, "P-521": 66, "secp256k1": 32}  # bytes
_PRIMES = ("p", "q", "dp", "dq", "qi")
_ORDER = ("kty", "key_ops", "n", "e", "crv", "x", "y", "d", *_PRIMES)  # of a JWK's members, as PyJWT writes them
_KeyT = TypeVar("_KeyT")


class _KeyAlgorithm(Algorithm, Generic[_KeyT]):
    """What the asymmetric ones have in common."""

    _alg: str
    _kty: ClassVar[str]
    _not_this: ClassVar[str]

    def _is_object(self, key: Any) -> bool:
        # Asked for by name, so that a token of text never imports the package.
        return type(key).__module__.startswith("cryptography.") and isinstance(key, _crypto.classes(self._kty))

    def prepare_key(self, key: _KeyT | Key | str | bytes) -> _KeyT:
        prepared: Any = key
        if isinstance(key, Key):
            if key.type != self._kty:
                raise InvalidKeyError(self._not_this, code="ERR_KEY_UNSUITABLE")
        elif isinstance(key, str | bytes):
            prepared = _crypto.object_of(self._import(key))
        elif not self._is_object(key):
            raise TypeError("Expecting a PEM-formatted key.")
        return prepared  # type: ignore[no-any-return]

    def _import(self, key: Any) -> Key:
        return import_key(key, self._alg)

    def _typed(self, key: Any) -> Key:
        if not isinstance(key, Key):
            return self._import(key)
        if key.alg == self._alg:
            return key
        return Key.from_jwk({**key.to_jwk(private=key.is_private), "alg": self._alg}, self._alg)

    def sign(self, msg: bytes | str, key: Any) -> bytes:
        return call(_core.sign_bytes, self._typed(key).native, force_bytes(msg))

    def verify(self, msg: bytes | str, key: Any, sig: bytes | str) -> bool:
        return call(_core.verify_bytes, self._typed(key).native, force_bytes(msg), force_bytes(sig))

    @overload
    @staticmethod
    def to_jwk(key_obj: Any, as_dict: Literal[True]) -> JWKDict: ...

    @overload
    @staticmethod
    def to_jwk(key_obj: Any, as_dict: Literal[False] = False) -> str: ...

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> JWKDict | str:
        key = key_obj if isinstance(key_obj, Key) else _key_of(key_obj)
        jwk = key.to_jwk(private=key.is_private)
        if key.type == "RSA":
            jwk["key_ops"] = ["sign" if key.is_private else "verify"]
        jwk = {member: jwk[member] for member in _ORDER if member in jwk}
        return jwk if as_dict else json.dumps(jwk)

    @classmethod
    def _read(cls, jwk: str | JWKDict, kty: str, alg: Callable[[JWKDict], str]) -> Any:
        members = members_of(jwk)
        if members.get("kty") != kty:
            raise InvalidKeyError(cls._not_this, code="ERR_KEY_UNSUITABLE")
        name = alg(members)
        for member in ("alg", "use", "key_ops", "kid"):
            members.pop(member, None)
        return _crypto.object_of(Key.from_jwk(members, name))


def _key_of(key_obj: Any) -> Key:
    """The key for the algorithm that comes with its type and curve."""
    pem = _crypto.pem_of(key_obj)
    if pem is not None:
        for alg in ("RS256", *CURVES, "EdDSA"):
            try:
                return Key.from_pem(pem, alg)
            except InvalidKeyError as why:
                if why.code != "ERR_KEY_UNSUITABLE":
                    raise
    raise InvalidKeyError("Not a public or private key", code="ERR_KEY_UNSUITABLE")


class RSAAlgorithm(_KeyAlgorithm["AllowedRSAKeys"]):
    SHA256 = HASHES[256]
    SHA384 = HASHES[384]
    SHA512 = HASHES[512]
    _MIN_KEY_SIZE: ClassVar[int] = 2048
    _kty = "RSA"
    _not_this = "Not an RSA key"
    _family: ClassVar[str] = "RS"

    def __init__(self, hash_alg: Any) -> None:
        self._hash = hash_alg
        self._alg = f"{self._family}{_hash_bits(hash_alg)}"

    @property
    def hash_alg(self) -> Any:
        return _resolved(self._hash)

    def check_key_length(self, key: Any) -> str | None:
        bits = key.bits if isinstance(key, Key) else key.key_size
        return weak_rsa(bits) if bits < self._MIN_KEY_SIZE else None

    @classmethod
    def from_jwk(cls, jwk: str | JWKDict) -> AllowedRSAKeys:
        return cls._read(jwk, "RSA", cls._check)  # type: ignore[no-any-return]

    @staticmethod
    def _check(members: JWKDict) -> str:
        if "n" not in members or "e" not in members:
            raise InvalidKeyError("Not a public or private key")
        if "d" in members:
            if "oth" in members:
                raise InvalidKeyError("Unsupported RSA private key: > 2 primes not supported")
            if 0 < sum(prime in members for prime in _PRIMES) < len(_PRIMES):
                raise InvalidKeyError("RSA key must include all parameters if any are present besides d")
        return "RS256"


class RSAPSSAlgorithm(RSAAlgorithm):
    _family = "PS"


class ECAlgorithm(_KeyAlgorithm["AllowedECKeys"]):
    SHA256 = HASHES[256]
    SHA384 = HASHES[384]
    SHA512 = HASHES[512]
    _kty = "EC"
    _not_this = "Not an Elliptic curve key"

    def __init__(self, hash_alg: Any, expected_curve: Any = None) -> None:
        self._hash = hash_alg
        self.expected_curve = expected_curve
        self._curve: str | None = getattr(expected_curve, "name", expected_curve)
        self._alg = "ES256K" if self._curve == "secp256k1" else f"ES{_hash_bits(hash_alg)}"

    @property
    def hash_alg(self) -> Any:
        return _resolved(self._hash)

    def prepare_key(self, key: AllowedECKeys | Key | str | bytes) -> AllowedECKeys:
        prepared: Any
        if self._curve is None and isinstance(key, str | bytes):
            prepared = _crypto.object_of(self._of_any_curve(key))
        else:
            prepared = super().prepare_key(key)
        curve = CURVES[prepared.alg] if isinstance(prepared, Key) else prepared.curve.name
        if self._curve is not None and curve != self._curve:
            raise InvalidKeyError(wrong_curve(curve, self._curve), code="ERR_KEY_UNSUITABLE")
        return prepared  # type: ignore[no-any-return]

    def _of_any_curve(self, key: str | bytes) -> Key:
        for alg in CURVES:
            try:
                return import_key(key, alg)
            except InvalidKeyError as why:
                if why.code != "ERR_KEY_UNSUITABLE":
                    raise
        raise InvalidKeyError(self._not_this, code="ERR_KEY_UNSUITABLE")

    @classmethod
    def from_jwk(cls, jwk: str | JWKDict) -> AllowedECKeys:
        return cls._read(jwk, "EC", cls._check)  # type: ignore[no-any-return]

    @classmethod
    def _check(cls, members: JWKDict) -> str:
        if "x" not in members or "y" not in members:
            raise InvalidKeyError(cls._not_this)
        crv = str(members.get("crv"))
        if crv not in EC_CURVES:
            raise InvalidKeyError(f"Invalid curve: {crv}", code="ERR_KEY_UNSUITABLE")
        for name, text in (("Coords", "x"), ("Coords", "y"), ("D", "d")):
            if text in members and _length(members[text]) != _COORDINATES[crv]:
                raise InvalidKeyError(f"{name} should be {_COORDINATES[crv]} bytes for curve {crv}")
        return EC_CURVES[crv]


class OKPAlgorithm(_KeyAlgorithm["AllowedOKPKeys"]):
    _kty = "OKP"
    _not_this = "Not an Octet Key Pair"
    _alg = "EdDSA"

    def __init__(self, **kwargs: Any) -> None:
        pass

    def prepare_key(self, key: AllowedOKPKeys | Key | str | bytes) -> AllowedOKPKeys:
        if not isinstance(key, str | bytes | Key):
            self.check_crypto_key_type(key)
        return super().prepare_key(key)

    @classmethod
    def from_jwk(cls, jwk: str | JWKDict) -> AllowedOKPKeys:
        return cls._read(jwk, "OKP", cls._check)  # type: ignore[no-any-return]

    @staticmethod
    def _check(members: JWKDict) -> str:
        if members.get("crv") not in ("Ed25519", "Ed448"):
            raise InvalidKeyError(f"Invalid curve: {members.get('crv')}", code="ERR_KEY_UNSUITABLE")
        if "x" not in members:
            raise InvalidKeyError('OKP should have "x" parameter')
        return "EdDSA"


def _length(value: Any) -> int:
    try:
        return len(base64url_decode(value))
    except (TypeError, ValueError):
        raise InvalidKeyError("Invalid key parameter") from None


def _hash_bits(hash_alg: Any) -> int:
    return hash_alg.bits if isinstance(hash_alg, _crypto.Hash) else bits_of(hash_alg)


def _resolved(hash_alg: Any) -> Any:
    return hash_alg.__get__(None) if isinstance(hash_alg, _crypto.Hash) else hash_alg
