"""``st.secret``."""

from __future__ import annotations

from scriptapps.deltas.library import command
from scriptapps.errors import ScriptApiError
from scriptapps.runtime.redaction import mark
from scriptapps.runtime.run_context import get_run


@command
def secret(value: str) -> str:
    """The same text, which staff never see: where they look into the session or its runs, it is •••.

    The page itself shows it where the script does. Raises ScriptApiError for what is no text.
    """
    get_run()
    if not isinstance(value, str):
        raise ScriptApiError(f"st.secret() takes a text, not {type(value).__name__}.")
    return mark(value)
