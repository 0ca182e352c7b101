"""Remembers what a text was turned into, because a rerun asks for the same texts again.

Runs on: any thread. Invariant: only pure functions of their arguments, and some ten megabytes for each at most.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

SHORT = 512
SHORT_ENTRIES = 8192
LONG = 32_768
"""Characters beyond which a text is not kept."""
LONG_ENTRIES = 256


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Cache a pure function by its arguments, of which the first is a text: many short ones, some long ones."""
    of_short = lru_cache(SHORT_ENTRIES)(function)
    of_long = lru_cache(LONG_ENTRIES)(function)

    @wraps(function)
    def choose(*args: P.args, **kwargs: P.kwargs) -> R:
        length = len(args[0])  # type: ignore[arg-type]
        if length <= SHORT:
            return of_short(*args, **kwargs)  # type: ignore[arg-type]
        return of_long(*args, **kwargs) if length <= LONG else function(*args, **kwargs)  # type: ignore[arg-type]

    return choose
