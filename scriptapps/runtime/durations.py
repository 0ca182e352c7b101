"""Lengths of time as scripts write them.

Runs on: any thread (pure). Invariant: seconds out, always more than nothing.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

from scriptapps.errors import ScriptApiError

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
SHORTEST, LONGEST = 0.05, 366 * 86_400.0


def seconds_of(name: str, value: float | str | timedelta) -> float:
    """Seconds in a number, a timedelta, or a text such as "10s" or "1h 30m". Raises ScriptApiError."""
    seconds = _seconds(value)
    if seconds is None or not SHORTEST <= seconds <= LONGEST:
        raise ScriptApiError(
            f'{name} takes seconds ({SHORTEST} or more), a timedelta, or a text like "10s", "5m" or "1h 30m", '
            f"not {value!r}."
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    total, at = 0.0, 0
    while at < len(value):
        match = TEXT.match(value, at)
        if match is None or match[2] not in UNITS:
            return None
        total, at = total + float(match[1]) * UNITS[match[2]], match.end()
    return total
