"""Sessions that wait for a script thread: those somebody waits for, and behind them those nobody does.

Runs on: any thread, under the engine's lock. Invariant: runs that nobody waits for leave a thread free for the others,
and begin one after another as long as they are short or compute; while people are at work they pause for twice
as long as they took. So however many wait, people hardly notice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession

SHORT_SECONDS = 0.05
"""A background run that takes longer and hardly computes waits for something: the next one may begin beside it."""
PAUSE_TIMES, SHORTEST_PAUSE = 4.0, 0.001
"""While people are at work a pause is so many times as long as the run before it."""
AT_WORK_SECONDS = 1.0
"""People are at work if one of them caused a run in the last so many seconds."""


class RunLanes:
    """Two queues for ``workers`` threads. ``computing`` says which sessions' runs keep the processor busy now."""

    def __init__(self, workers: int, computing: Callable[[], Collection[LiveSession]]) -> None:
        self._computing = computing
        self._most_in_background = max(1, workers - max(1, workers // 4))
        self.interactive: deque[LiveSession] = deque()
        self.background: deque[LiveSession] = deque()
        # When the background runs that are going on began.
        self._begun: dict[LiveSession, float] = {}
        self._not_before = self._last_interactive = 0.0

    def __len__(self) -> int:
        return len(self.interactive) + len(self.background)

    def put(self, session: LiveSession, *, background: bool) -> None:
        """It waits from now on; one that waited in the background may be hurried up."""
        if session in self.background and not background:
            self.background.remove(session)
        if not background:
            self._last_interactive = time.monotonic()
        (self.background if background else self.interactive).append(session)

    def ready(self) -> int:
        """How many threads would find something to do."""
        return len(self.interactive) + self._may_begin()

    def take(self) -> LiveSession | None:
        """The next one that may begin, if any."""
        if self.interactive:
            return self.interactive.popleft()
        if not self._may_begin():
            return None
        session = self.background.popleft()
        self._begun[session] = time.monotonic()
        return session

    def ended(self, session: LiveSession) -> None:
        """Its run is over, or was given up."""
        began = self._begun.pop(session, None)
        if began is not None:
            now = time.monotonic()
            is_quiet = now - self._last_interactive > AT_WORK_SECONDS
            self._not_before = 0.0 if is_quiet else now + PAUSE_TIMES * min(now - began, SHORT_SECONDS)

    def clear(self) -> None:
        """Nobody waits any more."""
        self.interactive.clear()
        self.background.clear()

    def pause(self) -> float | None:
        """Seconds until the background should be looked at again; None if time alone changes nothing."""
        if not self.background or len(self._begun) >= self._most_in_background:
            return None
        at = max([self._not_before, *(began + SHORT_SECONDS for began in self._begun.values())])
        return max(at - time.monotonic(), SHORTEST_PAUSE if not self._begun else SHORT_SECONDS / 5)

    def _may_begin(self) -> bool:
        now = time.monotonic()
        if not self.background or len(self._begun) >= self._most_in_background or now < self._not_before:
            return False
        if not self._begun:
            return True
        is_short = any(now - began < SHORT_SECONDS for began in self._begun.values())
        return not is_short and self._begun.keys().isdisjoint(self._computing())
