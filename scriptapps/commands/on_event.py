"""``st.on_event``."""

from __future__ import annotations

from typing import Any

from scriptapps.deltas.library import command
from scriptapps.errors import ScriptApiError
from scriptapps.runtime.run_context import get_run


@command
def on_event(name: str) -> list[Any]:
    """Listen for events that the site sends with ``scriptapps.send_event(name, payload)``.

    An event runs the script again; if this stands in a fragment, only the fragment. Returns the payloads that this run
    is for, oldest first, each in exactly one run; an empty list in all other runs. Raises ScriptApiError for a name
    that is none.
    """
    run = get_run()
    run.check()
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable():
        raise ScriptApiError(f"An event's name is a text of 1 to 100 printable characters, not {name!r}.")
    return run.session.outside.events.take(run, name)
