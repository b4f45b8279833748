"""Flask's own session: a signed, readable cookie, byte for byte (``flask/sessions.py``, ``flask/json/tag.py``).

For moving services one by one: whoever still runs Flask's code reads what this writes, and the other way round. The
signature, its derived keys and the packed form are the core's (``coatcheck/peers.hpp``); attributes are printed by
Werkzeug, once for each set of them; JSON by the application's own provider.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from flask import sessions
from flask.json.provider import DefaultJSONProvider
from werkzeug.http import dump_cookie, http_date

from coatcheck import _core
from coatcheck._json import loads

if TYPE_CHECKING:
    from flask import Flask, Request, Response
    from flask.json.tag import TaggedJSONSerializer

log = logging.getLogger("coatcheck")

__all__ = ["SecureCookieSession", "SecureCookieSessionInterface", "registered_tags", "vary_on_cookie"]

_STOCK_TAGS = len(sessions.session_json_serializer.order)
_VALUE, _EXPIRES = "coatcheck-value", "Thu, 01 Jan 1970 00:00:00 GMT"
_KEPT = 8  # sets of attributes: an application may have a name for each host


def registered_tags(serializer: TaggedJSONSerializer) -> bool:
    """Whether an application taught the serializer types beside Flask's own."""
    return len(serializer.order) != _STOCK_TAGS


def vary_on_cookie(response: Response) -> None:
    """Adds Cookie to the response's Vary, however many headers that is."""
    vary = _core.vary_with_cookie(", ".join(response.headers.getlist("Vary")))
    if vary:
        response.headers["Vary"] = vary


class SecureCookieSession(sessions.SecureCookieSession):
    """Flask's session, which also notices what was changed inside a list or a dict."""

    _read: Any = None  # what the cookie held, to compare with; None: nothing
    _forced = False

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial)
        if initial:
            self._read = _core.copy(initial)

    @property
    def modified(self) -> bool:
        """Whether it is not what the cookie held. Set it to have the cookie written all the same."""
        if self._forced or self._read is None:
            return self._forced
        # Tuples, dates and the like are compared by Python: what tells 1 from True knows JSON alone.
        return not _core.same(self._read, self) and (_core.is_plain(self, False) or self._read != self)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._forced = value
        if not value:
            self._read = _core.copy(dict(self))

    def regenerate(self) -> None:
        """Writes the cookie anew: there is no id in it that could be taken."""
        self._forced = True


