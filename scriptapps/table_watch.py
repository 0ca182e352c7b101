"""Watches every query of every connection for the tables that it reads and writes.

Runs on: the thread that queries, in every process of the site. Invariant: a committed write is announced once per
transaction and table, after the commit; one that is rolled back, also to a savepoint, is not. A mistake in here never
reaches the query.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from django.core.signals import setting_changed
from django.db import connections
from django.db.backends.signals import connection_created

from scriptapps import signals, table_versions
from scriptapps.conf import scriptapps_settings
from scriptapps.runtime.run_context import RunContext, current_run
from scriptapps.table_plans import NO_TABLES, forget_plans, kept_plans, plan_of

logger = logging.getLogger("scriptapps.tables")

QUIET = "scriptapps.quiet"
"""The setting of a PostgreSQL session under which our triggers say nothing."""
RECENT_SECONDS = 5.0
"""For so long after an announcement a notification about the same write may still arrive."""
ECHOES_KEPT = 1_000

Heard = Callable[[frozenset[str]], None]
current_reads: ContextVar[Heard | None] = ContextVar("scriptapps_reads", default=None)


class Writer(NamedTuple):
    """Who wrote: a script session, "" for everybody else. ``fragments``: the only ones that ran, None for all of it."""

    session_id: str = ""
    fragments: frozenset[str] | None = None


NOBODY = Writer()


@contextmanager
def noting_reads(heard: Heard) -> Iterator[None]:
    """Tell ``heard`` the tables of each query that is made in here, before it is made."""
    token = current_reads.set(heard)
    try:
        yield
    finally:
        current_reads.reset(token)


def connect_table_watch() -> None:
    """Watch all connections, those that are open and those to come. Called once by the AppConfig."""
    connection_created.connect(_connection_created, dispatch_uid="scriptapps.table_watch")
    setting_changed.connect(forget_plans, dispatch_uid="scriptapps.table_watch")
    for connection in connections.all(initialized_only=True):
        _watch(connection)


def _connection_created(sender: Any, connection: Any, **_: Any) -> None:
    _watch(connection)


def _watch(connection: Any) -> None:
    if not scriptapps_settings.WATCH_TABLES:
        return
    watch = next((each for each in connection.execute_wrappers if isinstance(each, ConnectionWatch)), None)
    if watch is None:
        watch = ConnectionWatch(connection.vendor)
        # First: who wraps for a while takes the last one away again.
        connection.execute_wrappers.insert(0, watch)
    if connection.connection is not None and connection.alias in scriptapps_settings.LISTEN_DATABASES:
        watch.has_listener = True
        watch.echoes = Echoes(watch.written)
        _by_process[connection.connection.info.backend_pid] = watch


# By the number that PostgreSQL's process for a connection has, where we listen to notifications.
_by_process: weakref.WeakValueDictionary[int, ConnectionWatch] = weakref.WeakValueDictionary()


def written_here(process: int, table: str) -> Writer | None:
    """Who wrote, if it was a connection of this process.

    Raises LookupError when the write has been, or will be, announced by that connection itself.
    """
    watch = _by_process.get(process)
    if watch is None:
        return None
    if watch.echoes.is_echo(table):
        raise LookupError(table)
    return watch.writer


class Echoes:
    """Which notifications of the database are about writes that a connection announces itself: one for each of them.

    Either may come first. The connection's thread and the listening one.
    """

    def __init__(self, written: Callable[[], set[str]]) -> None:
        # Those that are not announced yet.
        self._written = written
        # Guards both tables below.
        self._lock = threading.Lock()
        self._to_come: dict[str, deque[float]] = {}
        self._came_early: Counter[str] = Counter()

    def announced(self, tables: Iterable[str]) -> None:
        """For each of these a notification has come or will come."""
        with self._lock:
            for table in tables:
                if self._came_early[table]:
                    self._came_early[table] -= 1
                else:
                    self._to_come.setdefault(table, deque(maxlen=ECHOES_KEPT)).append(time.monotonic())

    def is_echo(self, table: str) -> bool:
        """Whether a notification that has come is one of those."""
        is_open = table in self._written()
        with self._lock:
            to_come = self._to_come.get(table, ())
            # Of a table without a trigger none ever comes.
            while to_come and to_come[0] < time.monotonic() - RECENT_SECONDS:
                to_come.popleft()
            if to_come:
                to_come.popleft()
                return True
            self._came_early[table] += is_open
            return is_open


class ConnectionWatch:
    """The watch of one connection, from its first query on. Used by one thread at a time, as the connection is."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self._plans = kept_plans(vendor)
        self.has_listener = False
        self.writer = NOBODY
        self.echoes = Echoes(self.written)
        self._executing = NO_TABLES
        # What is to be announced if the transaction commits; Django makes a new list whenever some of it is dropped.
        self._hooks: list[Any] | None = None
        self._noted: dict[tuple[str, ...], set[str]] = {}
        self._telling: list[Any] | None = None
        self._told: set[str] = set()

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """One statement. Django calls this in place of its own execution."""
        connection = context["connection"]
        plan = self._plans.get(sql) if type(sql) is str else None
        if plan is None:
            plan = plan_of(sql, connection)
        if plan.reads and (heard := current_reads.get()) is not None:
            heard(plan.reads)
        if not plan.writes:
            return execute(sql, params, many, context)
        run = current_run.get(None)
        if run is not None and run.reactive:
            return self._without_echo(connection, lambda: execute(sql, params, many, context))
        self.writer = NOBODY if run is None else Writer(run.session.session_id, _ran(run))
        self._executing = plan.writes
        try:
            result = execute(sql, params, many, context)
            if connection.in_atomic_block or not connection.autocommit:
                self._note(connection, plan.writes)
            elif nobody_asks_for(plan.writes):
                # As nearly always. Whoever begins to watch now reads what is written.
                pass
            elif plan.returns_rows and self.vendor == "sqlite":
                when_closed(context["cursor"], functools.partial(announce, plan.writes, self.writer))
            else:
                self._announce(plan.writes, self.writer)
        finally:
            self._executing = NO_TABLES
        return result

    def _note(self, connection: Any, tables: frozenset[str]) -> None:
        is_test = table_versions.is_test_transaction(connection)
        if is_test and not signals.tables_changed.receivers and _follower is None:
            # Nobody is to be told, and a test may count the hooks.
            return
        if is_test or connection.run_on_commit is not self._hooks:
            self._hooks, self._noted = connection.run_on_commit, {}
        ids = connection.savepoint_ids
        savepoints = tuple([name for name in ids if name]) if ids else ()
        if savepoints in self._noted:
            self._noted[savepoints] |= tables
            return
        # One hook for all that ends together.
        noted = self._noted[savepoints] = set(tables)
        tell = functools.partial(self._committed, connection, noted, self.writer, not is_test)
        # First: a hook of the site that fails takes away those behind it. A test finds its own at the end.
        place = len(connection.run_on_commit) if is_test else 0
        connection.run_on_commit.insert(place, (set(ids), tell, True))

    def _committed(self, connection: Any, tables: set[str], writer: Writer, once: bool) -> None:
        if nobody_asks_for(tables):
            tables.clear()
            return
        if connection.run_on_commit is not self._telling:
            self._telling, self._told = connection.run_on_commit, set()
        new = frozenset(tables - self._told if once else tables)
        self._told |= new
        if new:
            self._announce(new, writer)
        # Waits no longer.
        tables.clear()

    def _announce(self, tables: frozenset[str], writer: Writer) -> None:
        if self.has_listener:
            self.echoes.announced(tables)
        announce(tables, writer)

    def written(self) -> set[str]:
        """What waits for its commit, or for the end of its statement."""
        return set(self._executing).union(*list(self._noted.values()))

    def _without_echo(self, connection: Any, execute: Callable[[], Any]) -> Any:
        """What a run writes that a change of a table caused reruns nothing more, here or in other processes."""
        if not self.has_listener or connection.connection is None:
            return execute()
        with _quiet(connection):
            return execute()


