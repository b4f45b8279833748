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

from coatcheck._core import is_plain
from coatcheck._json import decode, encode

_LARGEST = 2**53 - 1  # what a JavaScript number holds exactly
_ESCAPE = " di"
_MAX_DEPTH = 64  # deeper data is refused by the encoder
_MAX_BITS = 8192  # of an int: Python itself reads no more than 4,300 digits
_LEAVES = frozenset({str, bool, float, type(None)})


class _TooDeepError(Exception):
    pass


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


class TaggedInt(int):
    """An int that JavaScript had as a BigInt."""


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
    " n": TaggedInt,
    " s": lambda values: _read_set([_hashable(one) for one in values]),
    " o": lambda pairs: TaggedMap((_hashable(key), value) for key, value in pairs),
    " l": TaggedUrl,
    " r": lambda value: TaggedValue(" r", value),
    " t": tuple,
    " u": UUID,
    " m": _read_markup,
}


def _tag_mapping(value: Mapping[Any, Any], depth: int, every: bool) -> Any:
    tagged = {name: _tag(inner, depth, every) for name, inner in value.items()}
    if len(tagged) == 1:
        (name,) = tagged
        if name in _READERS or name == _ESCAPE:
            return {_ESCAPE: {f"{name}__": tagged[name]}}
    return tagged


def _tag_more(value: Any, depth: int) -> Any:
    """The types that Flask has no tag for."""
    if isinstance(value, int) and not isinstance(value, bool):
        small = -_LARGEST <= value <= _LARGEST or value.bit_length() > _MAX_BITS
        return value if small else {" n": str(value)}
    if isinstance(value, (set, frozenset)):
        return {" s": [_tag(one, depth, every=True) for one in _set_list(value)]}
    return value  # what the encoder makes of it, or refuses


def _tag(value: Any, depth: int, every: bool) -> Any:  # one line for each type
    kind = type(value)
    if kind in _LEAVES:
        return value
    if depth == _MAX_DEPTH:
        raise _TooDeepError
    depth += 1
    if kind is list:
        return [_tag(one, depth, every) for one in value]
    if isinstance(value, TaggedMap):
        return {" o": [[_tag(key, depth, every), _tag(inner, depth, every)] for key, inner in value.items()]}
    if isinstance(value, Mapping):
        return _tag_mapping(value, depth, every)
    if isinstance(value, tuple):
        return {" t": [_tag(one, depth, every) for one in value]}
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
    # What was read with a tag goes back with it.
    return _tag_more(value, depth) if every or isinstance(value, (TaggedSet, TaggedInt)) else value


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


def _encode(data: Mapping[str, Any], every: bool) -> str:
    if is_plain(data, every):
        return encode(data)
    try:
        tagged = {name: _tag(value, 1, every) for name, value in data.items()}
    except _TooDeepError:
        return encode(data)  # which says where, and whether it holds itself
    return encode(tagged)


def encode_tagged(data: Mapping[str, Any]) -> str:
    """The session's data as JSON. Its own members are no tags, whatever they are called."""
    return _encode(data, every=True)


def encode_flask(data: Mapping[str, Any]) -> str:
    """The same, of the types that Flask itself keeps: a set or a large int is refused."""
    return _encode(data, every=False)


def decode_tagged(text: str) -> dict[str, Any]:
    """The data that ``text`` stands for. Raises ValueError where a tagged value is none."""
    data = decode(text)
    if '{" ' not in text:  # no tag begins otherwise
        return data
    try:
        return {name: _untag(value) for name, value in data.items()}
    except (TypeError, AttributeError, KeyError, OverflowError, json.JSONDecodeError) as error:
        raise ValueError("a tagged value is none") from error
