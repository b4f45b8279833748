"""Tokens: PyJWT's interface on coatcheck's core, and coatcheck's own beside it.

``from coatcheck import jwt`` in place of ``import jwt``. ``encode``, ``decode`` and the exceptions are PyJWT's;
``Key``, ``Signer``, ``Verifier``, ``encrypt`` and ``decrypt`` are for new code. docs/tokens-python.md lists what is
refused here and not by PyJWT.
"""

from __future__ import annotations

from coatcheck.jwt.api_jwk import PyJWK, PyJWKSet
from coatcheck.jwt.api_jws import (
    PyJWS,
    get_algorithm_by_name,
    get_unverified_header,
    register_algorithm,
    unregister_algorithm,
)
from coatcheck.jwt.api_jwt import PyJWT, decode, decode_complete, encode
from coatcheck.jwt.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidSubjectError,
    InvalidTokenError,
    MissingRequiredClaimError,
    PyJWKClientConnectionError,
    PyJWKClientError,
    PyJWKError,
    PyJWKSetError,
    PyJWTError,
)
from coatcheck.jwt.jwks_client import PyJWKClient
from coatcheck.jwt.keys import Key, KeySet
from coatcheck.jwt.remote_keys import RemoteKeys
from coatcheck.jwt.tokens import Signer, Verifier, decrypt, encrypt, sign_async
from coatcheck.jwt.warnings import InsecureKeyLengthWarning

__version__ = "2.15.1"  # of the PyJWT whose interface this is; coatcheck's own is coatcheck.__version__

__all__ = [
    "DecodeError",
    "ExpiredSignatureError",
    "ImmatureSignatureError",
    "InsecureKeyLengthWarning",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidJTIError",
    "InvalidKeyError",
    "InvalidSignatureError",
    "InvalidSubjectError",
    "InvalidTokenError",
    "Key",
    "KeySet",
    "MissingRequiredClaimError",
    "PyJWK",
    "PyJWKClient",
    "PyJWKClientConnectionError",
    "PyJWKClientError",
    "PyJWKError",
    "PyJWKSet",
    "PyJWKSetError",
    "PyJWS",
    "PyJWT",
    "PyJWTError",
    "RemoteKeys",
    "Signer",
    "Verifier",
    "decode",
    "decode_complete",
    "decrypt",
    "encode",
    "encrypt",
    "get_algorithm_by_name",
    "get_unverified_header",
    "register_algorithm",
    "sign_async",
    "unregister_algorithm",
]
