"""``st.sidebar``."""

from __future__ import annotations

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import attribute
from scriptapps.runtime.run_context import get_run


@attribute
def sidebar() -> Container:
    """The container beside the page: ``st.sidebar.slider(...)`` or ``with st.sidebar:``."""
    return get_run().sidebar
