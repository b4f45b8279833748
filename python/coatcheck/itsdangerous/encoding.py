"""Bytes, base64url without padding, and integers as bytes."""

from __future__ import annotations

import base64
import binascii

from coatcheck.itsdangerous.exc import BadData

__all__ = ["base64_decode", "base64_encode", "bytes_to_int", "int_to_bytes", "want_bytes"]

BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="


def want_bytes(s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> bytes:
    """Text as bytes; bytes as they are."""
    return s.encode(encoding, errors) if isinstance(s, str) else s


def base64_encode(string: str | bytes) -> bytes:
    """base64url, without padding."""
    return base64.urlsafe_b64encode(want_bytes(string)).rstrip(b"=")


def base64_decode(string: str | bytes) -> bytes:
    """The bytes. Raises BadData for what is no base64url."""
    text = want_bytes(string, encoding="ascii", errors="ignore")
    try:
        return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadData("Invalid base64-encoded data") from error


def int_to_bytes(num: int) -> bytes:
    """Big-endian, without leading zeros: nothing for 0. At most 64 bits."""
    return num.to_bytes(8, "big").lstrip(b"\x00")


def bytes_to_int(bytestr: bytes) -> int:
    """The other way round. Raises ValueError for more than 64 bits."""
    if len(bytestr) > 8:
        raise ValueError("an integer has at most 64 bits here")
    return int.from_bytes(bytestr, "big")
