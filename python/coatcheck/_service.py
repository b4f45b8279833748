"""What the middlewares share: options checked and converted, and the engines made from them."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal
from weakref import WeakKeyDictionary

from coatcheck import _core
from coatcheck.errors import ConfigError, Error, SecretWarning

__all__ = [
    "Duration",
    "Mode",
    "OnUnknown",
    "Owner",
    "Secrets",
    "Service",
    "default_store",
    "environment_secret",
    "milliseconds",
    "token_options",
]

Duration = timedelta | int | float  # numbers are seconds
Secrets = str | bytes | Sequence[str | bytes]
OnUnknown = Literal["closed", "open"]
Mode = Literal["store", "jwt", "jwe"]
Owner = Callable[[Any], str | None]  # whose session it is, from its data

log = logging.getLogger("coatcheck")


def milliseconds(value: Duration | None, option: str) -> int | None:
    """A length of time in the core's unit. Raises ConfigError for anything but seconds or a timedelta."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{option} must be seconds or a timedelta, not {type(value).__name__}", "ERR_INVALID_OPTION")
    if not math.isfinite(value) or not 0 <= value <= 10**12:
        raise ConfigError(f"{option} must be 0 seconds or more, and finite", "ERR_INVALID_OPTION")
    return round(value * 1000)


def environment_secret() -> str | None:
    """The secret from COATCHECK_SECRET, for services that are given none."""
    return os.environ.get("COATCHECK_SECRET") or None


def default_store(given: str | None) -> str:
    """The store's URL: what was given, else COATCHECK_STORE, else a file in the working directory."""
    return given or os.environ.get("COATCHECK_STORE") or "file:./sessions"


def token_options(
    mode: str | None, access_ttl: int | None, refresh_grace: int | None, check_epoch: bool | None
) -> dict[str, Any]:
    """Options of sessions in their cookie. Raises ConfigError for one that the mode has no use for."""
    chosen = {"access_ttl": access_ttl, "refresh_grace": refresh_grace, "check_epoch": check_epoch or None}
    if mode is not None and mode != "store":
        return {"mode": mode, **chosen}
    for name, value in chosen.items():
        if value is not None:
            raise ConfigError(f'{name} needs mode "jwt" or "jwe"', "ERR_INVALID_OPTION")
    return {}


class Service:
    """One middleware's options. Engines on remote stores are made per event loop, when it is first seen."""

    def __init__(self, options: Mapping[str, Any], on_unknown: str = "closed", owner: Owner | None = None) -> None:
        if on_unknown not in ("closed", "open"):
            raise ConfigError('on_unknown must be one of "closed", "open"', "ERR_INVALID_OPTION")
        self.options = {name: value for name, value in options.items() if value is not None}
        if owner is not None and not callable(owner):
            raise ConfigError("owner must be a function of the session", "ERR_INVALID_OPTION")
        self.on_unknown = on_unknown
        self.owner = owner
        self.in_cookie = self.options.get("mode", "store") != "store"  # the cookie carries the session itself
        self.rolling = bool(self.options.get("rolling"))
        self.permanent_lifetime: int | None = None  # ms; Flask alone has it
        self.engine = _core.Engine(**self.options)
        self.remote = self.engine.remote
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _core.AsyncEngine] = WeakKeyDictionary()
        for warning in self.engine.warnings:
            warnings.warn(warning, SecretWarning, stacklevel=4)

    def async_engine(self) -> _core.AsyncEngine:
        """The engine of the running loop, with connections of its own. For remote stores."""
        loop = asyncio.get_running_loop()
        engine = self._by_loop.get(loop)
        if engine is None:
            self._drop_closed_loops()
            engine = self._by_loop[loop] = _core.AsyncEngine(loop, **self.options)
        return engine

    def close(self) -> None:
        """Ends all work; what comes later fails with a StoreError."""
        for engine in list(self._by_loop.values()):
            engine.close()
        self._by_loop.clear()
        self.engine.close()

    def report(self, error: Error | None) -> None:
        """Logs what a policy let pass."""
        log.error("the session store gave no answer: %s", error)

    def report_late(self) -> None:
        """Logs that a session in its cookie changed after the response's headers went out."""
        log.error("the session changed after the response's headers went out: its cookie can't be sent any more")

    def _drop_closed_loops(self) -> None:
        for loop, engine in list(self._by_loop.items()):
            if loop.is_closed():
                engine.close()
                del self._by_loop[loop]


def add_vary(existing: str | None) -> str | None:
    """The Vary header with Cookie in it; None when it already is."""
    if not existing:
        return "Cookie"
    names = {name.strip().lower() for name in existing.split(",")}
    return None if "cookie" in names or "*" in names else f"{existing}, Cookie"
