"""Where a store is: its URL, or a mapping with it and what TLS needs, by the names that these have in the URL.

What comes of that is a URL: the core knows what may stand in it, and says what is wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TypedDict
from urllib.parse import quote

from coatcheck.errors import ConfigError

__all__ = ["StorePlace", "StoreTls", "default_store"]


class StoreTls(TypedDict, total=False):
    """``ca``, ``cert`` and ``key``: PEM, or the name of a file that has it."""

    ca: str | bytes
    ca_dir: str
    cert: str | bytes
    key: str | bytes
    key_password: str
    server_name: str
    insecure: bool  # the server is not verified at all


class _Url(TypedDict):
    url: str


class StorePlace(_Url, total=False):
    """``store={"url": "rediss://redis.example", "tls": {"ca": "/etc/ssl/redis-ca.pem"}}``"""

    tls: StoreTls | None


_CACHED = re.compile(r"([a-z]+:)*cached[:(]", re.IGNORECASE)


def default_store(given: str | StorePlace | None) -> str:
    """The store's URL: what was given, else COATCHECK_STORE, else a file in the working directory."""
    if given is None or isinstance(given, str):
        return given or os.environ.get("COATCHECK_STORE") or "file:./sessions"
    return _with_tls(given)


def _with_tls(place: StorePlace) -> str:
    unknown = not isinstance(place, Mapping) or place.keys() - {"url", "tls"}
    if unknown or not isinstance(place.get("url"), str):
        raise ConfigError("store must be a URL, or a mapping with url and tls", "ERR_INVALID_OPTION")
    url, tls = place["url"], place.get("tls")
    if not tls:
        return url
    if _CACHED.match(url):
        raise ConfigError(
            "store: tls is not for cached:, which has two URLs: write ca= into the one that needs it",
            "ERR_INVALID_OPTION",
        )
    if not isinstance(tls, Mapping):
        raise ConfigError("store: tls must be a mapping", "ERR_INVALID_OPTION")
    for name in tls:
        if name not in StoreTls.__annotations__:
            raise ConfigError(
                f"unknown tls option '{name}'; there are: {', '.join(StoreTls.__annotations__)}", "ERR_INVALID_OPTION"
            )
    parameters = [_parameter(name, value) for name, value in tls.items() if value is not None and value is not False]
    return url + "".join(("&" if i or "?" in url else "?") + one for i, one in enumerate(parameters))


def _parameter(name: str, value: object) -> str:
    if name == "insecure":
        if value is not True:
            raise ConfigError("tls: insecure must be a bool", "ERR_INVALID_OPTION")
        return "tls_insecure=1"
    bytes_too = name in ("ca", "cert", "key")
    if not isinstance(value, str) and not (bytes_too and isinstance(value, bytes)):
        raise ConfigError(f"tls: {name} must be a str", "ERR_INVALID_OPTION")
    return f"{name}={quote(value, safe='')}"
