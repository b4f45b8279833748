"""Refresh tokens: used once each, kept in any store.

::

    tokens = coatcheck.RefreshTokens("redis://...", secret)
    issued = tokens.issue("user-7", device="Firefox on Linux")
    issued = tokens.refresh(issued.token)

A token that buys nothing raises TokenError, so that nobody can forget to look: ``code`` says why, and of a reused one
``family`` is whom to warn. A store that does not answer raises StoreError: the token is as good as before.

The calls of RefreshTokens wait for a remote store. AsyncRefreshTokens has the same ones for asyncio and trio, where
nothing blocks the loop: a remote store is waited for on the loop itself, a local one answers in the call.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Literal, TypeVar, cast

from coatcheck import _core
from coatcheck._duration import Duration, milliseconds
from coatcheck._json import decode, encode
from coatcheck._loops import PerLoop
from coatcheck._place import StorePlace, default_store
from coatcheck._service import Secrets, environment_secret
from coatcheck.errors import Error, SecretWarning, TokenError

__all__ = ["AsyncRefreshTokens", "RefreshTokens", "Refreshed", "TokenFamily"]

_T = TypeVar("_T")
_Family = tuple[str, str, str, str, str, int, int, int, int, int]  # as the extension has it
_Answer = tuple[str, str | None, bool, _Family | None, Error | None]  # of refresh, likewise


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


class _Tokens:
    """What both classes are made from.

    ``store``: a store URL; else COATCHECK_STORE, else ``file:./sessions``. ``secret``: a string, or several, newest
    first; else COATCHECK_SECRET. Without a refresh for ``idle_timeout`` (30 days) a family ends, after
    ``absolute_timeout`` (90 days; 0: never) in any case. Within ``grace`` (10 seconds) a used token gets its successor
    again. Times are seconds or timedeltas. ``encrypt``: as of the middlewares.
    """

    def __init__(
        self,
        store: str | StorePlace | None = None,
        secret: Secrets | None = None,
        *,
        idle_timeout: Duration | None = None,
        absolute_timeout: Duration | None = None,
        grace: Duration | None = None,
        encrypt: bool | str | None = None,
        clock: _core.ManualClock | None = None,
    ) -> None:
        url = default_store(store)
        options = {
            "secrets": secret if secret is not None else environment_secret(),
            "store": url,
            "encrypt": encrypt,
            "idle_timeout": milliseconds(idle_timeout, "idle_timeout"),
            "absolute_timeout": milliseconds(absolute_timeout, "absolute_timeout"),
            "grace": milliseconds(grace, "grace"),
            "clock": clock,
        }
        self._core = _core.RefreshTokens(**options)
        # For event loops: what talks to a remote store. Empty until a loop is seen.
        self._by_loop = PerLoop(lambda loop: _core.AsyncRefreshTokens(loop, **options))
        self._remote = _core.needs_driver(url)
        for warning in self._core.warnings:
            warnings.warn(warning, SecretWarning, stacklevel=2)


class RefreshTokens(_Tokens):
    """Families of rotating tokens, by owner. Safe to share between threads."""

    def issue(self, owner: str, *, device: str = "", claims: Mapping[str, Any] | None = None) -> Refreshed:
        """Begins a family. ``owner`` has 1 to 256 bytes, ``device`` up to 256; ``claims`` come back at each refresh."""
        return _issued(self._core.issue(owner, device, encode(dict(claims or {}))))

    def refresh(self, token: str) -> Refreshed:
        """Uses a token. Raises TokenError when it buys nothing: log in anew."""
        return _refreshed(self._core.refresh(token))

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


class AsyncRefreshTokens(_Tokens):
    """The same for asyncio and trio: every call is awaited, on any event loop and any number of them.

    A call that is cancelled runs to its end all the same: a token that was in use may have been replaced, and gets its
    successor again within ``grace``.
    """

    async def issue(self, owner: str, *, device: str = "", claims: Mapping[str, Any] | None = None) -> Refreshed:
        """As RefreshTokens.issue; and so the other calls."""
        return _issued(await _answer(self._here().issue(owner, device, encode(dict(claims or {})))))

    async def refresh(self, token: str) -> Refreshed:
        return _refreshed(await _answer(self._here().refresh(token)))

    async def list(self, owner: str) -> list[TokenFamily]:
        return [_family(one) for one in await _answer(self._here().list(owner))]

    async def revoke(self, family: str) -> bool:
        return await _answer(self._here().revoke(family))

    async def revoke_token(self, token: str) -> bool:
        return await _answer(self._here().revoke_token(token))

    async def revoke_all(self, owner: str, *, spare: str | None = None) -> tuple[int, int]:
        return await _answer(self._here().revoke_all(owner, spare or ""))

    async def check(self, owner: str, epoch: int) -> bool:
        return await _answer(self._here().check(owner, epoch))

    def close(self) -> None:
        """Ends all work; what comes later raises StoreError."""
        self._by_loop.close()
        self._core.close()

    def _here(self) -> _core.RefreshTokens | _core.AsyncRefreshTokens:
        return self._by_loop.here() if self._remote else self._core


async def _answer(given: _T | Awaitable[_T]) -> _T:
    """A local store answers in the call, a remote one in a future."""
    return await given if isawaitable(given) else given


def _issued(answer: tuple[str, _Family]) -> Refreshed:
    token, family = answer
    return Refreshed(token, _family(family))


def _refreshed(answer: _Answer) -> Refreshed:
    _, token, repeated, family, why = answer
    if why is not None:
        if isinstance(why, TokenError) and family is not None:
            why.family = _family(family)
        raise why
    return Refreshed(cast("str", token), _family(cast("_Family", family)), repeated)


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
