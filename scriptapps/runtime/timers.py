"""Calls at a later time: one thread for all sessions of a process.

Runs on: its own daemon thread, which starts with the first call that is asked for. Invariant: a key has one call at
most; what is called must be quick and is never called with the lock held.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Hashable

logger = logging.getLogger("scriptapps.engine")

Call = Callable[[], object]


class Timers:
    """Calls by owner and name, in seconds of ``time.monotonic()``."""

    def __init__(self) -> None:
        # Guards everything in here.
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Hashable, str]] = []
        self._calls: dict[Hashable, dict[str, tuple[int, Call]]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, seconds: float, owner: Hashable, name: str, call: Call) -> None:
        """Call once in so many seconds; replaces what waits under the same owner and name."""
        with self._condition:
            number = next(self._numbers)
            self._calls.setdefault(owner, {})[name] = (number, call)
            heapq.heappush(self._heap, (time.monotonic() + seconds, number, owner, name))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="scriptapps-timers", daemon=True)
                self._thread.start()
            self._condition.notify()

    def waits(self, owner: Hashable, name: str) -> bool:
        """Whether a call waits under this name."""
        with self._condition:
            return name in self._calls.get(owner, {})

    def forget(self, owner: Hashable) -> None:
        """Call nothing more of this owner."""
        with self._condition:
            self._calls.pop(owner, None)

    def close(self) -> None:
        """Call nothing more at all."""
        with self._condition:
            self._closed = True
            self._calls.clear()
            self._heap.clear()
            self._condition.notify()

    def _work(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:  # the others are still to be called
                logger.exception("A timer's call failed")

    def _next(self) -> Call | None:
        with self._condition:
            while not self._closed:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    call = self._take_locked(*heapq.heappop(self._heap)[1:])
                    if call is not None:
                        return call
                else:
                    self._condition.wait(wait)
            return None

    def _take_locked(self, number: int, owner: Hashable, name: str) -> Call | None:
        waiting = self._calls.get(owner, {})
        if waiting.get(name, (-1, None))[0] != number:
            return None
        _, call = waiting.pop(name)
        if not waiting:
            self._calls.pop(owner, None)
        return call


class ManualTimers:
    """The same for tests: time passes when ``advance`` says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: dict[tuple[Hashable, str], tuple[float, Call]] = {}

    def after(self, seconds: float, owner: Hashable, name: str, call: Call) -> None:
        """See ``Timers.after``."""
        self._calls[owner, name] = (self.now + seconds, call)

    def waits(self, owner: Hashable, name: str) -> bool:
        """See ``Timers.waits``."""
        return (owner, name) in self._calls

    def forget(self, owner: Hashable) -> None:
        """See ``Timers.forget``."""
        self._calls = {key: entry for key, entry in self._calls.items() if key[0] is not owner}

    def due_within(self, seconds: float) -> Call | None:
        """Let time pass to the next call within so many seconds and return it; None: all of them have passed."""
        due = min(self._calls, key=lambda key: self._calls[key][0], default=None)
        if due is None or self._calls[due][0] > self.now + seconds:
            self.now += seconds
            return None
        self.now, call = self._calls.pop(due)
        return call
