"""``Vary: Cookie`` in the headers of an ASGI response."""

from __future__ import annotations

from coatcheck import _core

__all__ = ["vary_on_cookie"]

Headers = list[tuple[bytes, bytes]]


def vary_on_cookie(headers: Headers) -> None:
    """Adds it where the first Vary stands, or at the end."""
    places = [at for at, (name, _) in enumerate(headers) if name.lower() == b"vary"]
    if not places:
        headers.append((b"vary", b"Cookie"))
        return
    existing = b", ".join(headers[at][1] for at in places)
    vary = _core.vary_with_cookie(existing.decode("latin-1"))
    if vary:
        headers[places[0]] = (headers[places[0]][0], vary.encode("latin-1"))
        for at in reversed(places[1:]):
            del headers[at]
