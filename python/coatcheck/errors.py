"""The exceptions of coatcheck: one base, one class per kind of error, a stable code on each.

Which class a code of the core raises is decided by the core's own table (``core/include/coatcheck/error.hpp``).
Messages say what was wrong, with what, and what to do; they hold no secret, no session data and no full id.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConfigError",
    "Error",
    "InternalError",
    "PayloadError",
    "SecretWarning",
    "SessionConflict",
    "SessionError",
    "SessionGone",
    "StoreError",
    "StoreTimeout",
    "TokenError",
    "UsageError",
]


class Error(Exception):
    """Base of all. ``code`` is the stable name, e.g. ``"ERR_STORE_FULL"``."""

    code: str

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return type(self), (str(self), self.code)


class ConfigError(Error, ValueError):
    """An option, secret or store URL that can't be used."""


class UsageError(Error, RuntimeError):
    """A call at a time when it can't work, e.g. after the response's headers have gone."""


class PayloadError(Error, TypeError, ValueError):
    """The session holds something that can't be stored; the message names the key.

    A ``TypeError`` and a ``ValueError`` both, as ``json.dumps`` raises one or the other.
    """


class StoreError(Error):
    """The store gave no answer that can be trusted: an outage, a full disk, a damaged record."""


class StoreTimeout(StoreError, TimeoutError):
    """The store did not answer by the deadline of the operation."""


class SessionError(Error):
    """Another request got in the way of this one's session."""


class SessionConflict(SessionError):
    """Both requests changed the same value and ``on_conflict`` is ``"reject"``, or the retries ran out."""


class SessionGone(SessionError):
    """The session was destroyed meanwhile."""


class TokenError(Error, ValueError):
    """A token that is not accepted."""

    family: Any = None  # of a reused refresh token: its TokenFamily, for the alarm


class InternalError(Error, RuntimeError):
    """The system failed: no randomness, or the cryptographic library refused to work."""


class SecretWarning(UserWarning):
    """A secret that works but is weaker than it should be."""
