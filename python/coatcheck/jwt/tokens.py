"""Signers and verifiers that are made once, and encryption: coatcheck's own interface, beside PyJWT's.

A ``Verifier`` takes the keys and everything that is expected of a token; ``verify`` is then one call of the core.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from coatcheck import _core
from coatcheck._duration import milliseconds
from coatcheck.errors import Error
from coatcheck.jwt.exceptions import translate
from coatcheck.jwt.keys import Key, KeySet, call
from coatcheck.jwt.remote_keys import RemoteKeys
from coatcheck.jwt.utils import canonical_decode

__all__ = ["Signer", "Verifier", "decrypt", "encrypt", "sign_async"]

Span = timedelta | int | float  # numbers are seconds
_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _texts(value: str | Iterable[str] | None, option: str) -> list[str]:
    texts = [] if value is None else [value] if isinstance(value, str) else list(value)
    if any(not isinstance(one, str) or not one for one in texts):
        raise TypeError(f"{option} must be a string or several, none of them empty")
    return texts


class Signer:
    """Signs claims with one key. ``expires_in`` sets ``exp`` where the claims have none; ``iat`` is always set.

    ``loose_types``: ``iss``, ``sub``, ``jti`` and ``aud`` may be of any type; else what is not a string (``aud``: or a
    list of strings, RFC 7519, 4.1) is refused, as ``Verifier`` refuses it.
    """

    def __init__(
        self,
        key: Key,
        *,
        typ: str | None = "JWT",
        headers: Mapping[str, Any] | None = None,
        issuer: str | None = None,
        audience: str | list[str] | None = None,
        subject: str | None = None,
        expires_in: Span | None = None,
        not_before: Span | None = None,
        issued_at: bool = True,
        loose_types: bool = False,
    ) -> None:
        header = {**({} if typ is None else {"typ": typ}), **(headers or {})}
        self._sign = call(_core.jwt_signer, key.native, json.dumps(header), True, loose_types).sign
        fixed = {"iss": issuer, "aud": audience, "sub": subject}
        self._fixed = {claim: value for claim, value in fixed.items() if value is not None}
        self._expires_in = milliseconds(expires_in, "expires_in")
        self._not_before = milliseconds(not_before, "not_before")
        self._issued_at = issued_at

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The token."""
        return self._run(self._text(claims))

    async def sign_async(self, claims: Mapping[str, Any]) -> str:
        """The same in the loop's executor, without the GIL: for RSA, which takes about a millisecond."""
        return await asyncio.get_running_loop().run_in_executor(None, self._run, self._text(claims))

    def _run(self, text: str) -> str:
        try:
            return self._sign(text)
        except Error as why:
            raise translate(why) from None

    def _text(self, claims: Mapping[str, Any]) -> str:
        now = time.time()
        out = {**claims, **self._fixed}
        if self._issued_at:
            out.setdefault("iat", int(now))
        if self._expires_in is not None:
            out.setdefault("exp", int(now + self._expires_in / 1000))
        if self._not_before is not None:
            out.setdefault("nbf", int(now + self._not_before / 1000))
        return _encoder.encode(out)


