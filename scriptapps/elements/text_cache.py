"""Remembers what a text was turned into, because a rerun asks for the same texts again.

Runs on: any thread. Invariant: only pure functions of their arguments; a long text is never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

ENTRIES = 2048
LONGEST = 16_384
"""Characters beyond which a text is not kept."""


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Cache a pure function by its arguments, of which the first is a text."""
    cached = lru_cache(ENTRIES)(function)

    @wraps(function)
    def choose(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args[0]) > LONGEST:  # type: ignore[arg-type]
            return function(*args, **kwargs)
        return cached(*args, **kwargs)  # type: ignore[arg-type]

    return choose
