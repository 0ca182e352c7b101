"""What a live session still has to run: requests become one.

Runs on: any thread, under the live session's lock. Invariant: however many reruns are asked for while one waits, one
run follows the last of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """A run is wanted. ``background``: nobody waits for it at a browser. ``chained``: the script itself asked.

    ``supersedes``: a run that is going on may be given up for it.
    """

    reason: str
    background: bool = False
    chained: bool = False
    supersedes: bool = True


class RunQueue:
    """At most one waiting request."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: RerunRequest | None = None

    def put(self, request: RerunRequest) -> None:
        """Coalesce: the newer reason wins, a person's request makes the run interactive and unchained."""
        old = self.pending
        if old is not None:
            request = RerunRequest(
                request.reason,
                background=old.background and request.background,
                chained=old.chained and request.chained,
                supersedes=old.supersedes or request.supersedes,
            )
        self.pending = request

    def take(self) -> RerunRequest | None:
        """The waiting request; afterwards none waits."""
        request, self.pending = self.pending, None
        return request
