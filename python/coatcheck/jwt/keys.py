"""Typed keys: a key knows its one algorithm, and is parsed once.

``Key`` and ``KeySet`` are coatcheck's own. ``import_key`` takes what PyJWT takes: a secret, a PEM, an SSH public key, a
``PyJWK``, or a key object of the package ``cryptography``, which is asked for its PEM by its own public methods.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from coatcheck import _core
from coatcheck.errors import Error
from coatcheck.jwt.exceptions import InvalidKeyError, translate
from coatcheck.jwt.warnings import InsecureKeyLengthWarning

__all__ = ["ALGORITHMS", "Key", "KeySet", "call", "import_key", "set_of", "warn_of"]

HMAC = ("HS256", "HS384", "HS512")
ALGORITHMS = (
    *HMAC,
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"),
)

_T = TypeVar("_T")


def call(function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """Calls the core; what it refuses is raised as one of PyJWT's exceptions."""
    try:
        return function(*args, **options)
    except Error as why:
        raise translate(why) from None


class Key:
    """One key for one algorithm. Immutable; never printed."""

    __slots__ = ("_native",)

    def __init__(self, native: _core.JwtKey) -> None:
        self._native = native

    @classmethod
    def generate(
        cls, alg: str, *, kid: str = "", bits: int = 2048, crv: str | None = None, enc: str | None = None
    ) -> Key:
        """A new key. ``bits`` of RSA; ``crv`` of ECDH-ES; ``enc``: what a ``dir`` key is for."""
        return cls(call(_core.JwtKey.generate, alg, kid, bits, crv, enc))

    @classmethod
    def from_jwk(
        cls, jwk: str | Mapping[str, Any], alg: str | None = None, *, kid: str = "", allow_short: bool = False
    ) -> Key:
        """A JSON Web Key, as text or as a dict. ``alg`` may be left out where the key names it."""
        text = jwk if isinstance(jwk, str) else json.dumps(jwk)
        return cls(call(_core.JwtKey.from_jwk, text, alg, kid, allow_short))

    @classmethod
    def from_pem(cls, pem: str | bytes, alg: str, *, kid: str = "", passphrase: str | bytes = b"") -> Key:
        """A private or public key or a certificate, in PEM."""
        text = pem.decode("latin-1") if isinstance(pem, bytes) else pem
        return cls(call(_core.JwtKey.from_pem, text, alg, kid, _bytes(passphrase)))

    @classmethod
    def from_der(cls, der: bytes, alg: str, *, kid: str = "") -> Key:
        return cls(call(_core.JwtKey.from_der, der, alg, kid))

    @classmethod
    def from_secret(cls, secret: str | bytes, alg: str = "HS256", *, kid: str = "", allow_short: bool = False) -> Key:
        """The bytes of an HMAC secret, of an AES key, or of a password (PBES2). An empty one is never taken."""
        return cls(call(_core.JwtKey.from_secret, _bytes(secret), alg, kid, allow_short))

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """The key as a JWK. ``private``: with its private part; a secret has no other."""
        text = call(self._native.to_jwk, private or self._native.type == "oct")
        return dict(json.loads(text))

    def to_pem(self, *, private: bool = False) -> str:
        return call(self._native.to_pem, private)

    def thumbprint(self) -> str:
        """base64url(SHA-256) of the key, RFC 7638."""
        return self._native.thumbprint()

    def public_key(self) -> Key:
        return Key(call(self._native.public_key))

    @property
    def native(self) -> _core.JwtKey:
        """The core's key, for calls of ``coatcheck._core``."""
        return self._native

    @property
    def type(self) -> str:
        """``"oct"``, ``"RSA"``, ``"EC"`` or ``"OKP"``."""
        return self._native.type

    @property
    def alg(self) -> str:
        return self._native.alg

    @property
    def kid(self) -> str | None:
        return self._native.kid

    @property
    def crv(self) -> str | None:
        return self._native.crv

    @property
    def bits(self) -> int:
        return self._native.bits

    @property
    def is_private(self) -> bool:
        return self._native.is_private

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._native.same_key(other._native)

    def __hash__(self) -> int:
        return hash((self.type, self.alg))

    def __repr__(self) -> str:
        return f"<Key {self.alg} {self.type} kid={self.kid!r}>"


