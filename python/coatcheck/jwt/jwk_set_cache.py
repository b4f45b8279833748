"""The set that a ``PyJWKClient`` holds, and for how long."""

from __future__ import annotations

import time
from typing import Any

from coatcheck.jwt.api_jwk import PyJWKSet, PyJWTSetWithTimestamp
from coatcheck.jwt.exceptions import PyJWKSetError

__all__ = ["JWKSetCache"]


class JWKSetCache:
    """One set and its age. ``lifespan``: seconds; -1: for ever."""

    def __init__(self, lifespan: float) -> None:
        self.jwk_set_with_timestamp: PyJWTSetWithTimestamp | None = None
        self.lifespan = lifespan

    def put(self, jwk_set: PyJWKSet | dict[str, Any] | None) -> None:
        """Holds this set from now on; None: nothing."""
        if jwk_set is None:
            self.jwk_set_with_timestamp = None
            return
        if isinstance(jwk_set, dict):
            jwk_set = PyJWKSet.from_dict(jwk_set)
        if not isinstance(jwk_set, PyJWKSet):
            raise PyJWKSetError("Invalid JWK Set value")
        self.jwk_set_with_timestamp = PyJWTSetWithTimestamp(jwk_set)

    def get(self) -> PyJWKSet | None:
        """The set, unless there is none or it is too old."""
        held = self.jwk_set_with_timestamp
        return None if held is None or self.is_expired() else held.get_jwk_set()

    def is_expired(self) -> bool:
        held = self.jwk_set_with_timestamp
        return held is not None and self.lifespan > -1 and time.monotonic() > held.get_timestamp() + self.lifespan
