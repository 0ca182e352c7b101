"""How a run is told to end: one flag per live session, looked at by every safe point.

Runs on: set by any thread, acted on by the script thread. Invariant: what is asked for stays asked for until the run
ends, so a script that catches the exception meets it again at its next safe point.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any

from scriptapps.errors import StopScript

SIGNAL_NAME = "__scriptapps_signal__"
"""The name under which safe points find their signal in the namespace of a script or of a module beside it."""

THROTTLE_SECONDS = 0.008


class Signal:
    """``set`` is what safe points read; everything else is behind ``act``."""

    __slots__ = ("_throttled", "_wake", "reason", "set")

    def __init__(self) -> None:
        self.set = False
        self.reason = ""
        self._throttled = False
        self._wake = threading.Event()

    def stop(self, reason: str) -> None:
        """Ask the run to end; a stop is never weakened to SUPERSEDED."""
        if self.reason in ("", "SUPERSEDED"):
            self.reason = reason
        self.set = True
        self._wake.set()

    def throttle(self) -> None:
        """Ask a run that computes without pause to let others work for a moment."""
        self._throttled = True
        self.set = True

    def clear(self) -> None:
        """A new run begins, or being superseded no longer applies."""
        self.reason, self._throttled, self.set = "", False, False
        self._wake.clear()

    def act(self) -> None:
        """Called by a safe point that saw ``set``. Raises StopScript if the run is to end."""
        if self.reason:
            raise StopScript(self.reason)
        if self._throttled:
            self._throttled = False
            self.set = False
            # A stop that came between these lines must not be forgotten.
            self.set = bool(self.reason) or self.set
            REAL_SLEEP(THROTTLE_SECONDS)

    def sleep(self, seconds: float) -> None:
        """``time.sleep`` that ends early with StopScript when the run is to end."""
        if self._wake.wait(seconds):
            self.act()


REAL_SLEEP = time.sleep
current_signal: ContextVar[Signal] = ContextVar("scriptapps_signal")


class CurrentSignal:
    """The signal of whichever run executes this code; for modules, which all sessions share."""

    __slots__ = ()

    @property
    def set(self) -> bool:
        """Whether the current run, if any, is asked for something."""
        signal = current_signal.get(None)
        return signal is not None and signal.set

    @staticmethod
    def act() -> None:
        """See ``Signal.act``."""
        current_signal.get().act()


CURRENT_SIGNAL: Any = CurrentSignal()


def cooperative_sleep(seconds: float) -> None:
    """Replaces ``time.sleep``: in a script it can be interrupted, elsewhere it is the real one."""
    signal = current_signal.get(None)
    if signal is None:
        REAL_SLEEP(seconds)
    else:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        signal.sleep(seconds)


def install_cooperative_sleep() -> None:
    """Make ``time.sleep`` interruptible inside scripts. Calling it twice does nothing."""
    time.sleep = cooperative_sleep  # type: ignore[assignment]
