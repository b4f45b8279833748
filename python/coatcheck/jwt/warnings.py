"""The warnings of coatcheck.jwt, by PyJWT's names."""

from __future__ import annotations

from coatcheck.errors import SecretWarning

__all__ = ["InsecureKeyLengthWarning", "RemovedInPyjwt3Warning"]


class RemovedInPyjwt3Warning(DeprecationWarning):
    """An argument that does nothing."""


class InsecureKeyLengthWarning(SecretWarning):
    """An HMAC secret shorter than the hash (RFC 7518, 3.2). It is taken, for drop-in use."""
