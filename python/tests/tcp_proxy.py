"""A TCP proxy in threads between a store and its server: forgets connections as a balancer does, or holds answers."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable


class TcpProxy:
    """`url`: of Redis, through the proxy. Close it at the test's end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.resets = 0
        self.under_way = 0  # what was sent and not answered
        self.answers = threading.Event()  # cleared: the server's answers wait here
        self.answers.set()
        self._clients: list[socket.socket] = []
        self._forgotten: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}?timeout=5000"

    def forget(self) -> None:
        """The connections there are get a reset for whatever they send next."""
        with self._lock:
            self._forgotten.update(self._clients)

    def close(self) -> None:
        self.answers.set()
        for one in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it, which closes it
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                with self._lock:
                    self._clients.append(client)
                self._start(self._forward, client, server)
                self._start(self._answer, client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while got := client.recv(65536):
                with self._lock:
                    forgotten = client in self._forgotten
                    self.resets += forgotten
                    self.under_way += 1
                if forgotten:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                server.sendall(got)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with server, contextlib.suppress(OSError):
            while got := server.recv(65536):
                self.answers.wait()
                with self._lock:
                    self.under_way -= 1
                client.sendall(got)
