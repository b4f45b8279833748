"""base64url, numbers and signatures as bytes, by PyJWT's names and with its leniency; and the one strict reader."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve

__all__ = [
    "base64url_decode",
    "base64url_encode",
    "bytes_from_int",
    "bytes_to_number",
    "canonical_decode",
    "der_to_raw_signature",
    "force_bytes",
    "from_base64url_uint",
    "is_pem_format",
    "is_ssh_key",
    "number_to_bytes",
    "raw_to_der_signature",
    "to_base64url_uint",
]

_LABELS = (
    "(?:TRUSTED |NEW )?CERTIFICATE(?: REQUEST)?|(?:ENCRYPTED |OPENSSH |DSA |RSA |EC |SSH2 ENCRYPTED )?PRIVATE KEY"
    "|(?:RSA |SSH2 )?PUBLIC KEY|DH PARAMETERS|X509 CRL"
)
_PEM = re.compile(f"----[- ]BEGIN ({_LABELS})[- ]----.*?----[- ]END \\1[- ]----".encode(), re.DOTALL)
_SSH = (b"ssh-ed25519", b"ssh-rsa", b"ssh-dss", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521")


def force_bytes(value: bytes | str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise TypeError("Expected a string or bytes value")


def base64url_encode(input: bytes) -> bytes:  # noqa: A002  # PyJWT's name
    return base64.urlsafe_b64encode(input).rstrip(b"=")


def base64url_decode(input: bytes | str) -> bytes:  # noqa: A002
    """The bytes, with or without padding. No part of a token is read with it."""
    given = force_bytes(input)
    return base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4))


def canonical_decode(given: bytes) -> bytes:
    """The bytes. Raises binascii.Error for padding, white space, another alphabet and stray bits."""
    out = base64url_decode(given)
    if base64url_encode(out) != given:
        raise binascii.Error("not canonical base64url")
    return out


def to_base64url_uint(val: int, *, bit_length: int | None = None) -> bytes:
    if val < 0:
        raise ValueError("Must be a positive integer")
    return base64url_encode(bytes_from_int(val, bit_length=bit_length) or b"\0")


def from_base64url_uint(val: bytes | str) -> int:
    return int.from_bytes(base64url_decode(val), "big")


def number_to_bytes(num: int, num_bytes: int) -> bytes:
    return num.to_bytes(num_bytes, "big")


def bytes_to_number(string: bytes) -> int:
    return int.from_bytes(string, "big")


def bytes_from_int(val: int, *, bit_length: int | None = None) -> bytes:
    return val.to_bytes(((val.bit_length() if bit_length is None else bit_length) + 7) // 8, "big")


def der_to_raw_signature(der_sig: bytes, curve: EllipticCurve) -> bytes:
    """r and s, each as long as the curve's order. Needs the package ``cryptography``, as its twin does."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    size = (curve.key_size + 7) // 8
    r, s = decode_dss_signature(der_sig)
    return number_to_bytes(r, size) + number_to_bytes(s, size)


def raw_to_der_signature(raw_sig: bytes, curve: EllipticCurve) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    size = (curve.key_size + 7) // 8
    if len(raw_sig) != 2 * size:
        raise ValueError("Invalid signature")
    return encode_dss_signature(bytes_to_number(raw_sig[:size]), bytes_to_number(raw_sig[size:]))


def is_pem_format(key: bytes) -> bool:
    """Whether a key or certificate in PEM stands in it."""
    return _PEM.search(key) is not None


def is_ssh_key(key: bytes) -> bool:
    return key.startswith(_SSH)
