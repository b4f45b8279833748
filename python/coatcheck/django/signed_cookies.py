"""``SESSION_ENGINE = "coatcheck.django.signed_cookies"``: Django's engine of this name, byte for byte, on the core.

For moving services one by one: whoever still runs Django's own reads what this writes, and the other way round
(``django/contrib/sessions/backends/signed_cookies.py``).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.serializers import JSONSerializer

from coatcheck import _core
from coatcheck.errors import TokenError

__all__ = ["SessionStore"]

_codec: tuple[tuple[Any, ...], _core.PeerCookie] | None = None


def _signing() -> _core.PeerCookie:
    """For the keys as they are now."""
    global _codec
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if _codec is None or _codec[0] != keys:
        _codec = keys, _core.PeerCookie("django", list(keys))
    return _codec[1]


class SessionStore(signed_cookies.SessionStore):
    """In the place of Django's."""

    def load(self) -> dict[str, Any]:
        """The data of the cookie; {} where it does not hold."""
        if self.serializer is not JSONSerializer or not self.session_key:
            return super().load()
        try:
            text, _ = _signing().decode(self.session_key, self.get_session_cookie_age() * 1000)
            data = JSONSerializer().loads(text.encode("utf-8"))
        except (TokenError, ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            return data
        self.create()
        return {}

    def _get_session_key(self) -> str:
        if self.serializer is not JSONSerializer:
            return super()._get_session_key()
        return _signing().encode(JSONSerializer().dumps(self._session).decode("latin-1"))
