"""Runs that nobody clicked for: at a later time, or when somebody looks again.

Runs on: any thread. Invariant: nothing is run for a page that nobody sees; what was wanted meanwhile is run, once, as
soon as somebody does.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.run_queue import OutsideRequest, RerunRequest, RunQueue
from scriptapps.runtime.schedules import PREFIX, seconds_until_next

if TYPE_CHECKING:
    from scriptapps.runtime.bound import BackgroundThread
    from scriptapps.runtime.live_session import LiveSession
    from scriptapps.runtime.run_context import RunContext
    from scriptapps.runtime.signal import Signal


class Later:
    """What one live session is to run later."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        # Guards the queue.
        self._lock = threading.Lock()
        self._unseen = RunQueue()
        # Signals of the functions that write to the page between runs, and the page's threads by key.
        self.bound: set[Signal] = set()
        self.threads: dict[str, BackgroundThread] = {}

    def run_when_seen(self, request: RerunRequest) -> bool:
        """Run now if somebody looks at the page, else as soon as somebody does. Returns whether it is run now."""
        return not self.put_off(request) and self._session.request_rerun(request)

    def put_off(self, request: RerunRequest) -> bool:
        """If nobody looks at the page, leave this to whoever does next. Returns whether it was left."""
        with self._lock:
            if self._is_seen:
                return False
            self._unseen.put(request)
            return True

    def seen(self) -> None:
        """Somebody may look at the page again."""
        with self._lock:
            request = self._unseen.take() if self._is_seen else None
        if request is not None:
            self._session.request_rerun(request)

    @property
    def _is_seen(self) -> bool:
        return any(not viewer.hidden for viewer in self._session.people)

    def run_ended(self, run: RunContext) -> None:
        """Fragments that run every so often have been run, or are on the page since this run."""
        if self._session.state_of_life is LifecycleState.CLOSED:
            return
        timers = self._session.engine.timers
        for fragment in self._session.fragments.all():
            name = f"fragment {fragment.fragment_id}"
            has_run = run.fragments is None or fragment.fragment_id in run.placed_fragments | set(run.fragments)
            if fragment.every and (has_run or not timers.waits(self._session, name)):
                timers.after(
                    fragment.every, self._session, name, partial(self._every, fragment.fragment_id, fragment.name)
                )

        for expression in self._session.outside.events.schedules:
            name = PREFIX + expression
            if not timers.waits(self._session, name):
                seconds = seconds_until_next(expression, self._session.options.now())
                timers.after(seconds, self._session, name, partial(self._at, expression))

    def _at(self, expression: str) -> None:
        name = PREFIX + expression
        listeners = self._session.outside.events.listeners(name)
        if not listeners:
            return
        now = self._session.options.now()
        fragments = None if "" in listeners else tuple(sorted(listeners))
        timers = self._session.engine.timers
        timers.after(seconds_until_next(expression, now), self._session, name, partial(self._at, expression))
        self.run_when_seen(
            RerunRequest(
                "timer",
                background=True,
                supersedes=False,
                fragments=fragments,
                detail=expression,
                outside=(OutsideRequest(events=((name, now),)),),
            )
        )

    def _every(self, fragment_id: str, name: str) -> None:
        self.run_when_seen(
            RerunRequest("timer", background=True, supersedes=False, fragments=(fragment_id,), detail=name)
        )

    def forget(self) -> None:
        """The session ends here."""
        self._session.engine.timers.forget(self._session)
        for signal in list(self.bound):
            signal.stop("STOPPED")
