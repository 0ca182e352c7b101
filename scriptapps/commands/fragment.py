"""``st.fragment``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, overload

from scriptapps.deltas.library import command, library
from scriptapps.runtime.durations import seconds_of
from scriptapps.runtime.fragments import call_fragment
from scriptapps.runtime.run_context import get_run

P = ParamSpec("P")
R = TypeVar("R")
library.add_kinds("fragment", ("fragment",))


@overload
def fragment(func: Callable[P, R]) -> Callable[P, R]: ...
@overload
def fragment(
    func: None = None,
    *,
    run_every: float | str | timedelta | None = None,
    key: str | None = None,
    rerun_on: Any = (),
    live: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


@command
def fragment(
    func: Callable[..., Any] | None = None,
    *,
    run_every: float | str | timedelta | None = None,
    key: str | None = None,
    rerun_on: Any = (),
    live: bool = False,
) -> Any:
    """Make a function a part of the page that runs again alone: ``@st.fragment``.

    When a widget in it is used, only the function runs, with the arguments of its last call; the rest of the page
    stays. Its return value counts in runs of the whole script only. An exception ends the fragment, not the script.

    ``run_every``: run it again after so many seconds (a number, a timedelta or a text like "10s", "5m", "1h") while
    somebody looks. ``key``: a name for ``st.rerun(scope=...)`` and for requests from outside; one call per run.
    ``rerun_on``: what ``st.rerun_on`` takes, one or a list; a change runs it again. ``live``: run it again when a table
    changes that it read. Raises ScriptApiError for a ``run_every`` that cannot be understood.
    """
    every = 0.0 if run_every is None else seconds_of("run_every", run_every)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{function.__module__}.{function.__qualname__}"

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            run = get_run()
            run.check()
            return call_fragment(
                run,
                functools.partial(function, *args, **kwargs),
                name=name,
                key=key or "",
                every=every,
                rerun_on=tuple(rerun_on) if isinstance(rerun_on, list | tuple) else (rerun_on,),
                live=live,
            )

        return call

    return decorate if func is None else decorate(func)
