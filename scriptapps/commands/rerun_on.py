"""``st.rerun_on``."""

from __future__ import annotations

from typing import Any

from scriptapps.deltas.library import command
from scriptapps.runtime.run_context import get_run


@command
def rerun_on(*what: Any) -> None:
    """Run the script again when one of these changes, wherever in the site; in a fragment, only the fragment.

    A model or the name of a table: after each commit that wrote to it. A QuerySet or a row: only when its result is
    another one than it was at this call, so call it before you read. Raises ScriptApiError for anything else, and for
    a QuerySet of more than 10,000 rows.
    """
    run = get_run()
    run.check()
    run.session.options.watch(run, what)
