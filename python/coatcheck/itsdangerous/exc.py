"""The errors of itsdangerous 2.2, with its names and attributes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from coatcheck.errors import Error

__all__ = ["BadData", "BadHeader", "BadPayload", "BadSignature", "BadTimeSignature", "SignatureExpired"]


class BadData(Error):
    """What is not as it was when it was signed. The base of all others."""

    def __init__(self, message: str) -> None:
        super().__init__(message, self._code)
        self.message = message

    _code = "ERR_TOKEN_MALFORMED"

    def __reduce__(self) -> Any:
        return _restore, (type(self), self.__dict__)


class BadSignature(BadData):
    """No key made the signature. ``payload``: what stood before it, which nobody vouches for."""

    _code = "ERR_TOKEN_SIGNATURE"

    def __init__(self, message: str, payload: Any = None) -> None:
        super().__init__(message)
        self.payload = payload


class BadTimeSignature(BadSignature):
    """The same of a value with a timestamp. ``date_signed``: what it claims, None where it is none."""

    def __init__(self, message: str, payload: Any = None, date_signed: datetime | None = None) -> None:
        super().__init__(message, payload)
        self.date_signed = date_signed


class SignatureExpired(BadTimeSignature):
    """It is older than ``max_age``, or from the future."""

    _code = "ERR_TOKEN_EXPIRED"


class BadHeader(BadSignature):
    """Kept for those who import it: nothing here has headers."""

    def __init__(self, message: str, payload: Any = None, header: Any = None, original_error: Any = None) -> None:
        super().__init__(message, payload)
        self.header, self.original_error = header, original_error


class BadPayload(BadData):
    """The signature holds, and what was signed can't be read. ``original_error``: why."""

    _code = "ERR_TOKEN_PAYLOAD"

    def __init__(self, message: str, original_error: Exception | None = None) -> None:
        super().__init__(message)
        self.original_error = original_error


def _restore(of: type[BadData], state: dict[str, Any]) -> BadData:
    made = of.__new__(of, state["message"])
    made.__dict__.update(state)
    return made
