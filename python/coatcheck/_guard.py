"""Whether a request's bearer token lets it in (RFC 6750): what the forms of ``coatcheck.bearer`` share."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from coatcheck import _core
from coatcheck.errors import ConfigError, Error
from coatcheck.jwt.exceptions import InvalidTokenError
from coatcheck.jwt.keys import Key, KeySet
from coatcheck.jwt.remote_keys import RemoteKeys
from coatcheck.jwt.tokens import Verifier

Keys = Key | Iterable[Key] | KeySet | RemoteKeys

log = logging.getLogger("coatcheck")
_TOKEN = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_TOLERANCE = 5  # seconds; clocks of two machines differ


class BearerOptions(TypedDict, total=False):
    """``jwks`` or ``verifier`` where no keys are given; and what ``coatcheck.jwt.Verifier`` takes beside keys."""

    jwks: str | None  # the URL of a key set
    verifier: Verifier | None  # your own, with its own policy: nothing of what follows `realm` then
    scopes: Sequence[str]  # that every request needs
    cookie: str | None  # the name of a cookie that may carry the token
    optional: bool  # let requests without a token in
    realm: str | None  # of the challenge
    algorithms: Iterable[str] | None  # that tokens may have; needed where the key set names none
    audience: str | Iterable[str] | None
    any_audience: bool
    issuer: str | Iterable[str] | None
    subject: str | None
    jti: str | None
    types: str | Iterable[str] | None
    require: Iterable[str]
    equal: Mapping[str, str]
    leeway: timedelta | float  # seconds; 5 unless told
    max_age: timedelta | float | None
    max_token: int
    loose_types: bool  # iss, sub, jti and aud of any type where nothing is expected of them
    cache: int
    cache_ttl: timedelta | float
    cache_symmetric: bool


@dataclass(frozen=True)
class Auth:
    """What is known about who sent the request."""

    claims: dict[str, Any]
    header: dict[str, Any]

    @property
    def subject(self) -> Any:
        """The claim ``sub``, or None: a string, unless ``loose_types`` lets in others."""
        return self.claims.get("sub")

    @property
    def scopes(self) -> list[str]:
        """``scope``, a text with spaces (RFC 8693, 4.2), or ``scp``, a list or such a text."""
        value = self.claims.get("scope", self.claims.get("scp"))
        if isinstance(value, str):
            return value.split(" ")
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


class BearerError(Error):
    """A request that is not let in: ``status``, and ``headers`` with the challenge of RFC 6750, 3."""

    def __init__(self, message: str, code: str, status: int = 401, challenge: str | None = None) -> None:
        super().__init__(message, code)
        self.status = status
        self.headers = {"WWW-Authenticate": challenge} if challenge is not None else {}

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.code, self.status, self.headers.get("WWW-Authenticate"))

    def answer(self) -> tuple[bytes, list[tuple[str, str]]]:
        """Body and headers of the response."""
        body = json.dumps({"error": self.code, "message": str(self)}).encode()
        fixed = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        return body, [*fixed.items(), *self.headers.items()]


def _quoted(text: str) -> str:
    """A quoted-string (RFC 9110, 5.6.4). What no header can carry becomes a space."""
    return '"' + re.sub(r'(["\\])', r"\\\1", re.sub(r"[^\x20-\x7e]", " ", text)) + '"'


class Guard:
    """The options and the checks that all forms share."""

    def __init__(
        self,
        keys: Keys | None = None,
        *,
        jwks: str | None = None,
        verifier: Verifier | None = None,
        scopes: Sequence[str] = (),
        cookie: str | None = None,
        optional: bool = False,
        realm: str | None = None,
        **policy: Any,
    ) -> None:
        if sum(given is not None for given in (keys, jwks, verifier)) != 1:
            raise ConfigError("give one of keys, jwks (a URL) and verifier", "ERR_INVALID_OPTION")
        if verifier is None:
            from_where = keys if keys is not None else RemoteKeys(jwks or "")
            verifier = Verifier(from_where, **{"leeway": _TOLERANCE, **policy})
        elif policy:
            raise ConfigError("with a verifier of your own, its options are its own", "ERR_INVALID_OPTION")
        if isinstance(scopes, str):
            raise TypeError("scopes must be a list of strings")
        self.verifier = verifier
        self.scopes = list(scopes)
        self.cookie = cookie
        self.optional = optional
        self.realm = realm

    def challenge(self, error: str | None = None, description: str = "", scopes: Sequence[str] = ()) -> str:
        parts = [f"realm={_quoted(self.realm)}"] if self.realm is not None else []
        if error is not None:
            # A description holds neither quotes nor backslashes (RFC 6750, 3).
            plain = re.sub(r'["\\]', " ", description)
            parts += [f'error="{error}"', f"error_description={_quoted(plain)}"]
        if scopes:
            parts.append(f"scope={_quoted(' '.join(scopes))}")
        return f"Bearer {', '.join(parts)}" if parts else "Bearer"

    def token(self, authorization: Sequence[bytes], cookies: Sequence[bytes]) -> str | None:
        """The one token of the request; None: it has none. Raises BearerError for two and for malformed ones."""
        if len(authorization) > 1:
            raise self._bad_request("the header Authorization was sent more than once")
        found = None
        if authorization and re.match(rb"bearer(?: |$)", authorization[0], re.IGNORECASE):
            match = _TOKEN.fullmatch(authorization[0].strip(b" \t"))
            if match is None:
                raise self._bad_request("the header Authorization is malformed")
            found = match[1].decode("ascii")
        if self.cookie is None or not cookies:
            return found
        values, _ = _core.find_cookie(b"; ".join(cookies), self.cookie)
        if len(values) > 1:
            raise self._bad_request("the cookie was sent more than once")
        other = values[0].decode("latin-1") if values else None
        if found is not None and other is not None and found != other:
            raise self._bad_request("two different tokens were sent, one in the header and one in a cookie")
        return found or other or None

    def _bad_request(self, message: str) -> BearerError:
        return BearerError(message, "ERR_TOKEN_MALFORMED", 400, self.challenge("invalid_request", message))

    def missing(self) -> BearerError:
        return BearerError("a token is needed", "ERR_TOKEN_MISSING", 401, self.challenge())

    def refused(self, why: Error) -> Error:
        """A 401 for a token that does not hold. Whether the keys are there is not the client's affair: a 503."""
        if isinstance(why, InvalidTokenError):
            return BearerError(str(why), why.code, 401, self.challenge("invalid_token", str(why)))
        log.error("tokens can't be verified: %s", why)
        return BearerError("the keys to verify tokens with are not available", why.code, 503)

    def admit(self, checked: tuple[dict[str, Any], dict[str, Any]], more: Sequence[str] = ()) -> Auth:
        auth = Auth(*checked)
        needed = [*self.scopes, *more]
        if needed:
            has = set(auth.scopes)
            if any(scope not in has for scope in needed):
                message = "the token does not have the scope that is needed"
                text = self.challenge("insufficient_scope", message, needed)
                raise BearerError(message, "ERR_TOKEN_SCOPE", 403, text)
        return auth

    def check(self, authorization: Sequence[bytes], cookies: Sequence[bytes], more: Sequence[str] = ()) -> Auth | None:
        """Who sent the request; None: nobody said. Raises BearerError. ``more``: scopes that this request needs."""
        token = self._needed(authorization, cookies, more)
        if token is None:
            return None
        try:
            checked = self.verifier.verify_complete(token)
        except Error as why:
            raise self.refused(why) from why
        return self.admit(checked, more)

    async def check_scope(self, scope: Mapping[str, Any], more: Sequence[str] = ()) -> Auth | None:
        """The same for ASGI: on the loop, but for a set at a URL, which may have to be fetched."""
        authorization = [value for name, value in scope["headers"] if name == b"authorization"]
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        if not self.verifier.remote:
            return self.check(authorization, cookies, more)
        token = self._needed(authorization, cookies, more)
        if token is None:
            return None
        try:
            checked = await self.verifier.verify_async(token)
        except Error as why:
            raise self.refused(why) from why
        return self.admit(checked, more)

    def _needed(self, authorization: Sequence[bytes], cookies: Sequence[bytes], more: Sequence[str]) -> str | None:
        token = self.token(authorization, cookies)
        if token is None and (more or not self.optional):
            raise self.missing()
        return token
