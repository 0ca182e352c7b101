"""Large values and quick runs: written once for many, acknowledged when they are written, never late for long.

Runs on: pytest. Invariant: no database; a fake commit stands in for the store, and time is what a test says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from scriptapps.runtime import state_journal
from scriptapps.runtime.state_codec import encode_value
from scriptapps.runtime.state_journal import LARGE_BYTES, PUT_OFF_SECONDS, STATE, StateChange, StateJournal, Stored

LARGE = "x" * (LARGE_BYTES + 1)
CLICKS = 8
PAGE = """
    st.session_state.setdefault("big", [0, "0" * 200_000])
    if st.button("Add"):
        n = st.session_state.big[0] + 1
        st.session_state.big = [n, str(n) * 200_000]
        probe.note(n)
        probe.event("go").wait()
    st.text(str(st.session_state.big[0]))
"""
"""Each click makes another value of 200 kB."""


@dataclass
class Store:
    """Keeps everything it is given, and what the browser had been told was finished at each commit."""

    kept: dict[Any, bytes] = field(default_factory=dict)
    changes: list[StateChange] = field(default_factory=list)
    seqs: dict[str, int] = field(default_factory=dict)

    def __call__(self, session: Any, change: StateChange) -> None:
        for viewer in session.viewers:
            assert session.seqs(viewer)[0] <= self.seqs.get(viewer.client_id, 0), "acknowledged before it was stored"
        self.changes.append(change)
        self.kept.update(change.changed)
        self.seqs.update(change.seqs)


class Clock:
    """Stands in for the journal's ``time``."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(state_journal, "time", clock)
    return clock


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes may wait however slow this machine is at the moment."""
    monkeypatch.setattr(state_journal, "PUT_OFF_SECONDS", 600.0)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Values that were encoded."""
    values: list[Any] = []

    def encode(value: Any) -> bytes:
        values.append(value)
        return encode_value(value)

    monkeypatch.setattr(state_journal, "encode_value", encode)
    return values


def keep(journal: StateJournal, state: dict[str, Any]) -> None:
    journal.committed(journal.collect(state, {}, {}))


@pytest.mark.usefixtures("patience")
def test_quick_runs_with_a_large_value_are_stored_together(stage, store: Store, encoded: list[Any]) -> None:
    played = stage(PAGE, commit=store).run()
    assert len(store.changes) == 1
    encoded.clear()
    for _ in range(CLICKS):
        played.viewer.click("Add")
    played.probe.until(lambda: played.probe.notes)
    played.viewer.drain()
    assert played.viewer.page.acked == 0
    played.probe.event("go").set()
    played.until(lambda: played.viewer.page.acked == CLICKS)
    played.rest()
    assert played.probe.notes == list(range(1, CLICKS + 1))
    assert played.outcomes == ["COMPLETED"] * (CLICKS + 1)
    assert len(store.changes) == 2
    assert len(encoded) == 1
    assert store.kept[STATE, "big"] == encode_value(played.session.state.stored_values()["big"])
    assert played.texts == [str(CLICKS)]
    assert store.seqs == {"tab": CLICKS}
    assert not played.session.is_unsaved


def test_small_values_are_stored_with_every_run(stage, store: Store) -> None:
    played = stage(PAGE.replace("200_000", "20"), commit=store).run()
    for _ in range(CLICKS):
        played.viewer.click("Add")
    played.probe.event("go").set()
    played.until(lambda: played.viewer.page.acked == CLICKS)
    assert len(store.changes) == 1 + CLICKS


def test_a_run_after_which_none_follows_is_stored_at_once(stage, store: Store) -> None:
    played = stage(PAGE, commit=store).run()
    played.probe.event("go").set()
    for number in range(3):
        played.viewer.click("Add")
        played.until(lambda number=number: played.viewer.page.acked == number + 1)
    assert len(store.changes) == 4


