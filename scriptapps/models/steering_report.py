"""What became of what was asked of sessions: whom it reached, how it ended, and waiting for that.

Runs on: whoever asked, in any process. Invariant: the rows are asked, no process; what is not known is said to wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async

from scriptapps.models.session_request import CHUNK, SessionRequest

FIRST_LOOK, LONGEST_LOOK = 0.01, 0.25
"""Seconds between looks at what has ended; each pause is longer than the one before."""

Outcome = SessionRequest.Outcome


@dataclass(eq=False)
class SteeringReport:
    """``asked`` counts the sessions; the report compares as that number.

    ``outcomes`` and ``errors`` are by session id (text), ``waiting`` are the sessions of which nothing is known yet.
    ``requests`` are the rows: session id by the request's number.
    """

    asked: int = 0
    outcomes: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    requests: dict[int, str] = field(default_factory=dict, repr=False)
    using: str = field(default="default", repr=False)

    def __int__(self) -> int:
        return self.asked

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SteeringReport):
            return self.requests == other.requests and self.outcomes == other.outcomes
        return self.asked == other

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return self.asked > 0

    def wait(self, timeout: float = 30.0) -> SteeringReport:
        """Wait until everything has ended, at most ``timeout`` seconds. Returns itself, with what is known then."""
        for pause in _pauses(timeout):
            if not self.look():
                break
            time.sleep(pause)
        return self

    async def await_end(self, timeout: float = 30.0) -> SteeringReport:
        """`wait` for async code."""
        for pause in _pauses(timeout):
            if not await sync_to_async(self.look)():
                break
            await asyncio.sleep(pause)
        return self

    def look(self) -> list[str]:
        """Ask the rows how it ended; returns the sessions of which nothing is known yet."""
        numbers = [number for number, key in self.requests.items() if key not in self.outcomes]
        rows = SessionRequest.objects.using(self.using)
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            found = {row.pk: row for row in rows.filter(pk__in=chunk).only("finished", "outcome", "error")}
            for number in chunk:
                self._note(self.requests[number], found.get(number))
        self.waiting = [key for key in self.waiting if key not in self.outcomes]
        return self.waiting

    def _note(self, session_id: str, row: SessionRequest | None) -> None:
        if row is None:
            # Somebody deleted the session with all that is of it.
            self.outcomes[session_id] = Outcome.GONE.value
        elif row.finished is not None:
            self.outcomes[session_id] = row.outcome
            if row.error:
                self.errors[session_id] = row.error


def _pauses(timeout: float) -> Iterator[float]:
    end, pause = time.monotonic() + timeout, FIRST_LOOK
    while (left := end - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 1.5, LONGEST_LOOK)
    # One look more, after the last pause.
    yield 0.0
