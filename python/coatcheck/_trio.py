"""Trio as the core's driver sees an event loop: the methods of asyncio's loop that it calls, and no others.

Each watched descriptor and each timer is a system task of trio's: it ends with the run, and nothing waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

import trio
from trio.lowlevel import RunVar, current_trio_token, spawn_system_task, wait_readable, wait_writable

from coatcheck._resolve import Told, digits, reason

__all__ = ["TrioFuture", "TrioLoop", "running"]

log = logging.getLogger("coatcheck")

Callback = Callable[[], object]


def _run(callback: Callback) -> None:
    """An error has nobody to go to, and one that left a system task would end the run."""
    try:
        callback()
    except Exception:
        log.exception("a callback on trio failed")


class TrioFuture:
    """What a call in flight answers. As of asyncio's, only what is used."""

    def __init__(self) -> None:
        self._done = trio.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def set_result(self, value: Any) -> None:
        self._value = value
        self._done.set()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._done.set()

    def __await__(self) -> Generator[Any, None, Any]:
        yield from self._done.wait().__await__()
        if self._error is not None:
            raise self._error
        return self._value


class _Timer:
    """As asyncio's TimerHandle."""

    def __init__(self, seconds: float, callback: Callback) -> None:
        self._callback: Callback | None = callback
        self._scope = trio.CancelScope(deadline=trio.current_time() + seconds)
        spawn_system_task(self._wait)

    def cancel(self) -> None:
        self._callback = None
        self._scope.cancel()

    async def _wait(self) -> None:
        with self._scope:
            await trio.sleep_forever()
        if self._callback is not None:
            _run(self._callback)


class TrioLoop:
    """One run of trio."""

    def __init__(self) -> None:
        self._token = current_trio_token()
        self._thread = threading.get_ident()
        self._ended = False
        self._watched: dict[tuple[Callable[[int], Awaitable[None]], int], trio.CancelScope] = {}
        spawn_system_task(self._until_the_end)

    async def _until_the_end(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._ended = True

    def is_closed(self) -> bool:
        """Also for another thread, from where the run is not to be touched."""
        return self._ended or threading.get_ident() != self._thread

    def create_future(self) -> TrioFuture:
        return TrioFuture()

    def call_soon(self, callback: Callback) -> None:
        self._token.run_sync_soon(_run, callback)

    def call_later(self, seconds: float, callback: Callback) -> _Timer:
        return _Timer(seconds, callback)

    def add_reader(self, fd: int, callback: Callback) -> None:
        self._watch(wait_readable, fd, callback)

    def add_writer(self, fd: int, callback: Callback) -> None:
        self._watch(wait_writable, fd, callback)

    def remove_reader(self, fd: int) -> None:
        self._stop(wait_readable, fd)

    def remove_writer(self, fd: int) -> None:
        self._stop(wait_writable, fd)

    def _watch(self, ready: Callable[[int], Awaitable[None]], fd: int, callback: Callback) -> None:
        self._stop(ready, fd)
        scope = self._watched[ready, fd] = trio.CancelScope()

        async def watch() -> None:
            with scope:
                while not scope.cancel_called:  # the callback itself may have stopped this
                    await ready(fd)
                    _run(callback)

        spawn_system_task(watch)

    def _stop(self, ready: Callable[[int], Awaitable[None]], fd: int) -> None:
        scope = self._watched.pop((ready, fd), None)
        if scope is not None:
            scope.cancel()  # trio forgets the descriptor inside this call

    def resolve(self, host: str, port: int, told: Told) -> None:
        """Looks ``host`` up; ``told`` gets the addresses, or why there is none, and the port."""

        async def look() -> None:
            try:
                found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
                answer: list[str] | str = digits(found)
            except (OSError, UnicodeError) as error:
                answer = reason(error)
            _run(partial(told, answer, port))

        spawn_system_task(look)


_loop: RunVar[TrioLoop] = RunVar("coatcheck")


def running() -> TrioLoop:
    """That of the run that the caller is in: one for each."""
    try:
        return _loop.get()
    except LookupError:
        made = TrioLoop()
        _loop.set(made)
        return made
