"""How a blocking call waits under gevent: other greenlets run meanwhile. Imported where gevent has patched sockets."""

from __future__ import annotations

import contextlib

import gevent
from gevent import socket
from gevent.socket import wait_read, wait_readwrite

from coatcheck._resolve import digits, reason

__all__ = ["resolve", "wait"]


class _TimeOverError(Exception):
    pass


def resolve(host: str, port: int) -> list[str] | str:
    """The addresses of ``host`` in digits, or why there is none. By gevent's resolver."""
    try:
        return digits(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        return reason(error)


def wait(fd: int, writes: bool, seconds: float) -> None:
    """Until ``fd`` can be read, or written if ``writes``, or the time is over. ``fd`` -1: only the time."""
    if fd < 0:
        gevent.sleep(seconds)
        return
    with contextlib.suppress(_TimeOverError):
        (wait_readwrite if writes else wait_read)(fd, timeout=seconds, timeout_exc=_TimeOverError)
