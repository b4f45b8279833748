"""PyJWT's checks of claims: its order, its words. Off the path of good tokens, which the core checks by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from coatcheck.jwt.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidSubjectError,
    MissingRequiredClaimError,
)

__all__ = ["seconds_of", "validate"]


def seconds_of(leeway: float | timedelta) -> float:
    """The leeway in seconds. NaN compares with nothing, so that it would let every token pass: refused."""
    if isinstance(leeway, timedelta):
        leeway = leeway.total_seconds()
    if not isinstance(leeway, int | float) or not math.isfinite(leeway):
        raise TypeError("leeway must be a finite number of seconds or a timedelta")
    return leeway


def _date(payload: Mapping[str, Any], claim: str) -> float:
    value = payload[claim]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise ValueError(claim)
    return value


def _validate_dates(payload: Mapping[str, Any], options: Mapping[str, Any], leeway: float) -> None:
    now = time.time()
    if "iat" in payload and options["verify_iat"]:
        try:
            iat = _date(payload, "iat")
        except ValueError:
            raise InvalidIssuedAtError("Issued At claim (iat) must be an integer.") from None
        if iat > now + leeway:
            raise ImmatureSignatureError("The token is not yet valid (iat)")
    if "nbf" in payload and options["verify_nbf"]:
        try:
            nbf = _date(payload, "nbf")
        except ValueError:
            raise DecodeError("Not Before claim (nbf) must be an integer.", "ERR_TOKEN_CLAIM") from None
        if nbf > now + leeway:
            raise ImmatureSignatureError("The token is not yet valid (nbf)")
    if "exp" in payload and options["verify_exp"]:
        try:
            exp = _date(payload, "exp")
        except ValueError:
            raise DecodeError("Expiration Time claim (exp) must be an integer.", "ERR_TOKEN_CLAIM") from None
        if exp <= now - leeway:
            raise ExpiredSignatureError("Signature has expired")


def _validate_issuer(payload: Mapping[str, Any], issuer: Any) -> None:
    if issuer is None:
        return
    if "iss" not in payload:
        raise MissingRequiredClaimError("iss")
    if not isinstance(payload["iss"], str):
        raise InvalidIssuerError("Payload Issuer (iss) must be a string")
    if isinstance(issuer, str):
        if payload["iss"] != issuer:
            raise InvalidIssuerError("Invalid issuer")
        return
    try:
        known = payload["iss"] in issuer
    except TypeError:
        raise InvalidIssuerError('Issuer param must be "str" or "Container[str]"') from None
    if not known:
        raise InvalidIssuerError("Invalid issuer")


def _validate_audience(payload: Mapping[str, Any], audience: str | Iterable[str] | None, strict: bool) -> None:
    claim = payload.get("aud")
    if audience is None:
        if claim:
            raise InvalidAudienceError("Invalid audience")
        return
    if not claim:
        raise MissingRequiredClaimError("aud")
    if strict:
        if not isinstance(audience, str):
            raise InvalidAudienceError("Invalid audience (strict)")
        if not isinstance(claim, str):
            raise InvalidAudienceError("Invalid claim format in token (strict)")
        if audience != claim:
            raise InvalidAudienceError("Audience doesn't match (strict)")
        return
    claims = [claim] if isinstance(claim, str) else claim
    if not isinstance(claims, list) or any(not isinstance(one, str) for one in claims):
        raise InvalidAudienceError("Invalid claim format in token")
    expected = [audience] if isinstance(audience, str) else audience
    if all(one not in claims for one in expected):
        raise InvalidAudienceError("Audience doesn't match")


def validate(
    payload: Mapping[str, Any],
    options: Mapping[str, Any],
    audience: str | Iterable[str] | None,
    issuer: Any,
    subject: str | None,
    leeway: float,
) -> None:
    """Raises what is wrong with the claims. The expected audience and issuer may be a string or several."""
    for claim in options["require"]:
        if payload.get(claim) is None:
            raise MissingRequiredClaimError(claim)
    _validate_dates(payload, options, leeway)
    if options["verify_iss"]:
        _validate_issuer(payload, issuer)
    if options["verify_aud"]:
        _validate_audience(payload, audience, bool(options.get("strict_aud")))
    if options["verify_sub"] and "sub" in payload:
        if not isinstance(payload["sub"], str):
            raise InvalidSubjectError("Subject must be a string")
        if subject is not None and payload["sub"] != subject:
            raise InvalidSubjectError("Invalid subject")
    if options["verify_jti"] and "jti" in payload and not isinstance(payload["jti"], str):
        raise InvalidJTIError("JWT ID must be a string")
