"""``st.schedule``."""

from __future__ import annotations

from scriptapps.deltas.library import command
from scriptapps.runtime.run_context import get_run
from scriptapps.runtime.schedules import PREFIX, check_expression


@command
def schedule(cron: str) -> bool:
    """Run the script again at these times; if this stands in a fragment, only the fragment.

    ``cron`` has the five fields minute, hour, day of the month, month and weekday, in the site's time zone:
    "0 9 * * MON-FRI" is nine o'clock on working days. Returns whether this run is for one of these times. While nobody
    looks at the page it waits, and runs once when somebody does. Raises ScriptApiError for an expression that cannot
    be understood.
    """
    run = get_run()
    run.check()
    check_expression(cron)
    return bool(run.session.outside.events.take(run, PREFIX + cron))
