"""Signer and its algorithms. HMAC with SHA-1 and SHA-2 is the core's; another digest or algorithm is Python's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from coatcheck import _core
from coatcheck.itsdangerous.encoding import BASE64_ALPHABET, base64_decode, base64_encode, want_bytes
from coatcheck.itsdangerous.exc import BadData, BadSignature

__all__ = ["HMACAlgorithm", "NoneAlgorithm", "Signer", "SigningAlgorithm"]

_SecretKey = str | bytes | Iterable[str] | Iterable[bytes]


def list_of_keys(given: _SecretKey) -> list[bytes]:
    """As bytes, the newest last."""
    if isinstance(given, str | bytes):
        return [want_bytes(given)]
    return [want_bytes(key) for key in given]


class SigningAlgorithm:
    """The base of algorithms: derive from it and write ``get_signature``."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """The signature of ``value``."""
        raise NotImplementedError

    def verify_signature(self, key: bytes, value: bytes, sig: bytes) -> bool:
        """Whether it is this one. In constant time."""
        return hmac.compare_digest(sig, self.get_signature(key, value))


class NoneAlgorithm(SigningAlgorithm):
    """Signs with nothing: anybody's value holds."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Nothing."""
        return b""


def _lazy_sha1(string: bytes = b"") -> Any:
    """SHA-1, asked for only where it is used: a FIPS build may have none."""
    return hashlib.sha1(string, usedforsecurity=False)


class HMACAlgorithm(SigningAlgorithm):
    """HMAC with a digest; SHA-1 unless told."""

    default_digest_method: Any = staticmethod(_lazy_sha1)

    def __init__(self, digest_method: Any = None) -> None:
        self.digest_method = self.default_digest_method if digest_method is None else digest_method

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """The HMAC."""
        return hmac.new(key, msg=value, digestmod=self.digest_method).digest()


# Digests that the core has, by the functions that people pass.
_NATIVE: dict[Any, str] = {
    _lazy_sha1: "sha1",
    hashlib.sha1: "sha1",
    hashlib.sha224: "sha224",
    hashlib.sha256: "sha256",
    hashlib.sha384: "sha384",
    hashlib.sha512: "sha512",
}


@lru_cache(maxsize=64)
def _native_signer(
    keys: tuple[bytes, ...], salt: bytes, sep: bytes, derivation: str, digest: str | None
) -> _core.ItsdangerousSigner | None:
    """The core's signer, which has derived its keys: a serializer makes a Signer for each value."""
    if digest is None or not keys or any(byte in BASE64_ALPHABET for byte in sep):
        return None
    if derivation not in ("concat", "django-concat", "hmac", "none"):
        return None
    return _core.ItsdangerousSigner(keys[::-1], salt, sep, derivation, digest)


class Signer:
    """Signs values, ``value SEP signature``. ``secret_key``: one, or several, the newest last: it signs, all verify."""

    default_digest_method: Any = staticmethod(_lazy_sha1)
    default_key_derivation: str = "django-concat"

    def __init__(
        self,
        secret_key: _SecretKey,
        salt: str | bytes | None = b"itsdangerous.Signer",
        sep: str | bytes = b".",
        key_derivation: str | None = None,
        digest_method: Any = None,
        algorithm: SigningAlgorithm | None = None,
    ) -> None:
        self.secret_keys: list[bytes] = list_of_keys(secret_key)
        self.sep: bytes = want_bytes(sep)
        if self.sep in BASE64_ALPHABET:
            raise ValueError(
                "The given separator cannot be used because it may be"
                " contained in the signature itself. ASCII letters,"
                " digits, and '-_=' must not be used."
            )
        self.salt = b"itsdangerous.Signer" if salt is None else want_bytes(salt)
        self.key_derivation = self.default_key_derivation if key_derivation is None else key_derivation
        self.digest_method = self.default_digest_method if digest_method is None else digest_method
        self.algorithm = HMACAlgorithm(self.digest_method) if algorithm is None else algorithm

    @property
    def secret_key(self) -> bytes:
        """The newest of them."""
        return self.secret_keys[-1]

    def _native(self) -> _core.ItsdangerousSigner | None:
        """The core's signer of these settings; None where it has none, or a subclass derives its keys itself."""
        algorithm = self.algorithm
        if (
            type(algorithm) is not HMACAlgorithm
            or algorithm.digest_method != self.digest_method
            or type(self).derive_key is not Signer.derive_key
        ):
            return None
        return _native_signer(
            tuple(self.secret_keys), self.salt, self.sep, self.key_derivation, _NATIVE.get(self.digest_method)
        )

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """The key that signs, made of a secret and the salt."""
        secret = self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)
        digest: Callable[[bytes], Any] = self.digest_method
        if self.key_derivation == "concat":
            return bytes(digest(self.salt + secret).digest())
        if self.key_derivation == "django-concat":
            return bytes(digest(self.salt + b"signer" + secret).digest())
        if self.key_derivation == "hmac":
            return hmac.new(secret, msg=self.salt, digestmod=self.digest_method).digest()
        if self.key_derivation == "none":
            return secret
        raise TypeError("Unknown key derivation method")

    def get_signature(self, value: str | bytes) -> bytes:
        """The signature alone, base64url."""
        native = self._native()
        if native is not None:
            return native.signature(value)
        return base64_encode(self.algorithm.get_signature(self.derive_key(), want_bytes(value)))

    def sign(self, value: str | bytes) -> bytes:
        """``value SEP signature``."""
        value = want_bytes(value)
        return value + self.sep + self.get_signature(value)

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Whether one of the keys made it. Base64 is read strictly: one signature has one form."""
        native = self._native()
        if native is not None:
            return native.verifies(value, sig)
        try:
            raw = base64_decode(sig)
        except BadData:
            return False
        if base64_encode(raw) != want_bytes(sig):
            return False
        value = want_bytes(value)
        return any(
            self.algorithm.verify_signature(self.derive_key(key), value, raw) for key in reversed(self.secret_keys)
        )

    def unsign(self, signed_value: str | bytes) -> bytes:
        """What was signed. Raises BadSignature."""
        signed_value = want_bytes(signed_value)
        if self.sep not in signed_value:
            raise BadSignature(f"No {self.sep!r} found in value")
        value, sig = signed_value.rsplit(self.sep, 1)
        if self.verify_signature(value, sig):
            return value
        raise BadSignature(f"Signature {sig!r} does not match", payload=value)

    def validate(self, signed_value: str | bytes) -> bool:
        """Whether it holds."""
        try:
            self.unsign(signed_value)
        except BadSignature:
            return False
        return True
