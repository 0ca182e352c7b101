"""``st.rerun``."""

from __future__ import annotations

from typing import Literal, NoReturn

from scriptapps.deltas.library import command
from scriptapps.errors import RerunScript, ScriptApiError
from scriptapps.runtime.run_context import get_run


@command
def rerun(*, scope: Literal["app"] = "app") -> NoReturn:
    """End this run here and start again from the top. In a callback it ends that callback only; the run follows."""
    if scope != "app":
        raise ScriptApiError(f'scope must be "app", not {scope!r}.')
    get_run().check()
    raise RerunScript
