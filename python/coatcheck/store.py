"""A store by its URL, without the sessions of a request around it.

::

    coatcheck.Store("file:/var/lib/app/sessions").clear()
"""

from __future__ import annotations

from coatcheck import _core
from coatcheck._service import default_store

__all__ = ["Store"]


class Store:
    """``url`` as everywhere; left out, COATCHECK_STORE, else a file in the working directory.

    Redis over TLS: ``rediss://host?ca=/path/ca.pem``, with ``ca_dir``, ``cert``, ``key``, ``key_password`` and
    ``server_name``.
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = default_store(url)
        _core.needs_driver(self._url)  # a wrong URL shows here

    def clear(self) -> int:
        """Logs everybody out, while services run: removes all that is in the store, refresh tokens included.

        Returns how many entries went. Waits for a remote store: from asyncio, ``await asyncio.to_thread(store.clear)``.
        Sessions that are kept in their cookies (modes jwt and jwe) end with a new secret instead.
        """
        return _core.clear_store(self._url)

    def prune(self) -> int:
        """Removes what has ended, and returns how many entries went. Redis does so by itself: 0 there."""
        return _core.prune_store(self._url)
