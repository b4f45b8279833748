"""The types that PyJWT's users name in annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

__all__ = ["FullOptions", "HashlibHash", "JWKDict", "Options", "SigOptions"]

JWKDict = dict[str, Any]
HashlibHash = Callable[..., Any]


class SigOptions(TypedDict, total=False):
    """Options of ``PyJWS``."""

    verify_signature: bool
    enforce_minimum_key_length: bool  # refuse short HMAC secrets in place of warning of them


class Options(TypedDict, total=False):
    """Options of ``decode``. The ``verify_…`` ones follow ``verify_signature`` where they are left out."""

    verify_signature: bool
    require: list[str]  # claims that must be there, whatever they hold
    strict_aud: bool  # `aud` is one string, and `audience` equals it
    verify_aud: bool
    verify_exp: bool
    verify_iat: bool
    verify_iss: bool
    verify_jti: bool
    verify_nbf: bool
    verify_sub: bool
    enforce_minimum_key_length: bool


class FullOptions(TypedDict):
    """The same with none left out: what a ``PyJWT`` object holds."""

    verify_signature: bool
    require: list[str]
    strict_aud: bool
    verify_aud: bool
    verify_exp: bool
    verify_iat: bool
    verify_iss: bool
    verify_jti: bool
    verify_nbf: bool
    verify_sub: bool
    enforce_minimum_key_length: bool