class Verifier:
    """Verifies tokens by one policy.

    ``keys``: a Key, several, a KeySet, or a RemoteKeys. ``audience``: what ``aud`` must name; without one, a token
    that names an audience is refused (RFC 7519, 4.1.3), unless ``any_audience`` says that it does not matter.
    ``algorithms``: those that tokens may have; without any, those that the keys name. A set without ``alg`` needs it.
    ``types``: what the header's ``typ`` must be; without one it is not looked at. ``cache``: how many verified tokens
    are remembered, off by default; ``cache_symmetric`` for HMAC too, where a look-up costs about what verifying does.
    ``loose_types``: take ``iss``, ``sub``, ``jti`` and ``aud`` of any type where nothing is expected of them.
    Times are seconds or timedeltas. Dates are always checked.
    """

    def __init__(
        self,
        keys: Key | Iterable[Key] | KeySet | RemoteKeys,
        *,
        algorithms: Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        any_audience: bool = False,
        issuer: str | Iterable[str] | None = None,
        subject: str | None = None,
        jti: str | None = None,
        types: str | Iterable[str] | None = None,
        require: Iterable[str] = (),
        equal: Mapping[str, str] | None = None,
        leeway: Span = 0,
        max_age: Span | None = None,
        max_token: int = 8192,
        loose_types: bool = False,
        cache: int = 0,
        cache_ttl: Span = 600,
        cache_symmetric: bool = False,
    ) -> None:
        policy = {
            "audiences": _texts(audience, "audience"),
            "refuse_audience": not any_audience,
            "issuers": _texts(issuer, "issuer"),
            "subject": subject,
            "id": jti,
            "types": _texts(types, "types"),
            "required": _texts(require, "require"),
            "equal": list((equal or {}).items()),
            "leeway": milliseconds(leeway, "leeway"),
            "max_age": milliseconds(max_age, "max_age"),
            "loose_types": loose_types,
        }
        self._remote = keys if isinstance(keys, RemoteKeys) else None
        self._epoch: int | None = None
        native = KeySet([]).native if isinstance(keys, RemoteKeys) else as_set(keys)
        ttl = milliseconds(cache_ttl, "cache_ttl")
        names = _texts(algorithms, "algorithms")
        if algorithms is not None and not names:
            raise TypeError("algorithms must name one at least")
        self._native = call(_core.jwt_verifier, native, policy, max_token, cache, ttl, cache_symmetric, names)
        self._verify = self._native.verify

    def verify(self, token: str | bytes, now: int | None = None) -> dict[str, Any]:
        """The claims. ``now``: milliseconds since the epoch, for tests. A set at a URL may be fetched."""
        if self._remote is not None:
            self._renew(self._remote, token)
        try:
            return self._verify(token, now)
        except Error as why:
            raise translate(why) from None

    def verify_complete(self, token: str | bytes, now: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The claims and the header."""
        if self._remote is not None:
            self._renew(self._remote, token)
        return call(self._native.verify_complete, token, now)

    async def verify_async(self, token: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """Claims and header; where the keys live at a URL, what may have to be fetched is fetched off the loop."""
        if self._remote is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._renew, self._remote, token)
        return call(self._native.verify_complete, token)

    @property
    def remote(self) -> bool:
        """Whether verifying may wait for a URL."""
        return self._remote is not None

    def replace_keys(self, keys: Key | Iterable[Key] | KeySet) -> None:
        """Other keys from here on. Remembered tokens are forgotten."""
        call(self._native.replace_keys, as_set(keys))

    def clear_cache(self) -> None:
        self._native.clear_cache()

    @property
    def cache_stats(self) -> dict[str, int]:
        hits, misses, entries = self._native.cache_stats()
        return {"hits": hits, "misses": misses, "entries": entries}

    def _renew(self, remote: RemoteKeys, token: str | bytes) -> None:
        keys, epoch = remote.keys(_kid_of(token))
        if epoch != self._epoch:
            remote.report(call(self._native.replace_keys, keys))
            self._epoch = epoch


def _kid_of(token: str | bytes) -> str:
    """The kid that a token names, or nothing: only to know whether the set has it."""
    try:
        text = token.encode("ascii") if isinstance(token, str) else token
        kid = json.loads(canonical_decode(text[:16384].split(b".", 1)[0])).get("kid")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return kid if isinstance(kid, str) and len(kid) <= 256 else ""


def as_set(keys: Key | Iterable[Key] | KeySet) -> _core.JwtKeySet:
    if isinstance(keys, KeySet):
        return keys.native
    return KeySet([keys] if isinstance(keys, Key) else keys).native


async def sign_async(payload: Mapping[str, Any], key: Key, headers: Mapping[str, Any] | None = None) -> str:
    """A token signed in the loop's executor, without the GIL. Nothing is added to the claims."""
    return await Signer(key, headers=headers, issued_at=False).sign_async(payload)


def encrypt(
    plaintext: str | bytes,
    key: Key,
    *,
    enc: str | None = None,
    headers: Mapping[str, Any] | None = None,
    apu: bytes = b"",
    apv: bytes = b"",
) -> str:
    """A JWE in its compact form. Whoever has a public key can make one: it says nothing about who did."""
    text = plaintext.encode() if isinstance(plaintext, str) else plaintext
    return call(_core.jwe_encrypt, key.native, text, enc, json.dumps(headers) if headers else "", apu, apv)


def decrypt(
    token: str,
    keys: Key | Iterable[Key] | KeySet,
    *,
    encs: Iterable[str] = (),
    max_token: int = 16384,
    allow_password: bool = False,
) -> bytes:
    """What a JWE holds. ``encs``: the content encryptions that are taken; all when none is named."""
    return call(_core.jwe_decrypt, token, as_set(keys), list(encs), max_token, allow_password)[0]
