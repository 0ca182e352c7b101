"""The door between a run and whoever breaks it off.

Runs on: the script thread and the supervisor. Invariant: an asynchronous exception is raised only while script code
runs, and is called back when the script has ended before it arrived.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from scriptapps.errors import ScriptControl, StopScript
from scriptapps.runtime.run_context import RunContext


class BrokenOff(StopScript):
    """Raised in a script thread from outside; why is told by the session's signal."""

    def __init__(self) -> None:
        super().__init__("STOPPED")


class RunGuard:
    """The door between a run and whoever breaks it off: inside, an asynchronous exception may be raised.

    ``abandoned`` and ``broken_off`` are set by the supervisor; ``lock`` guards them, ``inside`` and ``left``.
    ``hold`` is the run's hold on the gate of modules.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = False
        self.left = False
        self.broken_off = False
        self.abandoned = False
        self.run: RunContext | None = None
        self.hold: object = None
        self.thread_id = threading.get_ident()
        self.started = time.monotonic()
        self._clock = time.pthread_getcpuclockid(self.thread_id) if hasattr(time, "pthread_getcpuclockid") else None
        self._processor = self._read_clock()

    def processor_seconds(self) -> float:
        """How long the run has computed itself; waiting does not count. Elapsed time where that is not to be had."""
        return self._read_clock() - self._processor

    def _read_clock(self) -> float:
        return time.monotonic() if self._clock is None else time.clock_gettime(self._clock)

    def enter(self, hold: object) -> None:
        """Script code begins."""
        with self.lock:
            self.hold, self.inside = hold, True

    def leave(self, clear_pending: Callable[[int], None]) -> None:
        """Script code has ended; an exception on its way is called back. Returns only when the door is shut."""
        while True:
            try:
                with self.lock:
                    self.inside, self.left = False, True
                    if self.broken_off:
                        clear_pending(self.thread_id)
                return
            except ScriptControl:
                continue
