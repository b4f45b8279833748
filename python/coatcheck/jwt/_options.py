"""The options of a ``PyJWT`` object: a dict that tells when it is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Watched"]


class Watched(dict[str, Any]):
    """What was made of the options before a change must not answer after it."""

    def __init__(self, values: Mapping[str, Any], changed: Callable[[], None]) -> None:
        super().__init__(values)
        self._changed = changed

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # a copy is nobody's options


def _telling(name: str) -> Callable[..., Any]:
    plain = getattr(dict, name)

    def method(self: Watched, *args: Any, **kwargs: Any) -> Any:
        try:
            return plain(self, *args, **kwargs)
        finally:
            self._changed()

    return method


for _name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Watched, _name, _telling(_name))
