"""``PyJWKClient``: PyJWT's client for a key set at a URL, with its two caches and its cooldown.

New code does better with ``RemoteKeys``, where the core also honours Cache-Control and ETag, and goes on with a stale
set while the URL gives no answer.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import math
import threading
import time
import urllib.error
import urllib.request
from functools import lru_cache
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

from coatcheck.jwt.api_jwk import PyJWK, PyJWKSet
from coatcheck.jwt.api_jws import get_unverified_header
from coatcheck.jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError
from coatcheck.jwt.jwk_set_cache import JWKSetCache
from coatcheck.jwt.remote_keys import NoRedirect as _NoRedirectHandler  # the name that PyJWT has it by
from coatcheck.jwt.remote_keys import read_bounded

__all__ = ["PyJWKClient"]

MAX_BYTES = 256 * 1024  # of an answer


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class PyJWKClient:
    """Threads share it. ``allow_http``: plain HTTP to a host that is not this one, for tests and closed networks."""

    def __init__(
        self,
        uri: str,
        cache_keys: bool = False,
        max_cached_keys: int = 16,
        cache_jwk_set: bool = True,
        lifespan: float = 300,
        headers: dict[str, Any] | None = None,
        timeout: float = 30,
        ssl_context: SSLContext | None = None,
        cooldown_duration: float = 30,
        *,
        allow_http: bool = False,
    ) -> None:
        scheme = urlsplit(uri).scheme.lower()
        if scheme not in ("http", "https"):
            raise _wrong(f"Invalid JWKS URI scheme {scheme!r}: only 'http' and 'https' are supported.")
        if cooldown_duration < 0:
            raise _wrong(f'Cooldown duration must be greater than or equal to 0, the input is "{cooldown_duration}"')
        if not math.isfinite(cooldown_duration):
            raise _wrong(f'Cooldown duration must be finite, the input is "{cooldown_duration}"')
        if cache_jwk_set and lifespan <= 0:
            raise _wrong(f'Lifespan must be greater than 0, the input is "{lifespan}"')
        self.uri = uri
        self.headers = {} if headers is None else headers
        self.timeout = timeout
        self.ssl_context = ssl_context
        self.cooldown_duration = cooldown_duration
        self.allow_http = allow_http
        self.jwk_set_cache = JWKSetCache(lifespan) if cache_jwk_set else None
        self._last_successful_fetch: float | None = None
        self._client_lock = threading.RLock()
        if cache_keys:
            self.get_signing_key = lru_cache(maxsize=max_cached_keys)(self.get_signing_key)  # type: ignore[method-assign]

    def fetch_data(self) -> Any:
        """Asks the URL, and puts what came into the cache. Without cookies and redirects; bounded in size and time."""
        self._check_transport()
        handlers: list[urllib.request.BaseHandler] = [_NoRedirectHandler()]
        if self.ssl_context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=self.ssl_context))
        until = time.monotonic() + self.timeout
        try:
            request = urllib.request.Request(url=self.uri, headers=self.headers)  # noqa: S310  # checked above
            with urllib.request.build_opener(*handlers).open(request, timeout=self.timeout) as response:
                # What stands in for an answer in a test has no more than read().
                streamed = isinstance(response, http.client.HTTPResponse)
                body = read_bounded(response, MAX_BYTES, until) if streamed else response.read()
        except (OSError, http.client.HTTPException) as why:
            if isinstance(why, urllib.error.HTTPError):
                why.close()
            raise PyJWKClientConnectionError(f'Fail to fetch data from the url, err: "{why}"') from why
        try:
            data = self._as_jwk_set_payload(json.loads(body))
        except (ValueError, RecursionError):
            raise PyJWKClientError("The JWKS endpoint did not return a JSON object") from None
        if self.jwk_set_cache is not None:  # only now: a failure does not empty it
            self.jwk_set_cache.put(data)
        self._last_successful_fetch = time.monotonic()
        return data

    def _check_transport(self) -> None:
        parts = urlsplit(self.uri)
        if parts.scheme.lower() == "http" and not self.allow_http and not _is_local(parts.hostname or ""):
            raise _wrong("the JWKS URI must begin with https://; plain HTTP takes allow_http=True")

    @staticmethod
    def _as_jwk_set_payload(data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise PyJWKClientError("The JWKS endpoint did not return a JSON object")
        keys = data.get("keys")
        members = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
        if any("d" in key or "k" in key for key in members):
            raise PyJWKClientError("The JWKS endpoint published a private key or a secret", code="ERR_KEY_SET_INVALID")
        return data

    def get_jwk_set(self, refresh: bool = False) -> PyJWKSet:
        """The keys: those in the cache while they are fresh, unless ``refresh`` asks the URL again."""
        held = None if self.jwk_set_cache is None or refresh else self.jwk_set_cache.get()
        if held is not None:
            return held
        data = self.fetch_data()
        # A subclass may have changed what it fetched: what it gave is what is kept.
        jwk_set = data if isinstance(data, PyJWKSet) else PyJWKSet.from_dict(self._as_jwk_set_payload(data))
        if self.jwk_set_cache is not None:
            self.jwk_set_cache.put(jwk_set)
        return jwk_set

    def get_signing_keys(self, refresh: bool = False) -> list[PyJWK]:
        """The keys that have a ``kid`` and are not for encryption."""
        found = [key for key in self.get_jwk_set(refresh).keys if key.public_key_use in ("sig", None) and key.key_id]
        if not found:
            raise PyJWKClientError("The JWKS endpoint did not contain any signing keys")
        return found

    def get_signing_key(self, kid: str) -> PyJWK:
        """The key of this ``kid``. One that is not there causes a fetch, once per cooldown."""
        with self._client_lock:
            found = self.match_kid(self.get_signing_keys(), kid)
            if found is None and not self._cooling_down():
                keys = self.get_signing_keys(refresh=True)
                self._last_successful_fetch = time.monotonic()  # fetch_data may be a subclass's
                found = self.match_kid(keys, kid)
        if found is None:
            raise PyJWKClientError(f'Unable to find a signing key that matches: "{kid}"', code="ERR_TOKEN_KEY")
        return found

    def _cooling_down(self) -> bool:
        return (
            self.jwk_set_cache is not None
            and self._last_successful_fetch is not None
            and time.monotonic() - self._last_successful_fetch < self.cooldown_duration
        )

    def get_signing_key_from_jwt(self, token: str | bytes) -> PyJWK:
        """The key that the token names. What it names is not trusted: it chooses among these keys alone."""
        return self.get_signing_key(get_unverified_header(token).get("kid"))  # type: ignore[arg-type]

    @staticmethod
    def match_kid(signing_keys: list[PyJWK], kid: str) -> PyJWK | None:
        return next((key for key in signing_keys if key.key_id == kid), None)


def _wrong(message: str) -> PyJWKClientError:
    return PyJWKClientError(message, code="ERR_INVALID_OPTION")
