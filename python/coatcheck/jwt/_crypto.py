"""The bridge to the package ``cryptography``: its key objects in and out, as PyJWT takes and gives them.

The package is optional, and imported when a key object is first asked for: signing and verifying never need it. Without
it, what would be its object is a ``Key``.
"""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

from coatcheck.jwt.exceptions import InvalidKeyError
from coatcheck.jwt.utils import from_base64url_uint

__all__ = ["Hash", "classes", "object_of", "pem_of", "pem_of_ssh"]

_NAMES = {
    "RSA": ("rsa.RSAPrivateKey", "rsa.RSAPublicKey"),
    "EC": ("ec.EllipticCurvePrivateKey", "ec.EllipticCurvePublicKey"),
    "OKP": (
        "ed25519.Ed25519PrivateKey",
        "ed25519.Ed25519PublicKey",
        "ed448.Ed448PrivateKey",
        "ed448.Ed448PublicKey",
    ),
}


class ExportableKey(Protocol):
    """What is asked of a ``coatcheck.jwt.Key`` here."""

    @property
    def type(self) -> str: ...
    @property
    def is_private(self) -> bool: ...
    def to_pem(self, *, private: bool = False) -> str: ...
    def to_jwk(self, *, private: bool = False) -> dict[str, Any]: ...


class Hash:
    """A hash by name, as an attribute of a class: the class of ``cryptography``, or else the function of hashlib."""

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        try:
            from cryptography.hazmat.primitives import hashes
        except ModuleNotFoundError:
            return getattr(hashlib, f"sha{self.bits}")
        return getattr(hashes, f"SHA{self.bits}")


def classes(kty: str) -> tuple[type, ...]:
    """The classes of key objects of one key type; none without the package."""
    import importlib

    found = []
    for name in _NAMES[kty]:
        module, kind = name.split(".")
        try:
            found.append(getattr(importlib.import_module(f"cryptography.hazmat.primitives.asymmetric.{module}"), kind))
        except ModuleNotFoundError:
            return ()
    return tuple(found)


def object_of(key: ExportableKey) -> Any:
    """The key as an object of ``cryptography``; the key itself where that is not installed."""
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
    except ModuleNotFoundError:
        return key
    if not key.is_private:
        return load_pem_public_key(key.to_pem().encode())
    members = key.to_jwk(private=True)
    if key.type == "RSA" and "p" not in members:
        return _of_exponents(members)
    return load_pem_private_key(key.to_pem(private=True).encode(), None)


def _of_exponents(jwk: dict[str, Any]) -> Any:
    """An RSA key whose primes are not given, only n, e and d (RFC 7518, 6.3.2): PEM has no form for it."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    n, e, d = (from_base64url_uint(jwk[member]) for member in ("n", "e", "d"))
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(e, n),
    ).private_key()


def pem_of(key: Any) -> str | None:
    """The PEM of a key object of ``cryptography``; None for anything else."""
    if not type(key).__module__.startswith("cryptography."):
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    if hasattr(key, "private_bytes"):
        exported: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    elif hasattr(key, "public_numbers") or hasattr(key, "public_bytes_raw"):
        exported = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    else:
        return None
    return exported.decode()


def pem_of_ssh(text: bytes) -> str:
    """The PEM of an SSH public key."""
    try:
        from cryptography.hazmat.primitives.serialization import load_ssh_public_key
    except ModuleNotFoundError:
        raise InvalidKeyError("an SSH key needs the package cryptography; give a PEM instead") from None
    try:
        pem = pem_of(load_ssh_public_key(text))
    except ValueError:
        pem = None
    if pem is None:
        raise InvalidKeyError("Could not parse the provided public key.")
    return pem
