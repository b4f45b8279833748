"""Refresh tokens: used once each, kept in any store.

::

    tokens = coatcheck.RefreshTokens("redis://...", secret)
    issued = tokens.issue("user-7", device="Firefox on Linux")
    issued = tokens.refresh(issued.token)

A token that buys nothing raises TokenError, so that nobody can forget to look: ``code`` says why, and of a reused one
``family`` is whom to warn. A store that does not answer raises StoreError: the token is as good as before. The calls
wait for a remote store; from asyncio use ``asyncio.to_thread``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from coatcheck import _core
from coatcheck._json import decode, encode
from coatcheck._service import Duration, Secrets, default_store, environment_secret, milliseconds
from coatcheck.errors import SecretWarning, TokenError

__all__ = ["RefreshTokens", "Refreshed", "TokenFamily"]

_Family = tuple[str, str, str, str, str, int, int, int, int, int]  # as the extension has it


@dataclass(frozen=True, slots=True)
class TokenFamily:
    """One login on one device. Holds no token. Times are milliseconds since the epoch."""

    id: str
    kind: Literal["refresh", "session"]  # "session": of a middleware in mode "jwt" or "jwe"
    owner: str
    device: str
    claims: dict[str, Any]
    created: int
    last_used: int
    expires_at: int
    absolute_at: int | None  # None: unbounded
    epoch: int  # the owner's when the family began: put it into access tokens, for ``check``


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A token to send, and its family."""

    token: str
    family: TokenFamily
    repeated: bool = False  # a retry: the same token was given out before

    def __repr__(self) -> str:  # a token is a credential, and reprs end up in logs
        return f"Refreshed(token=..., family={self.family!r}, repeated={self.repeated!r})"


class RefreshTokens:
    """Families of rotating tokens, by owner. Safe to share between threads.

    ``store``: a store URL; else COATCHECK_STORE, else ``file:./sessions``. ``secret``: a string, or several, newest
    first; else COATCHECK_SECRET. Without a refresh for ``idle_timeout`` (30 days) a family ends, after
    ``absolute_timeout`` (90 days; 0: never) in any case. Within ``grace`` (10 seconds) a used token gets its successor
    again. Times are seconds or timedeltas.
    """

    def __init__(
        self,
        store: str | None = None,
        secret: Secrets | None = None,
        *,
        idle_timeout: Duration | None = None,
        absolute_timeout: Duration | None = None,
        grace: Duration | None = None,
        clock: _core.ManualClock | None = None,
    ) -> None:
        self._core = _core.RefreshTokens(
            secrets=secret if secret is not None else environment_secret(),
            store=default_store(store),
            idle_timeout=milliseconds(idle_timeout, "idle_timeout"),
            absolute_timeout=milliseconds(absolute_timeout, "absolute_timeout"),
            grace=milliseconds(grace, "grace"),
            clock=clock,
        )
        for warning in self._core.warnings:
            warnings.warn(warning, SecretWarning, stacklevel=2)

    def issue(self, owner: str, *, device: str = "", claims: Mapping[str, Any] | None = None) -> Refreshed:
        """Begins a family. ``owner`` has 1 to 256 bytes, ``device`` up to 256; ``claims`` come back at each refresh."""
        token, family = self._core.issue(owner, device, encode(dict(claims or {})))
        return Refreshed(token, _family(family))

    def refresh(self, token: str) -> Refreshed:
        """Uses a token. Raises TokenError when it buys nothing: log in anew."""
        _, successor, repeated, family, why = self._core.refresh(token)
        if why is not None:
            if isinstance(why, TokenError) and family is not None:
                why.family = _family(family)
            raise why
        return Refreshed(cast("str", successor), _family(cast("_Family", family)), repeated)

    def list(self, owner: str) -> list[TokenFamily]:
        """The live families of an owner, newest first."""
        return [_family(one) for one in self._core.list(owner)]

    def revoke(self, family: str) -> bool:
        """Ends one family, by its id. False: it was not live."""
        return self._core.revoke(family)

    def revoke_token(self, token: str) -> bool:
        """Logout: ends the family of a token. False: it was not live, or is not ours."""
        return self._core.revoke_token(token)

    def revoke_all(self, owner: str, *, spare: str | None = None) -> tuple[int, int]:
        """Ends every family of an owner but ``spare`` (an id): how many there were, and the owner's new epoch."""
        return self._core.revoke_all(owner, spare or "")

    def check(self, owner: str, epoch: int) -> bool:
        """Whether a token issued under ``epoch`` (TokenFamily.epoch, or its iat in ms) is still good."""
        return self._core.check(owner, epoch)

    def close(self) -> None:
        """Ends all work; what comes later raises StoreError."""
        self._core.close()


def _family(of: _Family) -> TokenFamily:
    identity, kind, owner, device, payload, created, last_used, expires_at, absolute_at, epoch = of
    return TokenFamily(
        id=identity,
        kind="session" if kind == "session" else "refresh",
        owner=owner,
        device=device,
        claims=decode(payload),
        created=created,
        last_used=last_used,
        expires_at=expires_at,
        absolute_at=absolute_at or None,
        epoch=epoch,
    )
