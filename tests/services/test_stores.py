"""The two state stores: the contract, faults in the middle of a commit, and how many statements they cost.

Runs on: pytest; PostgreSQL is covered where the whole suite runs on it, Redis with its marker.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.cache import caches
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from scriptapps.models import ScriptSession, SessionValue
from scriptapps.runtime.state_journal import STATE, StateChange
from scriptapps.store import BaseStateStore, CacheStateStore, DatabaseStateStore, get_state_store
from scriptapps.testing.store_contract import NODE, StateStoreContract, difference, whole


class TestDatabaseStateStore(StateStoreContract):
    backend = "scriptapps.store.DatabaseStateStore"

    @pytest.mark.parametrize("failing", ["DELETE", "INSERT"])
    def test_a_fault_in_the_middle_undoes_all_of_it(self, store, session_id: str, failing: str) -> None:
        store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"1", (STATE, "b"): b"1"}, tab=1))

        def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith(failing):
                raise DatabaseError("the cable was pulled")
            return execute(sql, params, many, context)

        with connection.execute_wrapper(fail), pytest.raises(DatabaseError, match="the cable"):
            store.commit(session_id, NODE, 1, difference({(STATE, "a"): b"2"}, {(STATE, "b")}, tab=2))
        assert store.load(session_id) == {(STATE, "a"): b"1", (STATE, "b"): b"1"}
        assert self.seqs(session_id) == {"tab": 1}

    def test_a_commit_is_one_transaction_of_few_statements(self, store, session_id: str) -> None:
        with CaptureQueriesContext(connection) as numbers_only:
            store.commit(session_id, NODE, 1, difference({}, tab=1))
        assert len(numbers_only) == 1
        with CaptureQueriesContext(connection) as values:
            store.commit(session_id, NODE, 1, whole({(STATE, str(n)): b"1" for n in range(50)}, tab=2))
        told = [query["sql"].removeprefix("50 times: ").split()[0] for query in values.captured_queries]
        assert [word for word in told if word not in ("BEGIN", "COMMIT")] == ["UPDATE", "INSERT"]

    def test_the_row_says_what_is_stored(self, store, session_id: str) -> None:
        change = whole({(STATE, "a"): b"12345"}, tab=1)
        change.size, change.not_durable = 5, {"lock": "values of type _thread.lock cannot be stored"}
        store.commit(session_id, NODE, 1, change)
        row = ScriptSession.objects.get(pk=session_id)
        assert (row.state_keys, row.state_bytes, list(row.not_durable)) == (1, 5, ["lock"])

    def test_deleting_the_row_deletes_the_values(self, store, session_id: str) -> None:
        store.commit(session_id, NODE, 1, whole({(STATE, "a"): b"1"}))
        ScriptSession.objects.filter(pk=session_id).delete()
        assert not SessionValue.objects.exists()


class TestDatabaseStateStoreByOrm(StateStoreContract):
    """As on databases that are neither SQLite nor PostgreSQL."""

    backend = "scriptapps.store.DatabaseStateStore"

    @pytest.fixture(autouse=True)
    def _by_orm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scriptapps.store.UPSERT_VENDORS", ())


class CacheContract(StateStoreContract):
    backend = "scriptapps.store.CacheStateStore"
    options = {"ALIAS": "state"}

    def lose(self, session_id: str) -> bool:
        caches["state"].clear()
        return True

    def test_entries_do_not_pile_up(self, store, session_id: str) -> None:
        references = []
        for number in range(3):
            store.commit(session_id, NODE, 1, difference({(STATE, "n"): b"%d" % number}))
            references.append(ScriptSession.objects.values_list("state_ref", flat=True).get(pk=session_id))
        assert len(set(references)) == 3
        assert [reference in caches["state"] for reference in references] == [False, False, True]
        store.delete([session_id])
        assert references[-1] not in caches["state"]

    def test_a_cache_that_takes_nothing_is_an_error(self, store, session_id: str, monkeypatch) -> None:
        monkeypatch.setattr(type(caches["state"]), "set", lambda *_, **__: None)
        with pytest.raises(OSError, match="did not take"):
            store.commit(session_id, NODE, 1, whole({(STATE, "n"): b"1"}, tab=1))
        assert self.seqs(session_id) == {}


class TestCacheStateStoreInMemory(CacheContract):
    @pytest.fixture(autouse=True)
    def _cache(self, settings: Any) -> None:
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
            "state": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "state"},
        }


@pytest.mark.redis
class TestCacheStateStoreInRedis(CacheContract):
    @pytest.fixture(autouse=True)
    def _cache(self, settings: Any) -> Any:
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
            "state": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": os.environ["SCRIPTAPPS_TEST_REDIS"],
                "KEY_PREFIX": "scriptapps-contract",
            },
        }
        yield
        caches["state"].close()


# -- the setting -------------------------------------------------------------------------------------------------------


def test_the_database_is_the_default() -> None:
    assert type(get_state_store()) is DatabaseStateStore


def test_a_store_is_named_by_its_path_and_gets_its_options(settings: Any) -> None:
    settings.SCRIPTAPPS = {
        "STATE_STORE": {"BACKEND": "scriptapps.store.CacheStateStore", "OPTIONS": {"ALIAS": "default", "TIMEOUT": 60}}
    }
    store = get_state_store()
    assert type(store) is CacheStateStore
    assert store.options == {"ALIAS": "default", "TIMEOUT": 60}


def test_a_store_has_to_do_all_three() -> None:
    store = BaseStateStore({})
    for call in (
        lambda: store.load("x"),
        lambda: store.commit("x", NODE, 1, StateChange()),
        lambda: store.delete(["x"]),
    ):
        with pytest.raises(NotImplementedError):
            call()
