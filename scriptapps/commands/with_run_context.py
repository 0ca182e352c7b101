"""``st.with_run_context``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from scriptapps.deltas.library import command
from scriptapps.runtime import run_context

P = ParamSpec("P")
R = TypeVar("R")


@command
def with_run_context(function: Callable[P, R]) -> Callable[P, R]:
    """``function`` bound to the current run, for a thread: ``Thread(target=st.with_run_context(work))``."""
    return run_context.with_run_context(function)
