"""A server's addresses, by the event loop's own resolver. For the core, which takes them in digits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, Protocol

__all__ = ["begin", "digits", "reason"]

Told = Callable[[list[str] | str, int], object]
_running: set[asyncio.Task[None]] = set()  # a loop keeps none itself


class Resolves(Protocol):
    """A loop that is not asyncio's, and looks names up by itself."""

    def resolve(self, host: str, port: int, told: Told) -> None: ...


def digits(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The addresses of getaddrinfo's answer."""
    return [socket.getnameinfo(one[4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0] for one in found]


def reason(error: OSError | UnicodeError) -> str:
    """Why there is no address."""
    return getattr(error, "strerror", None) or "it is no host name"


def begin(loop: asyncio.AbstractEventLoop | Resolves, host: str, port: int, told: Told) -> None:
    """Looks ``host`` up on ``loop``; ``told`` gets the addresses, or why there is none, and the port."""
    if not isinstance(loop, asyncio.AbstractEventLoop):
        loop.resolve(host, port, told)
        return

    async def look() -> None:
        try:
            answer: list[str] | str = digits(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer = reason(error)
        told(answer, port)

    task = loop.create_task(look())
    _running.add(task)
    task.add_done_callback(_running.discard)
