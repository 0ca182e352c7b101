"""``st.rerun``."""

from __future__ import annotations

from typing import NoReturn

from scriptapps.deltas.library import command
from scriptapps.errors import RerunScript, ScriptApiError
from scriptapps.runtime.fragments import current_fragment_id
from scriptapps.runtime.run_context import get_run


@command
def rerun(*, scope: str = "app") -> NoReturn:
    """End this run here and start again from the top. In a callback it ends that callback only; the run follows.

    ``scope``: "app" for the whole script, "fragment" for the fragment that is running alone, or the key (or function
    name) of a fragment on the page. Raises ScriptApiError for a fragment that is not there.
    """
    run = get_run()
    run.check()
    if scope == "app":
        raise RerunScript
    if scope == "fragment":
        if run.fragments is None or not current_fragment_id():
            raise ScriptApiError(
                'st.rerun(scope="fragment") works in a fragment that runs again alone. In a run of the whole script '
                'use st.rerun(), or scope="<key of the fragment>".'
            )
        raise RerunScript((current_fragment_id(),))
    fragments = run.session.fragments.named(scope)
    if not fragments:
        raise ScriptApiError(f'scope must be "app", "fragment" or a fragment\'s key; {scope!r} is none of the page.')
    raise RerunScript(fragments)
