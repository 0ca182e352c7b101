"""The states of a live session, as a table.

Runs on: any thread, under the live session's lock. Invariant: what is not in the table does not happen.

                 request              take                  finish, nothing waits
        IDLE ------------> QUEUED ------------> RUNNING -------------------------+
         ^                   ^                     |                             |
         |                   +---------------------+ finish, a request waits     |
         +-----------------------------------------------------------------------+
        QUEUED -- refuse --> IDLE (the process takes no runs, or the waiting run was stopped)
        any state -- close --> CLOSED (for good)
"""

from __future__ import annotations

from enum import StrEnum


class LifecycleState(StrEnum):
    """What a live session is doing."""

    IDLE = "idle"
    QUEUED = "queued"
    RUNNING = "running"
    CLOSED = "closed"


class LifecycleEvent(StrEnum):
    """What changes it."""

    REQUEST = "request"
    TAKE = "take"
    REFUSE = "refuse"
    FINISH = "finish"
    FINISH_AND_REQUEST = "finish and request"
    CLOSE = "close"


TRANSITIONS: dict[tuple[LifecycleState, LifecycleEvent], LifecycleState] = {
    (LifecycleState.IDLE, LifecycleEvent.REQUEST): LifecycleState.QUEUED,
    (LifecycleState.QUEUED, LifecycleEvent.REQUEST): LifecycleState.QUEUED,
    (LifecycleState.RUNNING, LifecycleEvent.REQUEST): LifecycleState.RUNNING,
    (LifecycleState.QUEUED, LifecycleEvent.TAKE): LifecycleState.RUNNING,
    (LifecycleState.QUEUED, LifecycleEvent.REFUSE): LifecycleState.IDLE,
    (LifecycleState.RUNNING, LifecycleEvent.FINISH): LifecycleState.IDLE,
    (LifecycleState.RUNNING, LifecycleEvent.FINISH_AND_REQUEST): LifecycleState.QUEUED,
    **{(state, LifecycleEvent.CLOSE): LifecycleState.CLOSED for state in LifecycleState},
}


class IllegalTransitionError(RuntimeError):
    """A transition that the table does not have: a mistake in the runtime itself."""


def next_state(state: LifecycleState, event: LifecycleEvent) -> LifecycleState:
    """The state after ``event``. Raises IllegalTransitionError."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"A live session that is {state} cannot {event}.") from None
