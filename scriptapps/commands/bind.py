"""``st.bind``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from scriptapps.deltas.library import command, library
from scriptapps.runtime.bound import bind_function
from scriptapps.runtime.run_context import get_run

P = ParamSpec("P")
R = TypeVar("R")
library.add_kinds("bind", ("background",))


@command
def bind(function: Callable[P, R]) -> Callable[P, R | None]:
    """Bind a function to this page, so that threads, asyncio tasks and event handlers can write to it between runs.

    What a call writes appears where ``st.bind`` was called and takes the place of what the call before wrote; handles
    of the script (``st.empty()``, placed elements) can be written to as well. ``st.rerun()`` in it asks for a run of
    the script. It places no widgets. An exception is shown in its place. When the session has ended, or a run did not
    bind it again, the next ``st`` call or ``time.sleep`` in it ends it. Works for ``async def`` functions too.
    """
    return bind_function(get_run(), function, str(getattr(function, "__qualname__", type(function).__name__)))