@contextmanager
def _quiet(connection: Any) -> Iterator[None]:
    local = connection.in_atomic_block

    def set_to(value: str) -> None:
        # Not through Django: this is no query of the site.
        connection.connection.execute("SELECT set_config(%s, %s, %s)", [QUIET, value, local])

    set_to("1")
    try:
        yield
    finally:
        if not local:
            set_to("")


def when_closed(cursor: Any, act: Callable[[], None]) -> None:
    """Call it when the cursor is closed or dropped: only then has SQLite committed a statement that returns rows."""
    # Wherever the cursor is dropped, and once.
    finalizer = weakref.finalize(cursor, act)
    close = cursor.close

    def close_and_act() -> None:
        close()
        finalizer()

    cursor.close = close_and_act


class Follower(Protocol):
    """What is to hear of changes in this process."""

    def concerns(self, tables: Set[str]) -> bool:
        """Whether it wants to hear of these. Quick."""

    def changed(self, tables: frozenset[str], writer: Writer) -> None:
        """They have changed. Quick."""


_follower: Follower | None = None


def follow(follower: Follower | None) -> None:
    """From now on this one hears of changes."""
    global _follower
    _follower = follower


def nobody_asks_for(tables: Set[str]) -> bool:
    """Whether these are watched neither here nor, as far as this process knows, elsewhere."""
    return (
        (_follower is None or not _follower.concerns(tables))
        and not signals.tables_changed.receivers
        and not table_versions.watched_tables.may_be(tables)
    )


def announce(tables: frozenset[str], writer: Writer = NOBODY) -> None:
    """These tables have changed: tell this process, and the others if one of them watches."""
    if nobody_asks_for(tables):
        return
    try:
        if _follower is not None:
            _follower.changed(tables, writer)
        signals.tables_changed.send_robust(sender=None, tables=tables, writer=writer)
        table_versions.tell_others(tables)
    except Exception:
        logger.exception("A change of %s was not announced", ", ".join(sorted(tables)))


def _ran(run: RunContext) -> frozenset[str] | None:
    if run.is_bound:
        # Between runs: no fragment has seen it.
        return frozenset()
    return None if run.fragments is None else frozenset([*run.fragments, *run.placed_fragments])
