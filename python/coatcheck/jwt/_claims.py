"""PyJWT's checks of claims: its order, its words, its methods. Off the path of good tokens, which the core checks."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta, timezone
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

__all__ = ["ClaimChecks", "seconds_of"]


def seconds_of(leeway: float | timedelta) -> float:
    """The leeway in seconds. NaN compares with nothing, so that it would let every token pass: refused."""
    if isinstance(leeway, timedelta):
        leeway = leeway.total_seconds()
    if not isinstance(leeway, int | float) or not math.isfinite(leeway):
        raise TypeError("leeway must be a finite number of seconds or a timedelta")
    return leeway


def _date(payload: Mapping[str, Any], claim: str) -> float | None:
    """The claim in seconds; None where it is no number of them."""
    value = payload[claim]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return value


class ClaimChecks:
    """One method a claim, as in PyJWT, so that a subclass can replace one of them."""

    def _validate_claims(
        self,
        payload: dict[str, Any],
        options: Mapping[str, Any],
        audience: Iterable[str] | str | None = None,
        issuer: Container[str] | str | None = None,
        subject: str | None = None,
        leeway: float | timedelta = 0,
    ) -> None:
        """Raises what is wrong with the claims. The expected audience and issuer may be a string or several."""
        seconds = seconds_of(leeway)
        if audience is not None and not isinstance(audience, str | Iterable):
            raise TypeError("audience must be a string, iterable or None")
        self._validate_required_claims(payload, options["require"])
        now = datetime.now(tz=timezone.utc).timestamp()
        if "iat" in payload and options["verify_iat"]:
            self._validate_iat(payload, now, seconds)
        if "nbf" in payload and options["verify_nbf"]:
            self._validate_nbf(payload, now, seconds)
        if "exp" in payload and options["verify_exp"]:
            self._validate_exp(payload, now, seconds)
        if options["verify_iss"]:
            self._validate_iss(payload, issuer)
        if options["verify_aud"]:
            self._validate_aud(payload, audience, strict=bool(options.get("strict_aud", False)))
        if options["verify_sub"]:
            self._validate_sub(payload, subject)
        if options["verify_jti"]:
            self._validate_jti(payload)

    def _validate_required_claims(self, payload: dict[str, Any], claims: Iterable[str]) -> None:
        for claim in claims:
            if payload.get(claim) is None:
                raise MissingRequiredClaimError(claim)

    def _validate_iat(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        iat = _date(payload, "iat")
        if iat is None:
            raise InvalidIssuedAtError("Issued At claim (iat) must be an integer.")
        if iat > now + leeway:
            raise ImmatureSignatureError("The token is not yet valid (iat)")

    def _validate_nbf(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        nbf = _date(payload, "nbf")
        if nbf is None:
            raise DecodeError("Not Before claim (nbf) must be an integer.", code="ERR_TOKEN_CLAIM")
        if nbf > now + leeway:
            raise ImmatureSignatureError("The token is not yet valid (nbf)")

    def _validate_exp(self, payload: dict[str, Any], now: float, leeway: float) -> None:
        exp = _date(payload, "exp")
        if exp is None:
            raise DecodeError("Expiration Time claim (exp) must be an integer.", code="ERR_TOKEN_CLAIM")
        if exp <= now - leeway:
            raise ExpiredSignatureError("Signature has expired")

    def _validate_iss(self, payload: dict[str, Any], issuer: Container[str] | str | None) -> None:
        if issuer is None:
            return
        if "iss" not in payload:
            raise MissingRequiredClaimError("iss")
        if not isinstance(payload["iss"], str):
            raise InvalidIssuerError("Payload Issuer (iss) must be a string")
        if isinstance(issuer, str):
            issuer = (issuer,)  # a part of its text is not it
        try:
            known = payload["iss"] in issuer
        except TypeError:
            raise InvalidIssuerError('Issuer param must be "str" or "Container[str]"') from None
        if not known:
            raise InvalidIssuerError("Invalid issuer")

    def _validate_aud(
        self, payload: dict[str, Any], audience: str | Iterable[str] | None, *, strict: bool = False
    ) -> None:
        claim = payload.get("aud")
        if audience is None:
            if claim:
                raise InvalidAudienceError("Invalid audience")
            return
        if not claim:
            raise MissingRequiredClaimError("aud")
        if strict:
            self._validate_one_aud(claim, audience)
            return
        claims = [claim] if isinstance(claim, str) else claim
        if not isinstance(claims, list) or any(not isinstance(one, str) for one in claims):
            raise InvalidAudienceError("Invalid claim format in token")
        expected = [audience] if isinstance(audience, str) else audience
        if all(one not in claims for one in expected):
            raise InvalidAudienceError("Audience doesn't match")

    def _validate_one_aud(self, claim: Any, audience: str | Iterable[str]) -> None:
        if not isinstance(audience, str):
            raise InvalidAudienceError("Invalid audience (strict)")
        if not isinstance(claim, str):
            raise InvalidAudienceError("Invalid claim format in token (strict)")
        if audience != claim:
            raise InvalidAudienceError("Audience doesn't match (strict)")

    def _validate_sub(self, payload: dict[str, Any], subject: str | None = None) -> None:
        if "sub" not in payload:
            if subject is not None:  # PyJWT lets it pass
                raise MissingRequiredClaimError("sub")
            return
        if not isinstance(payload["sub"], str):
            raise InvalidSubjectError("Subject must be a string")
        if subject is not None and payload["sub"] != subject:
            raise InvalidSubjectError("Invalid subject")

    def _validate_jti(self, payload: dict[str, Any]) -> None:
        if "jti" in payload and not isinstance(payload["jti"], str):
            raise InvalidJTIError("JWT ID must be a string")
