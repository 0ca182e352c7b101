"""``st.background``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scriptapps.deltas.library import command
from scriptapps.runtime import bound
from scriptapps.runtime.bound import BackgroundThread
from scriptapps.runtime.run_context import get_run


@command
def background(function: Callable[..., Any], *args: Any, key: str | None = None) -> BackgroundThread:
    """Run a function in a thread of this page that goes on between runs and after a reload.

    It is begun once for each ``key`` (by default the function's name); later runs of the script return the same
    thread. What it writes appears here. It ends with the session, or when a run of the script does not come to this
    call any more; the next run that does begins it again.
    """
    name = key or str(getattr(function, "__qualname__", type(function).__name__))
    return bound.background_thread(get_run(), function, args, name)
