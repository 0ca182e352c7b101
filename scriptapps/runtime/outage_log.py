"""What fails again and again while something is away, told in a way that a log can hold.

Runs on: any thread. Invariant: a failure is in the log at once and with its traceback when it begins; while it lasts it
costs a line in ``QUIET_SECONDS``, however often it happens.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

QUIET_SECONDS = 10.0
OVER_SECONDS = 60.0
"""What has not happened for this long begins anew when it happens."""


@dataclass(slots=True)
class _Failure:
    last: float
    told: float
    untold: int = 0


class OutageLog:
    """Failures by what was tried (``text``) and by the kind of error."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        # Guards the table.
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, type[BaseException]], _Failure] = {}

    def failed(self, text: str, error: BaseException) -> None:
        """Tell it, or count it. ``text`` must be one of few: it is remembered."""
        now = time.monotonic()
        with self._lock:
            key = text, type(error)
            failure = self._failures.get(key)
            is_new = failure is None or now - failure.last > OVER_SECONDS
            if failure is None or is_new:
                failure = self._failures[key] = _Failure(now, now)
            failure.last = now
            if not is_new and now - failure.told < QUIET_SECONDS:
                failure.untold += 1
                return
            untold, failure.untold, failure.told = failure.untold, 0, now
        if is_new:
            self._logger.error("%s", text, exc_info=error)
        else:
            first = str(error).partition("\n")[0]
            self._logger.error("%s (%d times more): %s: %s", text, untold + 1, type(error).__name__, first)

    def is_over(self, text: str) -> bool:
        """It works. True if it had failed before."""
        if not self._failures:
            return False
        with self._lock:
            failed = [key for key in self._failures if key[0] == text]
            for key in failed:
                del self._failures[key]
            return bool(failed)
