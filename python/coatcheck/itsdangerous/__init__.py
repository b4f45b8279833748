"""In the place of itsdangerous 2.2: ``from coatcheck.itsdangerous import URLSafeTimedSerializer``.

Its classes with their arguments, methods and errors; its values, both ways. HMAC with SHA-1 and SHA-2 is computed by
the core. Refused here and not there: base64 of a signature in another form than the one that signs (docs/python.md).
"""

from __future__ import annotations

from coatcheck.itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from coatcheck.itsdangerous.exc import (
    BadData,
    BadHeader,
    BadPayload,
    BadSignature,
    BadTimeSignature,
    SignatureExpired,
)
from coatcheck.itsdangerous.serializer import Serializer
from coatcheck.itsdangerous.signer import HMACAlgorithm, NoneAlgorithm, Signer, SigningAlgorithm
from coatcheck.itsdangerous.timed import TimedSerializer, TimestampSigner
from coatcheck.itsdangerous.url_safe import URLSafeSerializer, URLSafeTimedSerializer

__all__ = [
    "BadData",
    "BadHeader",
    "BadPayload",
    "BadSignature",
    "BadTimeSignature",
    "HMACAlgorithm",
    "NoneAlgorithm",
    "Serializer",
    "SignatureExpired",
    "Signer",
    "SigningAlgorithm",
    "TimedSerializer",
    "TimestampSigner",
    "URLSafeSerializer",
    "URLSafeTimedSerializer",
    "base64_decode",
    "base64_encode",
    "want_bytes",
]
