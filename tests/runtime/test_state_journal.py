"""The journal: only what changed is written, what cannot be stored costs only itself and is told once.

Runs on: pytest. Invariant: no database; a fake commit stands in for the store.
"""

from __future__ import annotations

from typing import Any

import pytest

from scriptapps.runtime.state_codec import encode_value
from scriptapps.runtime.state_journal import STATE, WIDGET, StateChange, StateJournal, StateLimits, Stored


class Counted:
    """Counts how often it is encoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.values: list[Any] = []
        monkeypatch.setattr("scriptapps.runtime.state_journal.encode_value", self.encode)

    def encode(self, value: Any) -> bytes:
        self.values.append(value)
        return encode_value(value)


def keep(
    journal: StateJournal, state: dict[str, Any], widgets: dict[str, Any] | None = None, **seqs: int
) -> StateChange:
    change = journal.collect(state, widgets or {}, seqs)
    journal.committed(change)
    return change


def test_unchanged_values_are_not_written_again() -> None:
    journal = StateJournal()
    big = list(range(1000))
    first = keep(journal, {"a": 1, "big": big}, {"w": "x"})
    assert set(first.changed) == {(STATE, "a"), (STATE, "big"), (WIDGET, "w")}
    assert first.keys == 3
    assert first.size == sum(map(len, first.changed.values()))
    second = journal.collect({"a": 1, "big": list(big)}, {"w": "x"}, {})
    assert not second
    assert not second.changed
    assert (second.keys, second.size) == (3, first.size)


def test_a_changed_place_inside_a_value_is_noticed() -> None:
    journal = StateJournal()
    value = {"rows": [1]}
    keep(journal, {"v": value})
    value["rows"].append(2)
    assert set(keep(journal, {"v": value}).changed) == {(STATE, "v")}


@pytest.mark.parametrize("mutable", [[1], {"a": 1}, {1}])
def test_none_after_something_that_can_change_is_noticed(mutable: Any) -> None:
    journal = StateJournal()
    keep(journal, {"v": mutable})
    assert keep(journal, {"v": None}).changed == {(STATE, "v"): b"null"}
    assert keep(journal, {"v": mutable}).changed
    assert not keep(journal, {"v": mutable})


def test_the_same_immutable_object_is_not_even_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    journal = StateJournal()
    text = "x" * 1000
    keep(journal, {"t": text, "l": [1]})
    assert not keep(journal, {"t": text, "l": [1]})
    assert counted.values == [text, [1], [1]]
    # An equal object of another identity is encoded, found equal, and not written.
    assert not keep(journal, {"t": "".join([text]) + "", "l": [1]})


def test_equal_values_of_other_types_are_changes() -> None:
    journal = StateJournal()
    keep(journal, {"v": 1})
    assert keep(journal, {"v": True}).changed
    assert keep(journal, {"v": 1.0}).changed
    assert keep(journal, {"v": (1,)}).changed
    assert keep(journal, {"v": [1]}).changed


def test_removed_keys_are_removed_and_may_come_back() -> None:
    journal = StateJournal()
    keep(journal, {"a": 1, "b": 2}, {"w": 1})
    gone = keep(journal, {"b": 2})
    assert gone
    assert gone.removed == {(STATE, "a"), (WIDGET, "w")}
    assert not keep(journal, {"b": 2})
    assert keep(journal, {"a": 1, "b": 2}).changed == {(STATE, "a"): b"1"}


def test_what_was_restored_is_neither_decoded_nor_written() -> None:
    journal = StateJournal()
    journal.restored({(STATE, "a"): b"[1]", (WIDGET, "w"): b'"x"'}, {"tab": 4})
    assert not journal.collect({"a": Stored(b"[1]")}, {"w": "x"}, {"tab": 4})
    assert journal.collect({"a": Stored(b"[1]")}, {"w": "x"}, {"tab": 5})
    assert journal.collect({"a": [2]}, {"w": "x"}, {"tab": 4}).changed == {(STATE, "a"): b"[2]"}


def test_event_numbers_alone_are_a_change_without_values() -> None:
    journal = StateJournal()
    keep(journal, {"a": 1}, tab=1)
    assert not keep(journal, {"a": 1}, tab=1)
    change = keep(journal, {"a": 1}, tab=2)
    assert change
    assert not change.changed
    assert not change.removed


def test_a_change_that_was_not_committed_is_collected_again() -> None:
    journal = StateJournal()
    first = journal.collect({"a": 1}, {}, {"tab": 1})
    assert journal.collect({"a": 1}, {}, {"tab": 1}).changed == first.changed
    journal.committed(first)
    lost = journal.collect({}, {}, {"tab": 1})
    assert lost.removed
    assert journal.collect({}, {}, {"tab": 1}).removed == lost.removed


@pytest.mark.parametrize(
    ("limits", "state", "lost", "reason"),
    [
        (StateLimits(value_bytes=10), {"ok": 1, "big": "x" * 9}, {"big"}, "more than STATE_VALUE_BYTES (10)"),
        (StateLimits(session_bytes=10), {"ok": "1234567", "more": 22}, {"more"}, "STATE_SESSION_BYTES (10)"),
        (StateLimits(keys=2), {"a": 1, "b": 1, "c": 1}, {"c"}, "more than STATE_KEYS (2) keys"),
        (StateLimits(), {"ok": 1, "k" * 256: 1}, {"k" * 256}, "longer than 255"),
        (StateLimits(), {"ok": 1, "a\0b": 1}, {"a?b"}, "no database takes"),
        (StateLimits(), {"ok": 1, "a\ud800": 1}, {"a?"}, "no database takes"),
        (StateLimits(), {"ok": 1, "lock": object()}, {"lock"}, "cannot be stored"),
    ],
)
def test_what_does_not_fit_costs_only_itself(limits: StateLimits, state: dict, lost: set, reason: str) -> None:
    journal = StateJournal(limits)
    change = keep(journal, state)
    assert set(change.not_durable) == lost
    assert reason in next(iter(change.not_durable.values()))
    assert len(change.changed) == len(state) - 1
    # The limits are about all that is stored, also about what is skipped because it is the same object.
    assert set(keep(journal, state).not_durable) == lost


def test_a_value_that_stopped_being_durable_is_removed_from_the_store() -> None:
    journal = StateJournal()
    keep(journal, {"a": 1})
    change = keep(journal, {"a": object()})
    assert change.removed == {(STATE, "a")}
    assert change.not_durable
    assert keep(journal, {"a": 1}).changed


def test_not_durable_is_told_once_and_again_when_the_reason_changes() -> None:
    journal = StateJournal()
    first = journal.collect({"a": object()}, {}, {})
    assert set(journal.newly_not_durable(first)) == {"a"}
    journal.committed(first)
    second = journal.collect({"a": object()}, {}, {})
    assert not second
    assert not journal.newly_not_durable(second)
    third = journal.collect({"a": lambda: 0}, {}, {})
    assert third
    assert set(journal.newly_not_durable(third)) == {"a"}


def test_many_keys_are_collected_in_reasonable_work(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    journal = StateJournal()
    state = {f"key{number}": number + 1000 for number in range(10_001)}
    change = keep(journal, state)
    assert len(change.changed) == 10_000
    assert set(change.not_durable) == {"key10000"}
    counted.values.clear()
    assert not keep(journal, state)
    assert counted.values == [11_000]


# -- through a session -------------------------------------------------------------------------------------------------


class Commits:
    """A store that takes notes and may refuse."""

    def __init__(self) -> None:
        self.changes: list[StateChange] = []
        self.error: Exception | None = None

    def __call__(self, session: Any, change: StateChange) -> None:
        if self.error is not None:
            raise self.error
        self.changes.append(change)


@pytest.fixture
def commits() -> Commits:
    return Commits()


def test_a_run_that_changed_nothing_commits_nothing(stage, commits: Commits) -> None:
    played = stage("st.session_state.setdefault('n', [1])\nst.text_input('Name')", commit=commits).run()
    assert len(commits.changes) == 1
    played.run().run()
    assert len(commits.changes) == 1
    played.viewer.set("Name", "Ada")
    played.until(lambda: played.viewer.page.acked == 1)
    assert [set(change.changed) for change in commits.changes[1:]] == [
        {(WIDGET, played.viewer.page.widget("Name").widget_id)}
    ]
    assert commits.changes[-1].seqs == {"tab": 1}


def test_the_line_that_assigned_is_told_once(stage, commits: Commits) -> None:
    source = """
        st.session_state.fine = 1
        st.session_state.lock = object()
    """
    played = stage(source, commit=commits).run()
    told = [error.message for error in played.viewer.page.errors if error.code == "not_durable"]
    assert len(told) == 1
    assert "'lock'" in told[0]
    assert "line 6" in told[0]
    assert "builtins.object cannot be stored" in told[0]
    played.run()
    assert len([error for error in played.viewer.page.errors if error.code == "not_durable"]) == 1


def test_visitors_of_a_production_site_are_not_told_about_code(stage, commits: Commits) -> None:
    played = stage("st.session_state.lock = object()", commit=commits, show_tracebacks=False).run()
    assert not played.viewer.page.errors
    assert commits.changes[0].not_durable


def test_a_commit_that_fails_is_told_and_not_acknowledged_and_made_good(stage, commits: Commits) -> None:
    source = "if st.button('Go'):\n    st.session_state.n = st.session_state.get('n', 0) + 1\nst.session_state.get('n')"
    played = stage(source, commit=commits).run()
    commits.error = OSError("the disk is full")
    played.viewer.click("Go")
    played.until(lambda: any("could not be saved" in item.message for item in played.viewer.page.finished))
    played.rest()
    assert played.viewer.page.acked == 0
    commits.error = None
    played.run()
    played.until(lambda: played.viewer.page.acked == 1)
    assert commits.changes[-1].changed == {(STATE, "n"): b"1"}


def test_finished_is_said_and_acknowledged_after_the_commit(stage) -> None:
    told: list[tuple[list[str], int]] = []

    def commit(session: Any, change: StateChange) -> None:
        played.viewer.drain()
        told.append((list(played.outcomes), played.viewer.page.acked))

    source = "if st.button('Go'):\n    st.session_state.n = st.session_state.get('n', 0) + 1"
    played = stage(source, commit=commit).run()
    assert told == []
    played.viewer.click("Go")
    played.until(lambda: played.viewer.page.acked == 1)
    assert told == [(["COMPLETED"], 0)]
    assert played.outcomes == ["COMPLETED", "COMPLETED"]
