"""Session data as JSON text and back.

Writing is done by the extension, which checks the data on its way (``bindings/python/encode.hpp``). Reading is done by
orjson where it is installed (``pip install coatcheck[fast]``), else by the standard library's scanner. That is called
directly: ``json.loads`` spends a third of its time on options that never change here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from coatcheck._core import encode

__all__ = ["decode", "encode"]

_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # undocumented, and typeshed leaves it out


def loads(text: str) -> Any:
    """``json.loads`` of what our own encoder, or another language's, has printed."""
    try:
        data, end = _scan(text, 0)
    except StopIteration:
        end = -1
    if end != len(text):
        data = json.loads(text)  # white space around it, or an error with its place
    return data


_loads: Callable[[str], Any] = loads
try:
    import orjson
except ImportError:
    pass
else:
    _loads = orjson.loads


def decode(text: str) -> dict[str, Any]:
    """The data that ``text`` stands for. Raises ValueError when that is not a JSON object."""
    data = _loads(text)
    if type(data) is not dict:
        raise ValueError("not a JSON object")
    return data
