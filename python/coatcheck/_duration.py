"""Lengths of time, as options take them and as the core does."""

from __future__ import annotations

import math
from datetime import timedelta

from coatcheck.errors import ConfigError

__all__ = ["Duration", "milliseconds"]

Duration = timedelta | int | float  # numbers are seconds

LONGEST = 10**12  # seconds; the core takes what is beyond the end of its records (the year 2286) for that


def milliseconds(value: Duration | None, option: str) -> int | None:
    """A length of time in the core's unit. Raises ConfigError for anything but seconds or a timedelta."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{option} must be seconds or a timedelta, not {type(value).__name__}", "ERR_INVALID_OPTION")
    if not value >= 0 or value == math.inf:
        raise ConfigError(f"{option} must be 0 seconds or more, and finite", "ERR_INVALID_OPTION")
    return round(min(value, LONGEST) * 1000)