@pytest.mark.usefixtures("patience")
def test_what_waits_is_not_acknowledged_when_the_next_run_is_stopped_before_it_begins(stage, store: Store) -> None:
    played = stage(PAGE, commit=store).run()
    played.viewer.click("Add")
    played.probe.until(lambda: played.probe.notes)
    played.viewer.click("Add")
    finish_run = played.session.finish_run

    def stop_and_finish(*args: Any, **kwargs: Any) -> bool:
        played.session.request_stop()
        return finish_run(*args, **kwargs)

    played.session.finish_run = stop_and_finish
    played.probe.event("go").set()
    played.rest()
    played.session.finish_run = finish_run
    assert len(store.changes) == 1
    assert played.session.is_unsaved
    # An event that needs no run must not say that all before it is finished.
    played.session.acknowledge_idle()
    played.viewer.drain()
    assert played.viewer.page.acked == 0
    # As the node's next beat does.
    played.run()
    played.until(lambda: played.viewer.page.acked == 2)
    assert store.kept[STATE, "big"] == encode_value(played.session.state.stored_values()["big"])


def test_what_waits_is_not_acknowledged_by_a_run_that_is_given_up(stage, store: Store) -> None:
    played = stage(PAGE, commit=store).run()
    session = played.session
    keep(session.journal, {"big": LARGE})
    assert session.journal.puts_off({"big": LARGE + "."}, 0.01)
    played.viewer.click("Add")
    played.probe.until(lambda: played.probe.notes)
    session.finish_run(session.run, "ABANDONED", 0.0, ack=True)
    played.viewer.drain()
    assert played.viewer.page.acked == 0


def test_changes_wait_only_as_long_as_another_run_is_over_in_time(clock: Clock) -> None:
    journal = StateJournal()
    keep(journal, {"big": LARGE})
    changed = {"big": LARGE + "."}
    assert journal.puts_off(changed, 0.5)
    assert journal.waits_since == clock.now - 0.5
    clock.now += 0.9
    assert journal.puts_off(changed, 0.5)
    clock.now += 0.2
    assert not journal.puts_off(changed, 0.5)
    assert not journal.is_overdue
    clock.now += PUT_OFF_SECONDS
    assert journal.is_overdue
    keep(journal, changed)
    assert journal.waits_since is None
    assert not journal.is_overdue


def test_a_long_run_is_stored_at_its_end(clock: Clock) -> None:
    journal = StateJournal()
    keep(journal, {"big": LARGE})
    assert not journal.puts_off({"big": LARGE + "."}, PUT_OFF_SECONDS)
    assert journal.waits_since is None


@pytest.mark.parametrize(
    ("before", "after", "waits"),
    [
        ({"big": LARGE}, {"big": LARGE}, False),
        ({"big": LARGE, "n": 1}, {"big": LARGE, "n": 2}, False),
        ({"big": LARGE}, {"big": LARGE + "."}, True),
        ({"big": [LARGE]}, {"big": [LARGE]}, True),
        ({"big": LARGE}, {}, True),
        ({"n": 1}, {"n": 2}, False),
        ({"n": 1}, {"n": LARGE}, False),
    ],
)
def test_only_a_large_value_that_may_have_changed_waits(before: dict, after: dict, waits: bool) -> None:
    journal = StateJournal()
    keep(journal, before)
    assert journal.puts_off(after, 0.01) is waits


def test_a_value_that_became_small_or_was_not_read_since_it_was_restored_does_not_wait() -> None:
    journal = StateJournal()
    keep(journal, {"big": LARGE})
    keep(journal, {"big": "small"})
    assert not journal.puts_off({"big": "other"}, 0.01)
    data = encode_value(LARGE)
    journal.restored({(STATE, "big"): data}, {})
    assert not journal.puts_off({"big": Stored(data)}, 0.01)
    assert journal.puts_off({"big": LARGE}, 0.01)


def test_a_run_that_has_to_store_what_waits_is_not_given_up_for_a_newer_one(stage, store: Store, clock: Clock) -> None:
    played = stage(
        """
        heat = st.slider("Heat", 0, 10, 1, on_change=lambda: None)
        st.session_state.setdefault("big", "0" * 200_000)
        probe.note(heat)
        if heat == 5:
            probe.event("go").wait()
        st.session_state.big = f"{heat}" * 200_000
        """,
        commit=store,
    ).run()
    assert played.session.journal.puts_off({"big": LARGE}, 0.01)
    clock.now += PUT_OFF_SECONDS + 1
    played.viewer.set("Heat", [5.0])
    played.probe.until(lambda: 5 in played.probe.notes)
    played.viewer.set("Heat", [6.0])
    played.probe.event("go").set()
    played.until(lambda: played.viewer.page.acked == 2)
    assert played.outcomes == ["COMPLETED"] * 3
    assert [change.changed[STATE, "big"][1:2] for change in store.changes] == [b"1", b"5", b"6"]
