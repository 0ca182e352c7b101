"""What this process has counted since it started: runs by outcome, how long they took, commits of state.

Runs on: script threads and the supervisor count, any thread reads. Invariant: counting costs less than a microsecond
and asks nobody; numbers only grow, and those that are read together were true together.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from scriptapps.runtime.run_context import RunContext

RUN_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass
class Histogram:
    """Seconds by upper bound; ``counts`` has one place more than ``bounds``, for what is longer than all of them."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def copy(self) -> Histogram:
        """As it is now."""
        return Histogram(self.bounds, list(self.counts), self.total)


@dataclass(frozen=True)
class Counted:
    """The numbers at one moment. ``runs``: by slug and outcome in small letters."""

    runs: dict[tuple[str, str], int]
    run_seconds: Histogram
    commit_seconds: Histogram
    failed_commits: int


class RunCounts:
    """``ended`` is a hook of the runtime; ``committed`` is told by whoever stores state."""

    def __init__(self) -> None:
        # Guards all numbers.
        self._lock = threading.Lock()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._run_seconds = Histogram(RUN_BOUNDS)
        self._commit_seconds = Histogram(COMMIT_BOUNDS)
        self._failed_commits = 0

    def ended(self, run: RunContext, milliseconds: float) -> None:
        """A run is over."""
        key = (run.session.slug, run.outcome)
        with self._lock:
            self._runs[key] += 1
            self._run_seconds.add(milliseconds / 1_000)

    def committed(self, seconds: float, *, failed: bool) -> None:
        """The state of a session was stored, or could not be."""
        with self._lock:
            self._commit_seconds.add(seconds)
            self._failed_commits += failed

    def read(self) -> Counted:
        """All numbers as they are now."""
        with self._lock:
            runs = {(slug, outcome.lower()): count for (slug, outcome), count in self._runs.items()}
            return Counted(runs, self._run_seconds.copy(), self._commit_seconds.copy(), self._failed_commits)
