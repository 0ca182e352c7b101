"""``st.session_key``."""

from __future__ import annotations

from scriptapps.deltas.library import command
from scriptapps.runtime.run_context import get_run


@command
def session_key() -> str | None:
    """The value of the visitor's session cookie, None where there is none. Treat it like a password."""
    return get_run().session.visitor.session_key
