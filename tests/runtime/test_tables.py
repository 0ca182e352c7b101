"""The two small machines: what a session may do when, and how requests become one."""

import itertools

import pytest

from scriptapps.runtime.lifecycle import (
    TRANSITIONS,
    IllegalTransitionError,
    LifecycleEvent,
    LifecycleState,
    next_state,
)
from scriptapps.runtime.run_queue import RerunRequest, RunQueue

IDLE, QUEUED, RUNNING, CLOSED = LifecycleState
E = LifecycleEvent
TABLE = {
    (IDLE, E.REQUEST): QUEUED,
    (QUEUED, E.REQUEST): QUEUED,
    (QUEUED, E.TAKE): RUNNING,
    (QUEUED, E.REFUSE): IDLE,
    (RUNNING, E.REQUEST): RUNNING,
    (RUNNING, E.FINISH): IDLE,
    (RUNNING, E.FINISH_AND_REQUEST): QUEUED,
    (IDLE, E.CLOSE): CLOSED,
    (QUEUED, E.CLOSE): CLOSED,
    (RUNNING, E.CLOSE): CLOSED,
    (CLOSED, E.CLOSE): CLOSED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(LifecycleState, LifecycleEvent)))
def test_a_session_does_what_the_table_says_and_nothing_else(state, event):
    if (state, event) in TABLE:
        assert next_state(state, event) is TABLE[state, event]
    else:
        with pytest.raises(IllegalTransitionError, match=f"{state} cannot {event}"):
            next_state(state, event)


def test_the_table_is_whole():
    assert TRANSITIONS == TABLE


WIDGET = RerunRequest("widget")
CHAINED = RerunRequest("st.rerun", chained=True)
OUTSIDE = RerunRequest("asked for", background=True)
PATIENT = RerunRequest("patient", supersedes=False)


@pytest.mark.parametrize(
    ("requests", "result"),
    [
        ([], None),
        ([WIDGET], WIDGET),
        ([WIDGET, WIDGET, WIDGET], WIDGET),
        ([OUTSIDE, WIDGET], WIDGET),
        ([WIDGET, OUTSIDE], RerunRequest("asked for")),
        ([OUTSIDE, OUTSIDE], OUTSIDE),
        ([CHAINED, CHAINED], CHAINED),
        ([CHAINED, WIDGET], WIDGET),
        ([WIDGET, CHAINED], RerunRequest("st.rerun")),
        ([PATIENT, PATIENT], PATIENT),
        ([PATIENT, WIDGET], WIDGET),
        ([WIDGET, PATIENT], RerunRequest("patient")),
    ],
)
def test_requests_become_one(requests, result):
    queue = RunQueue()
    for request in requests:
        queue.put(request)
    assert queue.take() == result
    assert queue.take() is None
