"""``st.stop``."""

from __future__ import annotations

from typing import NoReturn

from scriptapps.deltas.library import command
from scriptapps.errors import StopScript
from scriptapps.runtime.run_context import get_run


@command
def stop() -> NoReturn:
    """End this run here. What was shown so far stays; widgets that were not reached keep their values."""
    get_run().check()
    raise StopScript
