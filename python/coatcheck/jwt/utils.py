"""base64url and bytes, by PyJWT's names. Strict: what is not canonical is refused."""

from __future__ import annotations

import base64
import binascii

__all__ = ["base64url_decode", "base64url_encode", "force_bytes"]


def force_bytes(value: bytes | str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise TypeError("Expected a string value")


def base64url_encode(input: bytes) -> bytes:  # noqa: A002  # PyJWT's name
    return base64.urlsafe_b64encode(input).rstrip(b"=")


def base64url_decode(input: bytes | str) -> bytes:  # noqa: A002
    """The bytes. Raises binascii.Error for padding, white space, another alphabet and stray bits."""
    given = force_bytes(input)
    out = base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4))
    if base64url_encode(out) != given:
        raise binascii.Error("not canonical base64url")
    return out
