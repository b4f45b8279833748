"""``types="tagged"``: values that JSON has no word for, as objects of one member whose name begins with a space.

The tags are Flask's where Flask has one (``flask/json/tag.py``); ``node/lib/tagged.js`` has the same, and says what
each stands for. What Python has no type for comes as a subclass of one that it has, and is written back as it was.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from uuid import UUID

from coatcheck._json import decode, encode

_LARGEST = 2**53 - 1  # what a JavaScript number holds exactly
_ESCAPE = " di"


class TaggedValue:
    """A value of JavaScript's that Python has no type for: a RegExp (``value`` is its source and flags)."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag, self.value = tag, value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaggedValue) and (self.tag, self.value) == (other.tag, other.value)

    def __hash__(self) -> int:
        return hash((self.tag, str(self.value)))

    def __repr__(self) -> str:
        return f"TaggedValue({self.tag!r}, {self.value!r})"


class TaggedMap(dict[Any, Any]):
    """A JavaScript Map: a dict, whose keys need not be text."""


class TaggedUrl(str):
    """A JavaScript URL: its text."""


class TaggedMarkup(str):
    """Markup, where markupsafe is not installed."""


class TaggedSet(set[Any]):
    """A set that remembers in which order it was read."""

    order: list[Any]


def _date_text(value: datetime) -> str:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
    if aware.microsecond == 0:
        return format_datetime(aware.astimezone(timezone.utc), usegmt=True)
    if aware.microsecond % 1000 == 0:
        return aware.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return aware.isoformat()


def _read_date(text: str) -> datetime:
    if text[:1].isdigit():
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsedate_to_datetime(text)


def _read_set(values: list[Any]) -> TaggedSet:
    found = TaggedSet(values)
    found.order = values
    return found


def _set_list(value: set[Any] | frozenset[Any]) -> list[Any]:
    if isinstance(value, TaggedSet) and len(value.order) == len(value) and all(one in value for one in value.order):
        return value.order
    return sorted(value, key=lambda one: (type(one).__name__, str(one)))


def _hashable(value: Any) -> Any:
    """A list can be no key and no member of a set."""
    return tuple(_hashable(one) for one in value) if isinstance(value, list) else value


def _read_markup(text: str) -> Any:
    try:
        from markupsafe import Markup  # where Flask is, it is
    except ImportError:
        return TaggedMarkup(text)
    return Markup(text)  # noqa: S704  # as Flask: it was the application's markup when it was stored


_READERS: dict[str, Callable[[Any], Any]] = {
    " d": _read_date,
    " b": lambda text: base64.b64decode(text, validate=True),
    " n": int,
    " s": lambda values: _read_set([_hashable(one) for one in values]),
    " o": lambda pairs: TaggedMap((_hashable(key), value) for key, value in pairs),
    " l": TaggedUrl,
    " r": lambda value: TaggedValue(" r", value),
    " t": tuple,
    " u": UUID,
    " m": _read_markup,
}


def _tag_mapping(value: Mapping[Any, Any]) -> Any:
    tagged = {name: _tag(inner) for name, inner in value.items()}
    if len(tagged) == 1:
        (name,) = tagged
        if name in _READERS or name == _ESCAPE:
            return {_ESCAPE: {f"{name}__": tagged[name]}}
    return tagged


def _tag(value: Any) -> Any:  # one line for each type
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is float:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_LARGEST <= value <= _LARGEST else {" n": str(value)}
    if isinstance(value, TaggedMap):
        return {" o": [[_tag(key), _tag(inner)] for key, inner in value.items()]}
    if isinstance(value, Mapping):
        return _tag_mapping(value)
    if kind is list:
        return [_tag(one) for one in value]
    if isinstance(value, tuple):
        return {" t": [_tag(one) for one in value]}
    if isinstance(value, (set, frozenset)):
        return {" s": [_tag(one) for one in _set_list(value)]}
    if isinstance(value, datetime):
        return {" d": _date_text(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {" b": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, UUID):
        return {" u": value.hex}
    if isinstance(value, TaggedUrl):
        return {" l": str(value)}
    if isinstance(value, TaggedValue):
        return {value.tag: value.value}
    if isinstance(value, TaggedMarkup) or hasattr(value, "__html__"):
        return {" m": str(value.__html__() if hasattr(value, "__html__") else value)}
    return value  # what the encoder makes of it, or refuses


def _untag(value: Any) -> Any:
    if type(value) is list:
        return [_untag(one) for one in value]
    if type(value) is not dict:
        return value
    plain = {name: _untag(inner) for name, inner in value.items()}
    if len(plain) != 1:
        return plain
    (name,) = plain
    if name == _ESCAPE:
        (escaped,) = plain[name]
        return {escaped[:-2]: plain[name][escaped]}
    reader = _READERS.get(name)
    return plain if reader is None else reader(plain[name])


def encode_tagged(data: Mapping[str, Any]) -> str:
    """The session's data as JSON. Its own members are no tags, whatever they are called."""
    return encode({name: _tag(value) for name, value in data.items()})


def decode_tagged(text: str) -> dict[str, Any]:
    """The data that ``text`` stands for. Raises ValueError where a tagged value is none."""
    try:
        return {name: _untag(value) for name, value in decode(text).items()}
    except (TypeError, AttributeError, KeyError, OverflowError, json.JSONDecodeError) as error:
        raise ValueError("a tagged value is none") from error
