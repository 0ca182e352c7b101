"""Requests from outside in a live session: applied once, whatever becomes of the run, and answered with the commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scriptapps.errors import LeaseLostError, StopScript
from scriptapps.runtime.outside import RequestAnswer
from scriptapps.runtime.run_queue import OutsideRequest, RerunRequest
from scriptapps.runtime.state_codec import encode_value
from scriptapps.runtime.state_journal import StateChange, Stored
from tests.runtime.stage import Stage

SCRIPT = """
    region = st.selectbox("Region", ["EU", "US"], key="region")
    probe.note("in")
    if st.session_state.pop("wait", False):
        probe.event("go on").wait()
        st.text("later")
    if st.session_state.pop("again", False):
        st.rerun()
    if st.session_state.pop("break", False):
        raise ValueError("broken")
    late = st.selectbox("Late", ["a", "b", "c"], key="late")
    st.text(f"{region} {late} {st.session_state.get('n')}")
"""


class Answers:
    """A store that keeps the answers only; ``fail`` makes it fail."""

    def __init__(self) -> None:
        self.all: list[RequestAnswer] = []
        self.fail: Exception | None = None

    def __call__(self, session: Any, change: StateChange) -> None:
        if self.fail is not None:
            raise self.fail
        self.all += change.requests

    def of(self, number: int) -> list[str]:
        """What was said of one request, in order."""
        return [answer.outcome for answer in self.all if answer.number == number]


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def played(stage: Callable[..., Stage], answers: Answers) -> Stage:
    """The script after its first run."""
    made: Stage = stage(SCRIPT, commit=answers)
    return made.run()


def ask(played: Stage, number: int | None = 1, *, supersedes: bool = True, **given: Any) -> None:
    request = OutsideRequest(number, **given)
    if number is not None:
        assert played.session.outside.take(number)
    played.session.request_rerun(RerunRequest("Python", background=True, supersedes=supersedes, outside=(request,)))


def test_values_come_once_and_are_answered_with_the_commit(played: Stage, answers: Answers) -> None:
    ask(played, values={"region": "US"}, state={"n": 1})
    assert played.rest().texts == ["US a 1"]
    [answer] = answers.all
    assert (answer.number, answer.outcome, answer.error) == (1, "completed", "")
    assert not played.session.outside.is_open
    # Nobody says it again.
    played.run()
    assert len(answers.all) == 1


def test_a_request_is_taken_once_until_its_answer_is_known(played: Stage) -> None:
    outside = played.session.outside
    assert outside.take(7)
    assert not outside.take(7)
    outside.give_back([7, None])
    assert outside.take(7)
    outside.answered([7])
    # Who has read it as waiting before it was answered must not take it; who reads now does not find it.
    assert not outside.take(7)
    outside.begin_look()
    assert outside.take(7)


def test_a_run_that_is_given_up_leaves_its_requests_to_the_next_one(played: Stage, answers: Answers) -> None:
    ask(played, values={"late": "b"}, state={"wait": True, "n": 5})
    played.probe.until(lambda: played.session.outside.is_open and len(played.probe.notes) == 2)
    assert played.session.state.stored_values()["n"] == 5
    played.viewer.set("Region", "US")
    played.probe.event("go on").set()
    assert played.rest().texts == ["US b 5"]
    assert played.outcomes[-2:] == ["SUPERSEDED", "COMPLETED"]
    assert answers.of(1) == ["completed"]


def test_what_a_person_does_goes_before_a_value_that_a_run_had_not_come_to(played: Stage, answers: Answers) -> None:
    ask(played, values={"late": "b"}, state={"wait": True})
    played.probe.until(lambda: len(played.probe.notes) == 2)
    played.viewer.set("Late", "c")
    played.probe.event("go on").set()
    assert played.rest().texts == ["EU c None"]
    assert answers.of(1) == ["completed"]


def test_a_run_of_requests_is_not_given_up_for_the_next_ones(played: Stage, answers: Answers) -> None:
    ask(played, 1, state={"wait": True, "n": 1})
    played.probe.until(lambda: len(played.probe.notes) == 2)
    for number in (2, 3):
        ask(played, number, state={"n": number}, supersedes=not played.session.outside.is_open)
    played.probe.event("go on").set()
    assert played.rest().texts == ["EU a 3"]
    assert played.outcomes[-2:] == ["COMPLETED", "COMPLETED"]
    assert [answers.of(number) for number in (1, 2, 3)] == [["completed"]] * 3
    assert len({answer.run_id for answer in answers.all}) == 2


def test_st_rerun_is_a_part_of_it(played: Stage, answers: Answers) -> None:
    """What the first run stored holds the values; how it ends is known when the last one ends."""
    ask(played, values={"late": "b"}, state={"again": True, "break": True})
    played.rest()
    assert answers.of(1) == ["running", "failed"]
    assert answers.all[-1].error.startswith("ValueError: broken (reference ")
    assert not played.session.outside.is_open


def test_an_atomic_callback_stores_that_the_request_is_applied(stage: Callable[..., Stage], answers: Answers) -> None:
    def commit_with(session: Any, run: Any, function: Callable[[], None]) -> None:
        function()
        change = session.collect_change(run)
        answers(session, change)
        session.committed(change)

    script = """
    def up():
        st.session_state.n = st.session_state.get("n", 0) + 1
    st.button("Up", on_click=up, atomic=True)
    st.text(f"{st.session_state.get('n')}")
    """
    played: Stage = stage(script, commit=answers, commit_with=commit_with)
    played.run()
    with played.session._lock:
        # Both before a run begins.
        played.session.queue.put(RerunRequest("Python", outside=(OutsideRequest(1, state={"n": 10}),)))
    played.viewer.click("Up")
    assert played.rest().texts == ["11"]
    assert answers.of(1) == ["running", "completed"]


def test_a_commit_that_fails_is_made_up_by_the_next_run(played: Stage, answers: Answers) -> None:
    answers.fail = OSError("no database")
    ask(played, state={"n": 4})
    played.rest()
    assert answers.all == []
    assert played.session.outside.is_open
    answers.fail = None
    played.run()
    assert answers.of(1) == ["completed"]


def test_a_session_that_has_moved_answers_nothing(played: Stage, answers: Answers) -> None:
    answers.fail = LeaseLostError("another process has it")
    ask(played, state={"n": 4})
    played.rest()
    assert answers.all == []
    assert played.session.outside.take_unsaved() == []


def test_a_run_that_could_not_be_stopped_is_answered_without_it(stage: Callable[..., Stage], answers: Answers) -> None:
    script = SCRIPT.replace('probe.event("go on").wait()', 'probe.event("hang").wait()')
    played: Stage = stage(script, commit=answers, stop_grace=0.01, abandon_grace=0.02)
    played.run()
    ask(played, state={"wait": True})
    played.probe.until(lambda: len(played.probe.notes) == 2)
    played.session.request_stop()
    played.until(lambda: "ABANDONED" in played.outcomes)
    assert [(one.number, one.outcome) for one in played.session.outside.take_unsaved()] == [(1, "abandoned")]
    assert answers.all == []
    assert not played.session.outside.is_open


def test_a_stop_keeps_what_was_asked_from_outside(played: Stage, answers: Answers) -> None:
    ask(played, 1, state={"wait": True})
    played.probe.until(lambda: len(played.probe.notes) == 2)
    ask(played, 2, state={"n": 2}, supersedes=False)
    played.ask()
    played.session.request_stop()
    played.probe.event("go on").set()
    assert played.rest().texts == ["EU a 2"]
    assert (answers.of(1), answers.of(2)) == (["stopped"], ["completed"])


def test_stored_values_are_read_when_they_are_applied(played: Stage, answers: Answers) -> None:
    ask(played, values={"region": Stored(encode_value("US"))}, state={"n": Stored(b'{"$type":"nonsense","v":1}')})
    assert played.rest().texts == ["US a None"]
    [answer] = answers.all
    assert answer.outcome == "refused"
    assert answer.error.startswith("n: ")


def test_without_a_record_there_is_nothing_to_answer(stage: Callable[..., Stage]) -> None:
    played: Stage = stage(SCRIPT)
    played.run()
    ask(played, None, values={"region": "US", "late": "z"})
    assert played.rest().texts == ["US a None"]
    assert not played.session.outside.is_open
    assert played.session.outside.take_unsaved() == []


def test_a_process_that_takes_no_runs_gives_requests_back(played: Stage) -> None:
    played.engine.abandoned = played.options.max_abandoned + 1
    ask(played, state={"n": 1})
    assert played.session.last_error.startswith("5 runs of this process")
    assert played.session.outside.take(1)


def test_a_person_who_may_no_longer_run_it_is_said(stage: Callable[..., Stage], answers: Answers) -> None:
    allowed = [True]

    def before_run(run: Any) -> None:
        if not allowed[0]:
            raise StopScript("REFUSED")

    played: Stage = stage(SCRIPT, commit=answers, before_run=before_run)
    played.run()
    allowed[0] = False
    ask(played, state={"n": 1})
    played.rest()
    [answer] = answers.all
    assert (answer.outcome, answer.error) == ("refused", "You may no longer run this page.")
    assert "n" not in played.session.state.stored_values()


def test_a_run_that_cannot_begin_gives_its_requests_back(stage: Callable[..., Stage], answers: Answers) -> None:
    broken = [False]

    def before_run(run: Any) -> None:
        if broken[0]:
            raise OSError("no database")

    played: Stage = stage(SCRIPT, commit=answers, before_run=before_run)
    played.run()
    broken[0] = True
    ask(played, state={"n": 1})
    played.rest()
    assert answers.of(1) == []
    assert played.session.outside.take(1)
