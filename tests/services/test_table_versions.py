"""Versions of tables: who raises them, who notices, and who is left alone.

Runs on: pytest with a database; threads of the announcer write to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scriptapps import hints, table_versions
from scriptapps.models import TableVersion
from scriptapps.table_versions import Announcer, TableVersions, watched_tables

pytestmark = pytest.mark.django_db(transaction=True)


class Node(TableVersions):
    """What a process with pages knows, and what it was told."""

    def __init__(self) -> None:
        self.heard: list[set[str]] = []
        self.again: list[str] = []
        super().__init__(lambda tables: self.heard.append(set(tables)), lambda table, _: self.again.append(table))

    def watch(self, *tables: str) -> Node:
        """As a page that begins to watch these."""
        for table in tables:
            self.want(table)
        self.look(tables)
        return self


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    table_versions.announcer.finish()
    watched_tables.forget()
    yield
    table_versions.announcer.finish()
    watched_tables.forget()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The hints that were sent."""
    told: list[list[str]] = []
    monkeypatch.setattr(hints, "tell", lambda kind, ids, here: told.append(list(ids)))
    return told


@pytest.fixture
def announcer(monkeypatch: pytest.MonkeyPatch, told: list[list[str]]) -> Iterator[Announcer]:
    announcer = Announcer()
    monkeypatch.setattr(table_versions, "announcer", announcer)
    yield announcer
    announcer.finish()


def raise_version(table: str) -> None:
    """As another process does."""
    TableVersion.objects.filter(table=table).update(version=F("version") + 1, changed=Now())


def age(table: str) -> None:
    """Make it a table that everybody has known for long."""
    long_ago = timezone.now() - timedelta(hours=1)
    TableVersion.objects.filter(table=table).update(watched_since=long_ago, changed=long_ago)


def versions() -> dict[str, int]:
    return dict(TableVersion.objects.values_list("table", "version"))


def test_what_others_raise_is_noticed_once() -> None:
    node = Node().watch("a", "b")
    raise_version("a")
    node.look(["a", "b"])
    node.look(["a", "b"])
    assert node.heard == [{"a"}]


def test_a_look_at_nothing_new_is_one_query() -> None:
    node = Node().watch("a", "b")
    with CaptureQueriesContext(connection) as queries:
        node.look(["a", "b"])
    assert len(queries) == 1


def test_nothing_watched_is_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        Node().look([])
    assert len(queries) == 0


def test_two_nodes_share_a_row_and_each_notices() -> None:
    one, two = Node().watch("a"), Node().watch("a")
    raise_version("a")
    one.look(["a"])
    two.look(["a"])
    assert (one.heard, two.heard) == ([{"a"}], [{"a"}])


def test_what_the_process_raises_itself_is_no_news(announcer: Announcer) -> None:
    announcer.versions = node = Node().watch("a")
    announcer.tell(["a"])
    node.look(["a"])
    assert versions() == {"a": 1}
    assert node.heard == []


def test_what_others_raise_at_the_same_time_is(announcer: Announcer) -> None:
    announcer.versions = node = Node().watch("a")
    raise_version("a")
    announcer.tell(["a"])
    node.look(["a"])
    assert node.heard == [{"a"}]


def test_a_raise_that_fails_is_taken_back(announcer: Announcer, monkeypatch: pytest.MonkeyPatch) -> None:
    announcer.versions = node = Node().watch("a")
    watched_tables.among(["a"])

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise ConnectionError
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        announcer.tell(["a"])
    raise_version("a")
    node.look(["a"])
    assert node.heard == [{"a"}]


def test_a_change_from_before_the_watch_is_no_news() -> None:
    Node().watch("a")
    raise_version("a")
    age("a")
    node = Node().watch("a")
    assert node.heard == []
    assert node.again == []


def test_a_change_between_the_watch_and_the_first_look_is() -> None:
    Node().watch("a")
    age("a")
    node = Node()
    node.want("a")
    raise_version("a")
    node.look(["a"])
    assert node.heard == [{"a"}]


def test_a_table_that_is_new_to_all_is_looked_at_again() -> None:
    node = Node().watch("a")
    assert node.again == ["a"]
    assert node.heard == []


def test_a_table_that_nobody_watched_for_long_is_new_to_all() -> None:
    Node().watch("a")
    age("a")
    TableVersion.objects.update(watched_until=timezone.now() - timedelta(hours=1))
    assert Node().watch("a").again == ["a"]


def test_a_table_counts_as_watched_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node().watch("a")
    until = TableVersion.objects.get().watched_until
    assert timedelta(hours=23) < until - timezone.now() < timedelta(hours=25)
    monkeypatch.setattr(table_versions, "KEPT", timedelta(0))
    node.look(["a"])
    assert TableVersion.objects.get().watched_until != until


def test_rows_that_somebody_took_away_are_made_again() -> None:
    node = Node().watch("a")
    raise_version("a")
    node.look(["a"])
    TableVersion.objects.all().delete()
    node.look(["a"])
    node.look(["a"])
    raise_version("a")
    node.look(["a"])
    assert node.heard == [{"a"}, {"a"}]


# -- telling -----------------------------------------------------------------------------------------------------------


def test_only_watched_tables_are_told_and_raised(announcer: Announcer, told: list[list[str]]) -> None:
    Node().watch("a", "b")
    announcer.tell(["b", "a", "c"])
    assert versions() == {"a": 1, "b": 1}
    assert told == [["a", "b"]]


def test_where_nothing_is_watched_writing_costs_one_query_in_a_while(
    announcer: Announcer, told: list[list[str]]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        for _ in range(100):
            connection.force_debug_cursor = True
            announcer.tell(["a"])
    assert len(queries) == 0, "they are not counted among the site's"
    assert told == []
    assert threading.active_count() == len([thread for thread in threading.enumerate() if thread.name != "Timer"])


def test_a_burst_is_told_at_once_and_then_together(announcer: Announcer, told: list[list[str]]) -> None:
    Node().watch("a", "b")
    for _ in range(100):
        announcer.tell(["a"])
        announcer.tell(["b"])
    announcer.finish()
    assert told[0] == ["a"]
    assert told[-1] == ["a", "b"]
    assert len(told) < 10
    assert versions()["b"] < 10


def test_nothing_is_written_in_a_transaction_of_the_site(announcer: Announcer, told: list[list[str]]) -> None:
    Node().watch("a")
    threads: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        threads.append(threading.current_thread().name)
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(note):
        announcer.tell(["a"])
    assert threads == []
    announcer.finish()
    assert told == [["a"]]
    assert versions() == {"a": 1}


def test_a_site_whose_tables_are_not_made_yet_is_left_in_peace(
    announcer: Announcer, told: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE scriptapps_tableversion RENAME TO elsewhere")
    try:
        announcer.tell(["a"])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO scriptapps_tableversion")
    assert told == []
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]
