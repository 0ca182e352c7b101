"""``st.session_id``."""

from __future__ import annotations

from scriptapps.deltas.library import command
from scriptapps.runtime.run_context import get_run


@command
def session_id() -> str:
    """The id of this script session, as the admin lists it."""
    return get_run().session.session_id
