"""PyJWT's exceptions, each with coatcheck's stable ``code``; and which of them an error of the core becomes.

They are coatcheck's errors as well: ``except coatcheck.Error`` catches both.
"""

from __future__ import annotations

from typing import Any, ClassVar

from coatcheck.errors import ConfigError, Error, TokenError

__all__ = [
    "DecodeError",
    "ExpiredSignatureError",
    "ImmatureSignatureError",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidJTIError",
    "InvalidKeyError",
    "InvalidSignatureError",
    "InvalidSubjectError",
    "InvalidTokenError",
    "MissingCryptographyError",
    "MissingRequiredClaimError",
    "PyJWKClientConnectionError",
    "PyJWKClientError",
    "PyJWKError",
    "PyJWKSetError",
    "PyJWTError",
]


class PyJWTError(Error):
    """Base of all. ``claim`` and ``reason`` say which claim failed and how, where one did.

    Takes any arguments, as PyJWT's do; travels through pickle with its attributes.
    """

    default_code: ClassVar[str] = "ERR_TOKEN_MALFORMED"
    claim: str | None = None
    reason: str | None = None

    def __init__(self, *args: object, code: str | None = None) -> None:
        Exception.__init__(self, *args)
        self.code = code or self.default_code

    def __reduce__(self) -> Any:
        return Exception.__reduce__(self)


class InvalidTokenError(PyJWTError, TokenError):
    """A token that is not accepted. The base of what ``decode`` raises about tokens."""


class DecodeError(InvalidTokenError):
    """The token is malformed."""


class InvalidSignatureError(DecodeError):
    """The signature is not this key's over this token."""

    default_code = "ERR_TOKEN_SIGNATURE"


class ExpiredSignatureError(InvalidTokenError):
    """``exp`` lies in the past."""

    default_code = "ERR_TOKEN_EXPIRED"


class ImmatureSignatureError(InvalidTokenError):
    """``nbf`` or ``iat`` lies in the future."""

    default_code = "ERR_TOKEN_NOT_ACTIVE"


class _ClaimError(InvalidTokenError):
    default_code = "ERR_TOKEN_CLAIM"


class InvalidAudienceError(_ClaimError):
    """``aud`` does not name what was expected."""


class InvalidIssuerError(_ClaimError):
    """``iss`` is not who was expected."""


class InvalidIssuedAtError(_ClaimError):
    """``iat`` is not a number."""


class InvalidSubjectError(_ClaimError):
    """``sub`` is not a string, or not who was expected."""


class InvalidJTIError(_ClaimError):
    """``jti`` is not a string."""


class InvalidAlgorithmError(InvalidTokenError):
    """The token's algorithm is not one that was allowed."""

    default_code = "ERR_TOKEN_ALGORITHM"


class MissingRequiredClaimError(_ClaimError):
    """A claim that must be there is not."""

    claim: str

    def __init__(self, claim: str) -> None:
        super().__init__(claim)
        self.claim = claim
        self.reason = "missing"

    def __str__(self) -> str:
        return f'Token is missing the "{self.claim}" claim'


class InvalidKeyError(PyJWTError, ConfigError):
    """A key that can't be used, or not for this."""

    default_code = "ERR_KEY_INVALID"


class PyJWKError(PyJWTError):
    """A JSON Web Key that can't be used."""

    default_code = "ERR_KEY_INVALID"


class MissingCryptographyError(PyJWKError):
    """Only there to be named: nothing here needs the package ``cryptography``."""


class PyJWKSetError(PyJWTError):
    """A set without a key that can be used."""

    default_code = "ERR_KEY_SET_INVALID"


class PyJWKClientError(PyJWTError):
    """A key set at a URL that gave no key."""

    default_code = "ERR_KEY_SET_UNAVAILABLE"


class PyJWKClientConnectionError(PyJWKClientError):
    """The URL gave no answer."""


_BY_CODE: dict[str, type[PyJWTError]] = {
    "ERR_TOKEN_MALFORMED": DecodeError,
    "ERR_TOKEN_TOO_LARGE": DecodeError,
    "ERR_TOKEN_HEADER_INVALID": DecodeError,
    "ERR_TOKEN_PAYLOAD": DecodeError,
    "ERR_TOKEN_DECRYPTION": DecodeError,
    "ERR_TOKEN_CRITICAL": InvalidTokenError,
    "ERR_TOKEN_KEY": InvalidTokenError,
    "ERR_TOKEN_TYPE": InvalidTokenError,
    "ERR_TOKEN_CLAIM": InvalidTokenError,
    "ERR_TOKEN_ALGORITHM": InvalidAlgorithmError,
    "ERR_TOKEN_SIGNATURE": InvalidSignatureError,
    "ERR_TOKEN_EXPIRED": ExpiredSignatureError,
    "ERR_TOKEN_NOT_ACTIVE": ImmatureSignatureError,
    "ERR_KEY_INVALID": InvalidKeyError,
    "ERR_KEY_UNSUITABLE": InvalidKeyError,
    "ERR_KEY_WEAK": InvalidKeyError,
    "ERR_KEY_SET_INVALID": PyJWKSetError,
    "ERR_KEY_SET_UNAVAILABLE": PyJWKClientError,
}
# Of a claim: what is raised when its type is wrong, and when it is not what was expected.
_BY_CLAIM: dict[str, tuple[type[PyJWTError], str, str]] = {
    "exp": (DecodeError, "Expiration Time claim (exp) must be an integer.", ""),
    "nbf": (DecodeError, "Not Before claim (nbf) must be an integer.", ""),
    "iat": (InvalidIssuedAtError, "Issued At claim (iat) must be an integer.", ""),
    "aud": (InvalidAudienceError, "Invalid claim format in token", "Audience doesn't match"),
    "iss": (InvalidIssuerError, "Payload Issuer (iss) must be a string", "Invalid issuer"),
    "sub": (InvalidSubjectError, "Subject must be a string", "Invalid subject"),
    "jti": (InvalidJTIError, "JWT ID must be a string", "Invalid JWT ID"),
}
_MESSAGES = {
    "ERR_TOKEN_SIGNATURE": "Signature verification failed",
    "ERR_TOKEN_ALGORITHM": "The specified alg value is not allowed",
}


def _claim_error(why: Error, claim: str, reason: str) -> PyJWTError:
    if reason == "missing":
        return MissingRequiredClaimError(claim)
    if reason == "expired":
        return ExpiredSignatureError("Signature has expired")
    if reason in ("not_active", "issued_in_future"):
        return ImmatureSignatureError(f"The token is not yet valid ({claim})")
    if claim in _BY_CLAIM and reason in ("wrong_type", "mismatch"):
        kind, wrong_type, mismatch = _BY_CLAIM[claim]
        return kind(wrong_type if reason == "wrong_type" else mismatch, code=why.code)
    return _BY_CODE[why.code](str(why), code=why.code)


def translate(why: Error) -> Error:
    """The exception of this module for an error of the core; others as they are."""
    kind = _BY_CODE.get(why.code)
    if kind is None or isinstance(why, PyJWTError):
        return why
    details: dict[str, Any] = why.__dict__
    claim, reason = details.get("claim"), details.get("reason")
    if claim is None or reason is None:
        return kind(_MESSAGES.get(why.code, str(why)), code=why.code)
    made = _claim_error(why, claim, reason)
    made.claim, made.reason = claim, reason
    return made
