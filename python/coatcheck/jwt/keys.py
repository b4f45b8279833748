"""Typed keys: a key knows its one algorithm, and is parsed once.

``Key`` and ``KeySet`` are coatcheck's own. ``import_key`` takes what PyJWT takes: a secret, a PEM, an SSH public key, a
``PyJWK``, or a key object of the package ``cryptography``, which is asked for its PEM by its own public methods.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from coatcheck import _core
from coatcheck.errors import Error
from coatcheck.jwt._crypto import pem_of, pem_of_ssh
from coatcheck.jwt.exceptions import InvalidKeyError, translate
from coatcheck.jwt.utils import force_bytes, is_ssh_key
from coatcheck.jwt.warnings import InsecureKeyLengthWarning

__all__ = [
    "ALGORITHMS",
    "CURVES",
    "Key",
    "KeySet",
    "call",
    "import_key",
    "set_of",
    "short_of",
    "warn_of",
    "warning",
    "weak_rsa",
    "wrong_curve",
]

HMAC = ("HS256", "HS384", "HS512")
ALGORITHMS = (
    *HMAC,
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"),
)

CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1", "ES256K": "secp256k1"}
_A_PUBLIC_KEY = "The specified key is an asymmetric key or x509 certificate and should not be used as an HMAC secret."
_A_JWK = (
    "The specified key looks like a JWK and should not be used directly as an HMAC secret. "
    "Load it via PyJWK / HMACAlgorithm.from_jwk first."
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
        text = pem.decode("utf-8", "replace") if isinstance(pem, bytes) else pem
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


def import_key(key: Any, alg: str) -> Key:
    """The key for one algorithm, out of any form that PyJWT takes. Raises InvalidKeyError, TypeError for others."""
    if isinstance(key, Key):
        if key.alg != alg and {key.alg, alg} != {"EdDSA", key.crv}:
            raise InvalidKeyError(f"the key is for {key.alg}, not for {alg}", code="ERR_KEY_UNSUITABLE")
        return key
    if alg in HMAC:
        return _import_secret(force_bytes(key), alg)
    pem = pem_of(key)
    if pem is None:
        if not isinstance(key, str | bytes) and alg == "EdDSA":
            raise InvalidKeyError(f"Expected a PEM or a key object, got: {type(key).__name__}")
        if not isinstance(key, str | bytes):
            raise TypeError("Expecting a PEM-formatted key.")
        raw = force_bytes(key)
        pem = pem_of_ssh(raw) if is_ssh_key(raw) else raw.decode("latin-1")
    try:
        return Key.from_pem(pem, alg)
    except InvalidKeyError as why:
        raise _in_their_words(why, pem, alg) from None


def _import_secret(secret: bytes, alg: str) -> Key:
    if not secret:
        raise InvalidKeyError("HMAC key must not be empty.", code="ERR_KEY_WEAK")
    if is_ssh_key(secret) or _core.looks_like_key_material(secret):
        text = secret.decode(json.detect_encoding(secret), "replace").lstrip("\ufeff \t\r\n")
        raise InvalidKeyError(_A_JWK if text[:1] in ("{", "[") else _A_PUBLIC_KEY, code="ERR_KEY_UNSUITABLE")
    return Key.from_secret(secret, alg, allow_short=True)


def _in_their_words(why: InvalidKeyError, pem: str, alg: str) -> InvalidKeyError:
    """PyJWT's message for a key that the core refused; the core's where PyJWT has none."""
    if why.code == "ERR_KEY_WEAK" and (size := re.search(r"RSA key of (\d+) bits", str(why))) is not None:
        return InvalidKeyError(weak_rsa(int(size[1])), code=why.code)
    if why.code == "ERR_KEY_INVALID" and alg[:2] in ("RS", "PS"):
        return InvalidKeyError("Could not parse the provided public key.", code=why.code)
    if why.code == "ERR_KEY_INVALID" and alg == "EdDSA" and "-----BEGIN" not in pem:
        return InvalidKeyError("Not a public or private key", code=why.code)
    if why.code == "ERR_KEY_UNSUITABLE" and alg in CURVES:
        for other, curve in CURVES.items():
            try:
                Key.from_pem(pem, other)
            except InvalidKeyError:
                continue
            return InvalidKeyError(wrong_curve(curve, CURVES[alg]), code=why.code)
    return why


def wrong_curve(curve: str, expected: str) -> str:
    return f"The key's curve '{curve}' does not match the expected curve '{expected}' for this algorithm"


def weak_rsa(bits: int) -> str:
    return (
        f"The RSA key is {bits} bits long, which is below the minimum recommended size of 2048 bits. "
        "See NIST SP 800-131A."
    )


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
        raise InvalidKeyError(text, code="ERR_KEY_WEAK")
    warnings.warn_explicit(text, InsecureKeyLengthWarning, "coatcheck/jwt", 1, "coatcheck.jwt", _shown)


def warning(function: Callable[..., _T], key: Key) -> Callable[..., _T]:
    """The function, which warns at each call where the key is a short secret."""
    if short_of(key) is None:
        return function

    def warns(*args: Any) -> _T:
        made = function(*args)
        warn_of(key, False)  # only now: what fails is tried again, the long way, which warns by itself
        return made

    return warns
