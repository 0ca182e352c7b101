"""``st.session_state``."""

from __future__ import annotations

from scriptapps.deltas.library import attribute
from scriptapps.runtime.run_context import get_run
from scriptapps.runtime.session_state import SessionState


@attribute
def session_state() -> SessionState:
    """What the script keeps between runs, and the values of widgets with a key."""
    return get_run().state
