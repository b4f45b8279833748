"""What has expired is dropped from the store every so often: the option ``prune_interval``.

It is done at the end of a request that comes when it is due, a batch at a time (about a millisecond): no thread and no
timer, so that it is the same under every server, and a process that nobody calls does nothing. Of all processes on one
store one does it in an interval (coatcheck/pruning.hpp).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from coatcheck import _core
from coatcheck.errors import ConfigError, StoreError

__all__ = ["Pruning"]

log = logging.getLogger("coatcheck")


class Pruning:
    """When it is this process's turn to ask. ``interval`` in milliseconds; ``told`` hears of how many entries went.

    Any thread may call it. Two that find it due at once ask the store twice, which gives the turn to one.
    """

    def __init__(self, interval: int, told: Callable[[int], object]) -> None:
        least, most = _core.PRUNE_INTERVALS
        if not least <= interval <= most:
            raise ConfigError("prune_interval must be 1 second to 1 day", "ERR_INVALID_OPTION")
        self._interval = interval
        self._told = told
        self._next = monotonic() + interval / 1000
        self._more = False  # the last batch was full

    def _due(self) -> int | None:
        """What prune_turn takes now; None: nothing is due."""
        if self._more:
            self._more = False
            return 0
        now = monotonic()
        if now < self._next:
            return None
        self._next = now + self._interval / 1000
        return self._interval

    def now_and_then(self, engine: _core.Engine | _core.AsyncEngine) -> None:
        """One batch, if it is due; with an engine that is waited for begun here, and waited for by nobody."""
        interval = self._due()
        if interval is None:
            return
        if isinstance(engine, _core.AsyncEngine):
            engine.prune_turn(interval).add_done_callback(self._answered)
            return
        try:
            self._pruned(engine.prune_turn(interval))
        except StoreError as error:
            log.warning("expired sessions could not be dropped: %s", error)

    def _answered(self, asked: asyncio.Future[int | None]) -> None:
        if asked.cancelled():
            return
        error = asked.exception()
        if error is None:
            self._pruned(asked.result())
        else:
            log.warning("expired sessions could not be dropped: %s", error)

    def _pruned(self, count: int | None) -> None:
        if not count:
            return
        self._more = count >= _core.PRUNE_BATCH
        self._told(count)