class KeySet:
    """Several keys, found by ``kid``. Never symmetric and asymmetric ones together."""

    __slots__ = ("_native",)

    def __init__(self, keys: Iterable[Key] | _core.JwtKeySet) -> None:
        if isinstance(keys, _core.JwtKeySet):
            self._native = keys
        else:
            self._native = call(_core.JwtKeySet.from_keys, [key.native for key in keys])

    @classmethod
    def from_jwks(
        cls, jwks: str | Mapping[str, Any], *, public_only: bool = False, default_algs: Iterable[str] = ()
    ) -> KeySet:
        """A JWK Set, as text or as a dict. ``default_algs``: for members that name no algorithm."""
        text = jwks if isinstance(jwks, str) else json.dumps(jwks)
        return cls(call(_core.JwtKeySet.parse, text, public_only, list(default_algs)))

    def to_jwks(self, *, private: bool = False) -> dict[str, Any]:
        return dict(json.loads(call(self._native.to_json, private or self._native.symmetric)))

    @property
    def native(self) -> _core.JwtKeySet:
        return self._native

    @property
    def keys(self) -> list[Key]:
        return [Key(key) for key in self._native.keys]

    @property
    def skipped(self) -> list[str]:
        """Why members were passed over, one line each."""
        return self._native.skipped


def _bytes(value: str | bytes) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise TypeError("Expected a string value")


def _from_ssh(text: bytes) -> str:
    try:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key
    except ModuleNotFoundError:
        raise InvalidKeyError("an SSH key needs the package cryptography; give a PEM instead") from None
    try:
        loaded = load_ssh_public_key(text)
    except ValueError:
        raise InvalidKeyError("Could not parse the provided public key.") from None
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _from_object(key: Any) -> str | None:
    """The PEM of a key object of ``cryptography``; None for anything else."""
    if not type(key).__module__.startswith("cryptography."):
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    if hasattr(key, "private_bytes"):
        exported: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    elif hasattr(key, "public_bytes"):
        exported = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    else:
        return None
    return exported.decode()


def import_key(key: Any, alg: str) -> Key:
    """The key for one algorithm, out of any form that PyJWT takes. Raises InvalidKeyError, TypeError for others."""
    if isinstance(key, Key):
        if key.alg != alg and {key.alg, alg} != {"EdDSA", key.crv}:
            raise InvalidKeyError(f"the key is for {key.alg}, not for {alg}", "ERR_KEY_UNSUITABLE")
        return key
    if alg in HMAC:
        secret = _bytes(key)
        if _core.looks_like_key_material(secret):
            raise InvalidKeyError(
                "The specified key is an asymmetric key or x509 certificate and should not be used as an HMAC secret.",
                "ERR_KEY_UNSUITABLE",
            )
        return Key.from_secret(secret, alg, allow_short=True)
    pem = _from_object(key)
    if pem is None:
        if not isinstance(key, str | bytes):
            raise TypeError("Expecting a PEM-formatted key.")
        raw = _bytes(key)
        pem = _from_ssh(raw) if raw.startswith((b"ssh-", b"ecdsa-sha2-")) else raw.decode("latin-1")
    return Key.from_pem(pem, alg)


def set_of(*keys: Key) -> _core.JwtKeySet:
    return call(_core.JwtKeySet.from_keys, [key.native for key in keys])


# Its own registry: Python shows each text once in a process, whoever asked.
_shown: dict[Any, Any] = {}


def short_of(key: Key) -> str | None:
    """What is wrong with a secret that is shorter than the hash; None for every other key."""
    least = int(key.alg[2:]) // 8 if key.alg in HMAC else 0
    if key.bits // 8 >= least:
        return None
    return (
        f"The HMAC key is {key.bits // 8} bytes long, which is below the minimum recommended length of {least} bytes "
        f"for SHA{least * 8}. See RFC 7518 Section 3.2. Use {least} random bytes, e.g. secrets.token_bytes({least})."
    )


def warn_of(key: Key, enforce: bool) -> None:
    """Warns of a short secret, or refuses it where the options ask for that."""
    text = short_of(key)
    if text is None:
        return
    if enforce:
        raise InvalidKeyError(text, "ERR_KEY_WEAK")
    warnings.warn_explicit(text, InsecureKeyLengthWarning, "coatcheck/jwt", 1, "coatcheck.jwt", _shown)
