"""``st.user``."""

from __future__ import annotations

from typing import Any

from scriptapps.deltas.library import attribute
from scriptapps.runtime.run_context import get_run


@attribute
def user() -> Any:
    """The person who is signed in, as the site's own user object."""
    return get_run().user