class SecureCookieSessionInterface(sessions.SecureCookieSessionInterface):
    """In the place of Flask's class of this name, with its attributes and methods to override."""

    session_class = SecureCookieSession

    def __init__(self) -> None:
        self._codec: _core.PeerCookie | None = None
        self._keys: tuple[Any, ...] = ()  # that it was made from
        self._encoder_of: tuple[Any, ...] = ()
        self._printed: dict[tuple[Any, ...], tuple[str, str]] = {}
        # Somebody who signs otherwise goes Flask's own way.
        stock = sessions.SecureCookieSessionInterface
        self._ours = (
            type(self).get_signing_serializer is stock.get_signing_serializer
            and self.key_derivation == "hmac"
            and getattr_static(self, "digest_method") is getattr_static(stock, "digest_method")
        )

    def _signing(self, app: Flask) -> _core.PeerCookie | None:
        """The codec for the keys as they are now; None while there is no secret."""
        secret, fallbacks = app.secret_key, app.config.get("SECRET_KEY_FALLBACKS")
        if not secret:
            return None
        keys = (secret, self.salt, *(fallbacks or ()))
        if keys != self._keys:
            # Flask tries the last of its list first.
            self._codec = _core.PeerCookie("flask", [secret, *reversed(keys[2:])], self.salt)
            self._keys = keys
        return self._codec

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of the request's cookie, or an empty one; None while there is no secret."""
        if not self._ours:
            return super().open_session(app, request)  # type: ignore[return-value]
        codec = self._signing(app)
        if codec is None:
            return None
        header = request.environ.get("HTTP_COOKIE")
        if header:
            if "," in header:  # of a WSGI server that joins headers so
                header = _core.split_joined_cookies(header, self.get_cookie_name(app))
            age = int(app.permanent_session_lifetime.total_seconds()) * 1000
            text = codec.read(header.encode("latin-1"), self.get_cookie_name(app), age)
            if text is not None:
                try:
                    # As Flask: the application's provider reads, and no tag begins otherwise.
                    if '{" ' in text:
                        data = self.serializer.loads(text)
                    else:
                        stock = type(app.json).loads is DefaultJSONProvider.loads
                        data = loads(text) if stock else app.json.loads(text)
                except Exception:  # as itsdangerous: a tag raises what it likes
                    data = None
                if isinstance(data, dict):
                    return self.session_class(data)
        return self.session_class()

    def save_session(self, app: Flask, session: sessions.SessionMixin, response: Response) -> None:
        """Flask's rules: sets the cookie of a session that changed or is refreshed, deletes that of an emptied one."""
        if not self._ours:
            super().save_session(app, session, response)
            return
        if session.accessed:
            vary_on_cookie(response)
        if not session:
            if not session.modified:
                return
            response.headers.add("Set-Cookie", "".join(self._attributes(app, deletes=True, expires=True)))
        elif self.should_set_cookie(app, session):
            self._set_cookie(app, session, response)
        else:
            return
        if not session.accessed:
            vary_on_cookie(response)

    def _set_cookie(self, app: Flask, session: sessions.SessionMixin, response: Response) -> None:
        codec = self._signing(app)
        if codec is None:
            raise RuntimeError("the session can't be stored: there is no SECRET_KEY any more")
        expires = self.get_expiration_time(app, session)
        value = codec.encode(self._text(app, dict(session)))
        head, tail = self._attributes(app, deletes=False, expires=expires is not None)
        if expires is not None:
            tail = tail.replace(_EXPIRES, http_date(expires), 1)
        header = head + value + tail
        most = app.config.get("MAX_COOKIE_SIZE", 4093)  # Flask 3.1; before, Werkzeug's own bound
        if most and len(header) > most:
            log.error("the session's cookie has %d bytes; browsers drop one of more than 4096", len(header))
            warnings.warn(f"The session's cookie is too large: {len(header)} bytes", UserWarning, stacklevel=3)
        response.headers.add("Set-Cookie", header)

    def _text(self, app: Flask, data: dict[str, Any]) -> str:
        if registered_tags(self.serializer) or not _core.is_plain(data, False):
            return self.serializer.dumps(data)
        provider = app.json
        if type(provider).dumps is not DefaultJSONProvider.dumps:
            return provider.dumps(data, separators=(",", ":"))
        # What json.dumps makes of these anew at each call.
        settings = (provider.default, provider.ensure_ascii, provider.sort_keys)  # type: ignore[attr-defined]
        if settings != self._encoder_of:
            default, ensure_ascii, sort_keys = settings
            self._encode = json.JSONEncoder(
                ensure_ascii=ensure_ascii, sort_keys=sort_keys, separators=(",", ":"), default=default
            ).encode
            self._encoder_of = settings
        return self._encode(data)

    def _attributes(self, app: Flask, deletes: bool, expires: bool) -> tuple[str, str]:
        """What stands before and after a cookie's value, as Werkzeug prints it."""
        settings = (
            self.get_cookie_name(app),
            self.get_cookie_domain(app),
            self.get_cookie_path(app),
            self.get_cookie_secure(app),
            self.get_cookie_httponly(app),
            self.get_cookie_samesite(app),
            self.get_cookie_partitioned(app) if hasattr(self, "get_cookie_partitioned") else False,
            deletes,
            expires,
        )
        printed = self._printed.get(settings)
        if printed is None:
            name, domain, path, secure, http_only, same_site, partitioned, *_ = settings
            line = dump_cookie(
                name,
                "" if deletes else _VALUE,
                max_age=0 if deletes else None,
                expires=0 if expires else None,
                path=path,
                domain=domain,
                secure=secure,
                httponly=http_only,
                samesite=same_site,
                **({"partitioned": True} if partitioned else {}),  # Werkzeug 3.1
            )
            head, _, tail = (line, "", "") if deletes else line.partition(_VALUE)
            if len(self._printed) >= _KEPT:
                self._printed.clear()
            printed = self._printed[settings] = (head, tail)
        return printed
