"""Which event loop a coroutine runs on: asyncio's, uvloop's included, or trio's; and what there is once for each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from coatcheck._trio import TrioLoop

    Loop: TypeAlias = asyncio.AbstractEventLoop | TrioLoop

__all__ = ["PerLoop", "running_loop"]


def running_loop() -> Loop:
    """Raises RuntimeError outside of a coroutine."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        from coatcheck._trio import running  # never loaded where trio is not used

        return running()
    return asyncio.get_running_loop()


class _Closeable(Protocol):
    def close(self) -> None: ...


_T = TypeVar("_T", bound=_Closeable)


class PerLoop(Generic[_T]):
    """What talks to a remote store, one for each event loop: made when the loop is first seen, closed with it."""

    def __init__(self, make: Callable[[Loop], _T]) -> None:
        self._make = make
        self._by_loop: WeakKeyDictionary[Loop, _T] = WeakKeyDictionary()
        self._closed = False

    def here(self) -> _T:
        """That of the running loop."""
        loop = running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            self._drop_closed_loops()
            found = self._by_loop[loop] = self._make(loop)
            if self._closed:
                found.close()
        return found

    def close(self) -> None:
        """Closes all of them, and those of loops that come later: their calls fail as those of a closed store do."""
        self._closed = True
        for one in list(self._by_loop.values()):
            one.close()

    def _drop_closed_loops(self) -> None:
        for loop, one in list(self._by_loop.items()):
            if loop.is_closed():
                one.close()
                del self._by_loop[loop]
