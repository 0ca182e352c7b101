"""Numbers on their way to and from the browser, which computes with float64.

Runs on: any thread (pure). Invariant: what passes is finite, and an int is exact on both sides.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol.values import Wire

LARGEST_EXACT = 2**53 - 1
"""The browser's ints are exact up to here."""


def plain_number(parameter: str, value: Any) -> int | float:
    """A script's number as Python's own int or float. Raises ScriptApiError for what is none or cannot travel."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ScriptApiError(f"{parameter} must be an int or a float, not {type(value).__name__}: {value!r}.")
    if isinstance(value, numbers.Integral):
        if abs(int(value)) > LARGEST_EXACT:
            raise ScriptApiError(f"{parameter}={value!r} is too large: ints are exact in the browser up to 2**53 - 1.")
        return int(value)
    if not math.isfinite(value):
        raise ScriptApiError(f"{parameter} must be a finite number, not {value!r}.")
    return float(value)


def read_number(label: str, wire: Wire) -> float:
    """A browser's number. Raises InvalidWidgetValueError for anything else, NaN and infinity."""
    if isinstance(wire, bool) or not isinstance(wire, int | float) or not math.isfinite(wire):
        raise InvalidWidgetValueError(f"{label!r} takes a number, not {wire!r}.")
    return float(wire)


def whole(label: str, number: float) -> int:
    """A number that must be whole, as int. Raises InvalidWidgetValueError."""
    if number != int(number) or abs(number) > LARGEST_EXACT:
        raise InvalidWidgetValueError(f"{label!r} takes whole numbers, not {number!r}.")
    return int(number)
