"""What every state store has to do, as tests that a store of your own can run.

    from scriptapps.testing.store_contract import StateStoreContract

    class TestMyStore(StateStoreContract):
        backend = "mysite.stores.MyStore"
        options = {"HOST": "..."}

Runs on: pytest with pytest-django. Invariant: it uses nothing of a store but what BaseStateStore declares.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils.module_loading import import_string

from scriptapps import lease
from scriptapps.errors import LeaseLostError, StoredStateGoneError
from scriptapps.models import ScriptApp, ScriptSession, SessionRequest
from scriptapps.runtime.outside import RequestAnswer
from scriptapps.runtime.state_journal import STATE, WIDGET, Name, StateChange
from scriptapps.store import BaseStateStore, write_alias

NODE = "contract:1:1"


def whole(values: dict[Name, bytes], **seqs: int) -> StateChange:
    """The first change of a session."""
    return StateChange(changed=values, seqs=seqs, keys=len(values), is_new=True, is_whole=True)


def difference(changed: dict[Name, bytes], removed: set[Name] = frozenset(), **seqs: int) -> StateChange:  # type: ignore[assignment]
    """A later change."""
    return StateChange(changed=changed, removed=set(removed), seqs=seqs, is_new=True)


@pytest.mark.django_db(transaction=True)
class StateStoreContract:
    """Subclass it, name it ``Test...`` and set ``backend`` and ``options``."""

    backend = ""
    options: dict[str, Any] = {}

    @pytest.fixture
    def store(self) -> BaseStateStore:
        """The store, made as scriptapps makes it."""
        made: BaseStateStore = import_string(self.backend)(dict(self.options))
        return made

    @pytest.fixture
    def session_id(self) -> str:
        """A session that NODE owns with epoch 1."""
        return self.new_session()

    @staticmethod
    def new_session() -> str:
        """The row of another such session."""
        app, _ = ScriptApp.objects.get_or_create(slug="contract")
        key = uuid.uuid4()
        ScriptSession.objects.create(
            pk=key, script_app=app, binding="b", node=NODE, epoch=1, lease_expires=lease.first_expiry()
        )
        return str(key)

    @staticmethod
    def seqs(session_id: str) -> dict[str, int]:
        """The event numbers in the session's row."""
        found: dict[str, int] = ScriptSession.objects.values_list("seqs", flat=True).get(pk=session_id)
        return found

    def test_a_session_without_state_has_none(self, store: BaseStateStore, session_id: str) -> None:
        """Also one that was never heard of."""
        assert store.load(session_id) == {}
        assert store.load(str(uuid.uuid4())) == {}

    def test_what_was_committed_is_loaded(self, store: BaseStateStore, session_id: str) -> None:
        """Names of both spaces, any bytes, any characters."""
        values = {
            (STATE, "text"): "grüße \U0001f600".encode(),
            (STATE, "bytes"): bytes(range(256)),
            (STATE, "empty"): b"",
            (STATE, "k" * 255): b"1",
            (STATE, "quotes'\"%s;--\\"): b"2",
            (STATE, "same"): b"state",
            (WIDGET, "same"): b"widget",
        }
        store.commit(session_id, NODE, 1, whole(values, tab=7))
        assert store.load(session_id) == values
        assert self.seqs(session_id) == {"tab": 7}

    def test_a_difference_changes_only_what_it_names(self, store: BaseStateStore, session_id: str) -> None:
        """Changed, added, removed, removed again and added again."""
        a, b, c, d = ((STATE, name) for name in "abcd")
        store.commit(session_id, NODE, 1, whole({a: b"1", b: b"1", c: b"1"}))
        store.commit(session_id, NODE, 1, difference({a: b"2", d: b"2"}, {b}))
        assert store.load(session_id) == {a: b"2", c: b"1", d: b"2"}
        store.commit(session_id, NODE, 1, difference({}, {a, c, d}))
        assert store.load(session_id) == {}
        store.commit(session_id, NODE, 1, difference({a: b"3"}, {b}))
        assert store.load(session_id) == {a: b"3"}

    def test_event_numbers_without_values(self, store: BaseStateStore, session_id: str) -> None:
        """A click that changed nothing is acknowledged all the same."""
        store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"1"}, tab=1))
        store.commit(session_id, NODE, 1, difference({}, tab=2, other=1))
        assert store.load(session_id) == {(STATE, "a"): b"1"}
        assert self.seqs(session_id) == {"tab": 2, "other": 1}

    def test_sessions_do_not_see_each_other(self, store: BaseStateStore, session_id: str) -> None:
        """Not even when one is deleted."""
        other = self.new_session()
        store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"mine"}))
        store.commit(other, NODE, 1, whole({(STATE, "a"): b"theirs"}))
        store.delete([session_id])
        assert store.load(session_id) == {}
        assert store.load(other) == {(STATE, "a"): b"theirs"}
        store.delete([session_id, str(uuid.uuid4())])
        store.delete([])

    def test_many_and_large_values(self, store: BaseStateStore, session_id: str) -> None:
        """1,200 keys at once, half a megabyte in one of them, all changed and half of them removed."""
        values = {(STATE, f"key{number}"): b"%d" % number for number in range(1200)}
        values[STATE, "large"] = b"x" * 500_000
        store.commit(session_id, NODE, 1, whole(values))
        gone = {name for number, name in enumerate(values) if number % 2}
        changed = {name: data + b"!" for name, data in values.items() if name not in gone}
        store.commit(session_id, NODE, 1, difference(changed, gone))
        assert store.load(session_id) == changed

    @pytest.mark.parametrize(
        ("node", "epoch"), [(NODE, 2), (NODE, 0), ("another:1:1", 1), ("", 1)], ids=["later", "none", "other", "nobody"]
    )
    @pytest.mark.parametrize("first", [True, False], ids=["nothing stored", "something stored"])
    def test_whoever_does_not_own_the_session_changes_nothing(
        self, store: BaseStateStore, session_id: str, node: str, epoch: int, first: bool
    ) -> None:
        """LeaseLostError, and values and numbers are as before."""
        values = {} if first else {(STATE, "a"): b"1", (STATE, "b"): b"1"}
        if values:
            store.commit(session_id, NODE, 1, whole(values, tab=1))
        before = self.seqs(session_id)
        for change in (
            difference({(STATE, "a"): b"2", (STATE, "c"): b"2"}, tab=9),
            difference({}, {(STATE, "b")}, tab=9),
            difference({}, tab=9),
        ):
            change.is_whole = first
            with pytest.raises(LeaseLostError):
                store.commit(session_id, node, epoch, change)
        assert store.load(session_id) == values
        assert self.seqs(session_id) == before

    def test_a_closed_session_takes_nothing(self, store: BaseStateStore, session_id: str) -> None:
        """Closing is final, also for the owner."""
        ScriptSession.objects.filter(pk=session_id).update(state=ScriptSession.State.CLOSED)
        with pytest.raises(LeaseLostError):
            store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"1"}))
        assert store.load(session_id) == {}

    def test_the_next_owner_goes_on_where_the_last_one_was(self, store: BaseStateStore, session_id: str) -> None:
        """And from then on the last one is refused."""
        store.commit(session_id, NODE, 1, whole({(STATE, "n"): b"1"}, tab=1))
        assert lease.release(session_id, NODE, 1)
        epoch = lease.acquire(session_id, "next:1:1")
        assert epoch == 2
        assert store.load(session_id) == {(STATE, "n"): b"1"}
        store.commit(session_id, "next:1:1", epoch, difference({(STATE, "n"): b"2"}, tab=2))
        with pytest.raises(LeaseLostError):
            store.commit(session_id, NODE, 1, difference({(STATE, "n"): b"9"}, tab=2))
        assert store.load(session_id) == {(STATE, "n"): b"2"}

    def test_a_commit_inside_a_transaction_that_is_rolled_back_never_happened(
        self, store: BaseStateStore, session_id: str
    ) -> None:
        """An atomic callback commits what it wrote, the state and the event number together or not at all."""
        store.commit(session_id, NODE, 1, whole({(STATE, "n"): b"1"}, tab=1))
        with transaction.atomic(using=write_alias()):
            store.commit(session_id, NODE, 1, difference({(STATE, "n"): b"2"}, tab=2))
            transaction.set_rollback(True, using=write_alias())
        assert store.load(session_id) == {(STATE, "n"): b"1"}
        assert self.seqs(session_id) == {"tab": 1}
        store.commit(session_id, NODE, 1, difference({(STATE, "m"): b"3"}, tab=2))
        assert store.load(session_id) == {(STATE, "n"): b"1", (STATE, "m"): b"3"}

    def test_answers_to_requests_are_a_part_of_the_change(self, store: BaseStateStore, session_id: str) -> None:
        """Whoever finds a request unanswered carries it out; so the answer comes with the state or not at all."""
        first, second = (
            SessionRequest.objects.create(session_id=session_id, kind="rerun", trigger="test") for _ in "12"
        )

        def change(**seqs: int) -> StateChange:
            made = difference({(STATE, "n"): b"%d" % len(seqs)}, set(), **seqs)
            made.requests = [RequestAnswer(first.pk, "completed"), RequestAnswer(second.pk, "running", run_id="r-1")]
            return made

        def outcomes() -> list[str]:
            return list(SessionRequest.objects.order_by("pk").values_list("outcome", flat=True))

        with pytest.raises(LeaseLostError):
            store.commit(session_id, NODE, 2, change(tab=1))
        with transaction.atomic(using=write_alias()):
            store.commit(session_id, NODE, 1, change(tab=1))
            transaction.set_rollback(True, using=write_alias())
        assert outcomes() == ["", ""]
        store.commit(session_id, NODE, 1, change(tab=1))
        assert outcomes() == ["completed", "running"]
        assert [row.pk for row in SessionRequest.objects.unfinished()] == [second.pk]
        assert not SessionRequest.objects.waiting().exists()
        # Numbers alone, and the end of the run that was going on.
        later = difference({}, tab=2)
        later.requests = [RequestAnswer(second.pk, "failed", "it broke", "r-1")]
        store.commit(session_id, NODE, 1, later)
        second.refresh_from_db()
        assert (second.outcome, second.error, second.run_id) == ("failed", "it broke", "r-1")
        assert second.finished is not None

    def test_other_connections_see_it_at_once(self, store: BaseStateStore, session_id: str) -> None:
        """Another process reads through another connection."""
        store.commit(session_id, NODE, 1, whole({(STATE, "n"): b"1"}, tab=1))
        connections[write_alias()].close()
        again: BaseStateStore = import_string(self.backend)(dict(self.options))
        assert again.load(session_id) == {(STATE, "n"): b"1"}

    def test_state_that_is_gone_is_told_or_was_never_gone(self, store: BaseStateStore, session_id: str) -> None:
        """A store that can lose what it was given says so; it never goes on with a part."""
        store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"1", (STATE, "b"): b"1"}, tab=1))
        if not self.lose(session_id):
            assert len(store.load(session_id)) == 2
            return
        with pytest.raises(StoredStateGoneError):
            store.load(session_id)
        with pytest.raises(StoredStateGoneError):
            store.commit(session_id, NODE, 1, difference({(STATE, "a"): b"2"}, tab=2))
        assert self.seqs(session_id) == {"tab": 1}
        store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"2", (STATE, "b"): b"1"}, tab=2))
        assert store.load(session_id) == {(STATE, "a"): b"2", (STATE, "b"): b"1"}

    def lose(self, session_id: str) -> bool:
        """Make the store lose what it holds (an eviction, a restart), if that can happen. Returns whether it did."""
        return False
