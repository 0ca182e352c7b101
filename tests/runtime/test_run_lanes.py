"""Runs that nobody waits for: one after another while they are short, with pauses while people are at work."""

from typing import Any

import pytest

from scriptapps.runtime import run_lanes
from scriptapps.runtime.run_lanes import AT_WORK_SECONDS, PAUSE_TIMES, SHORT_SECONDS, RunLanes


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(run_lanes, "time", clock)
    return clock


@pytest.fixture
def computing() -> list[Any]:
    return []


@pytest.fixture
def lanes(clock: Clock, computing: list[Any]) -> Any:
    return RunLanes(4, lambda: computing)


class Session:
    """All that the lanes know of one."""


A, B, C, D, E = (Session() for _ in "ABCDE")


def put(lanes: Any, *sessions: Any) -> None:
    for each in sessions:
        lanes.put(each, background=True)


def test_short_background_runs_begin_one_after_another(lanes: Any, clock: Clock):
    put(lanes, A, B)
    assert lanes.take() is A
    assert lanes.take() is None
    assert lanes.ready() == 0
    lanes.ended(A)
    assert lanes.take() is B


def test_those_that_wait_for_something_let_others_begin_and_leave_a_thread_free(lanes: Any, clock: Clock):
    put(lanes, A, B, C, D)
    for expected in (A, B, C):
        assert lanes.take() is expected
        assert lanes.pause() is None or lanes.pause() == pytest.approx(SHORT_SECONDS)
        clock.now += SHORT_SECONDS + 0.001
    # Three of four threads.
    assert lanes.take() is None
    assert lanes.pause() is None
    lanes.put(E, background=False)
    assert lanes.take() is E


def test_those_that_compute_do_not(lanes: Any, clock: Clock, computing: list[Any]):
    put(lanes, A, B)
    lanes.take()
    computing.append(A)
    clock.now += 10
    assert lanes.take() is None
    assert lanes.pause() == pytest.approx(SHORT_SECONDS / 5)
    computing.clear()
    assert lanes.take() is B


def test_while_people_are_at_work_the_background_pauses_for_longer_than_it_took(lanes: Any, clock: Clock):
    put(lanes, A, B, C)
    lanes.put(D, background=False)
    assert [lanes.take(), lanes.take()] == [D, A]
    clock.now += 0.01
    lanes.ended(A)
    assert lanes.take() is None
    assert lanes.pause() == pytest.approx(0.01 * PAUSE_TIMES)
    clock.now += 0.011 * PAUSE_TIMES
    assert lanes.take() is B
    # They have gone.
    clock.now += AT_WORK_SECONDS
    lanes.ended(B)
    assert lanes.take() is C


def test_a_session_is_hurried_up_when_somebody_waits_for_it(lanes: Any):
    put(lanes, A, B)
    lanes.put(B, background=False)
    assert len(lanes) == 2
    assert [lanes.take(), lanes.take()] == [B, A]
