"""Times as cron writes them.

Runs on: the script thread; ``Later`` asks for the next time. Invariant: an expression that was accepted has a next
time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from scriptapps.errors import ScriptApiError

# Unlike any name that a script can listen for.
PREFIX = "schedule\n"


def _cron() -> Any:
    try:
        from cronsim import CronSim
    except ImportError:
        raise ScriptApiError('st.schedule needs a package more: pip install "django-scriptapps[schedule]"') from None
    return CronSim


def check_expression(expression: str) -> None:
    """Raises ScriptApiError for what is no cron expression, or never comes."""
    seconds_until_next(expression, datetime.now().astimezone())


def seconds_until_next(expression: str, now: datetime) -> float:
    """Seconds from ``now`` (aware) to the next time, in the time zone of ``now``."""
    cron = _cron()
    try:
        due: datetime = next(cron(expression, now))
    except Exception as error:  # the library's own error class is not at hand without it
        raise ScriptApiError(
            f'st.schedule takes the five fields of cron (minute hour day month weekday), like "0 9 * * MON-FRI"; '
            f"{expression!r} is none: {error or 'it never comes'}."
        ) from None
    return max((due - now) / timedelta(seconds=1), 0.0)
