"""A store by its URL, without the sessions of a request around it.

::

    coatcheck.Store("file:/var/lib/app/sessions").clear()
"""

from __future__ import annotations

from typing import Literal

from coatcheck import _core
from coatcheck._place import StorePlace, default_store

__all__ = ["Store", "cached", "create_schema", "schema_sql"]


class Store:
    """``url`` as everywhere; left out, COATCHECK_STORE, else a file in the working directory.

    Redis over TLS: ``rediss://host?ca=/path/ca.pem``, with ``ca_dir``, ``cert``, ``key``, ``key_password`` and
    ``server_name``.
    """

    def __init__(self, url: str | StorePlace | None = None) -> None:
        self._url = default_store(url)
        _core.needs_driver(self._url)  # a wrong URL shows here

    def clear(self) -> int:
        """Logs everybody out, while services run: removes all that is in the store, refresh tokens included.

        Returns how many entries went. Waits for a remote store: from asyncio, ``await asyncio.to_thread(store.clear)``.
        Sessions that are kept in their cookies (modes jwt and jwe) end with a new secret instead.
        """
        return _core.clear_store(self._url)

    def prune(self) -> int:
        """Removes what has ended, and returns how many entries went.

        Redis does so by itself: 0 there. PostgreSQL needs it now and then, from any number of services at once.
        """
        return _core.prune_store(self._url)


def cached(
    cache: str,
    origin: str,
    *,
    ttl: int | None = None,
    absent_ttl: int | None = None,
    stale: int | None = None,
    timeout: int | None = None,
    removal: Literal["both", "origin"] | None = None,
) -> str:
    """The store URL of a cache before a durable store: ``store=cached("redis://cache", "postgresql://db/app")``.

    ``cache`` may forget; ``origin`` decides every write, and may be what ``cached`` returns. Times in milliseconds, as
    in the guide, "A cache before a durable store". What they may be is said where the URL is used.
    """
    for url in (cache, origin):
        if not isinstance(url, str) or url == "":
            raise TypeError("cached needs two store URLs, cache and origin")
    chosen = []
    for name, number in (("ttl", ttl), ("absent_ttl", absent_ttl), ("stale", stale), ("timeout", timeout)):
        if number is None:
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"cached: {name} must be a whole number of milliseconds")
        chosen.append(f"{name}={number}")
    if removal is not None:
        if removal not in ("both", "origin"):
            raise TypeError('cached: removal must be "both" or "origin"')
        chosen.append(f"removal={removal}")
    options = f"({','.join(chosen)})" if chosen else ""
    # The first bar divides; one within the cache's URL would do so, too.
    return f"cached{options}:{cache.replace('|', '%7C')}|{origin}"


def create_schema(url: str | StorePlace | None = None) -> int:
    """Makes the tables of a store that has some (PostgreSQL), or brings older ones up to date.

    Once, when a service is set up; doing it again, or from two programs at once, does no harm. Returns the version
    that is there now.
    """
    return _core.create_schema(default_store(url))


def schema_sql(url: str | StorePlace | None = None) -> str:
    """The SQL that ``create_schema`` runs, for those who run migrations of their own. Connects to nothing."""
    return _core.schema_sql(default_store(url))
