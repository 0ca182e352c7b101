"""Changes of watched tables across processes: a raised version in a row, and a hint to look at it.

Runs on: ``tell_others`` on whatever thread has committed a write, in any process; ``TableVersions`` in a process with a
node. Invariant: nothing is written inside a transaction of the site; a process that compares versions at each beat
misses no change, except those that another process made before it could know that the table is watched: for these a
table that is new to all is looked at once more when they know.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connections, router
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Now

from scriptapps import hints
from scriptapps.models import TableVersion

logger = logging.getLogger("scriptapps.tables")

KNOWN_SECONDS = 5.0
"""How long a process believes what it has read about which tables are watched."""
WINDOW_SECONDS = 0.1
"""Changes within this time become one message to the others."""
FINISH_SECONDS = 5.0
KEPT = timedelta(days=1)
"""A table counts as watched for so long after it last was."""
MARGIN_SECONDS = 1.0
CLOCK_SECONDS = 0.002
"""What the database's clock may be rounded by."""


def database() -> str:
    """The database of our rows."""
    alias: str = router.db_for_write(TableVersion)
    return alias


@contextmanager
def uncounted() -> Iterator[None]:
    """Queries in here are not the site's: tests that count theirs do not see them."""
    connection = connections[database()]
    before, connection.force_debug_cursor = connection.force_debug_cursor, False
    try:
        yield
    finally:
        connection.force_debug_cursor = before


class WatchedTables:
    """What this process knows of which tables pages watch, anywhere."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._until = 0.0

    def among(self, tables: Iterable[str]) -> list[str]:
        """Those that are watched, in order. At most one query in ``KNOWN_SECONDS``."""
        now = time.monotonic()
        if now >= self._until:
            # Also if the query fails: a site whose migrations are under way is not asked at each write.
            self._until = now + KNOWN_SECONDS
            rows = TableVersion.objects.using(database()).filter(watched_until__gt=Now())
            try:
                self._names = frozenset(rows.values_list("table", flat=True))
            except DatabaseError as error:
                logger.debug("Which tables are watched is not known (%s); other processes are not told", error)
                self._names = frozenset()
        return sorted(self._names.intersection(tables))

    def may_be(self, tables: Set[str]) -> bool:
        """Whether one of these is watched as far as is known, or that has to be asked. Quick, no query."""
        return time.monotonic() >= self._until or not self._names.isdisjoint(tables)

    def forget(self) -> None:
        """Ask again at the next write."""
        self._until = 0.0


watched_tables = WatchedTables()


class Announcer:
    """Tells the other processes of changes: at once, and then at most once in ``WINDOW_SECONDS``."""

    def __init__(self) -> None:
        # Guards everything below.
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._timer: threading.Timer | None = None
        self._threads: set[threading.Thread] = set()
        self._last = float("-inf")
        # The versions that the node of this process knows; it raises them with its own writes.
        self.versions: TableVersions | None = None

    def tell(self, tables: Iterable[str]) -> None:
        """These have changed."""
        # Never inside a transaction of the site: its locks are for it to hold.
        is_busy = in_transaction()
        if not is_busy:
            with uncounted():
                tables = watched_tables.among(tables)
        if not tables:
            # As nearly always where pages watch nothing: no thread, no message.
            return
        with self._lock:
            self._waiting.update(tables)
            if self._timer is not None:
                return
            wait = self._last + WINDOW_SECONDS - time.monotonic()
            if wait > 0 or is_busy:
                self._timer = threading.Timer(max(wait, 0), self._tell_later)
                self._timer.daemon = True
                self._threads.add(self._timer)
                self._timer.start()
                return
        self.flush()

    def _tell_later(self) -> None:
        try:
            self.flush()
        finally:
            # The thread ends here.
            connections.close_all()
            with self._lock:
                self._threads.discard(threading.current_thread())

    def flush(self) -> None:
        """Tell what waits."""
        with self._lock:
            tables, self._waiting, self._timer = self._waiting, set(), None
            self._last = time.monotonic()
        if not tables:
            return
        try:
            with uncounted():
                self._send(tables)
        except Exception as error:
            names = ", ".join(sorted(tables))
            logger.warning("Other processes were not told that these tables have changed: %s (%s)", names, error)

    def _send(self, tables: set[str]) -> None:
        watched = watched_tables.among(tables)
        for table in watched:
            # One after the other, each a transaction by itself: together they could wait for each other in a circle.
            with self._own_raise(table):
                rows = TableVersion.objects.using(database()).filter(table=table)
                rows.update(version=F("version") + 1, changed=Now())
        if watched:
            hints.tell("tables", watched, here=False)

    @contextmanager
    def _own_raise(self, table: str) -> Iterator[None]:
        if self.versions is not None:
            self.versions.add(table, 1)
        try:
            yield
        except BaseException:
            if self.versions is not None:
                self.versions.add(table, -1)
            raise

    def finish(self) -> None:
        """What waits is told now; afterwards nothing is under way."""
        with self._lock:
            timer, threads = self._timer, list(self._threads)
        if timer is not None:
            timer.cancel()
        self.flush()
        for thread in threads:
            thread.join(FINISH_SECONDS)
        with self._lock:
            self._threads.difference_update(threads)


announcer = Announcer()
atexit.register(announcer.finish)
if hasattr(os, "register_at_fork"):
    # The timer's thread stays behind.
    os.register_at_fork(after_in_child=announcer.__init__)  # type: ignore[misc]


def tell_others(tables: Iterable[str]) -> None:
    """A transaction that wrote to these tables has been committed."""
    if watched_tables.may_be(frozenset(tables)) and not is_test_transaction(connections[database()]):
        announcer.tell(tables)


def in_transaction() -> bool:
    """Whether this thread is in a transaction on the database of our rows."""
    connection = connections[database()]
    return connection.in_atomic_block or (connection.connection is not None and not connection.autocommit)


def is_test_transaction(connection: Any) -> bool:
    """Whether the connection is in the transaction of a TestCase, which never commits."""
    return bool(connection.atomic_blocks) and connection.atomic_blocks[0]._from_testcase


class TableVersions:
    """The versions that a node knows of the tables that its pages watch. ``changed`` is told which have changed."""

    def __init__(self, changed: Callable[[frozenset[str]], None], again: Callable[[str, float], None]) -> None:
        self._changed = changed
        # Look at this table once more, in so many seconds.
        self._again = again
        # Held by the one thread that looks.
        self._looking = threading.Lock()
        # Guards the first two tables below; the third is the looking thread's.
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}
        # Watched since then, and not read yet.
        self._new: dict[str, float] = {}
        self._prolonged: dict[str, float] = {}

    def want(self, table: str) -> bool:
        """This table is watched from now on. Returns whether that is new here, so that ``look`` is due."""
        now = time.monotonic()
        with self._lock:
            is_kept = now - self._prolonged.get(table, now) < KEPT.total_seconds() / 2
            if (table in self._known and is_kept) or table in self._new:
                return False
            self._known.pop(table, None)
            self._new[table] = now
            return True

    def add(self, table: str, count: int) -> None:
        """This process itself raises the version."""
        with self._lock:
            if table in self._known:
                self._known[table] += count

    def look(self, watched: Iterable[str]) -> None:
        """Compare with the rows, note new ones, and that these are still ``watched``. One query if nothing is new."""
        with self._looking:
            self._prolong(watched)
            with self._lock:
                new = dict(self._new)
            changed = self._begin(new) if new else set()
            changed |= self._compare()
        if changed:
            self._changed(frozenset(changed))

    def _compare(self) -> set[str]:
        with self._lock:
            known = dict(self._known)
        if not known:
            return set()
        rows = TableVersion.objects.using(database()).filter(table__in=known)
        versions = dict(rows.values_list("table", "version"))
        with self._lock:
            changed = {table for table, version in versions.items() if version > self._known.get(table, version)}
            self._known |= {table: versions[table] for table in changed}
            for table in known.keys() - versions.keys():
                # Somebody emptied our table.
                self._known.pop(table, None)
                self._new[table] = time.monotonic()
        return changed

    def _begin(self, new: dict[str, float]) -> set[str]:
        rows = TableVersion.objects.using(database())
        rows.bulk_create([TableVersion(table=table) for table in new], ignore_conflicts=True)
        mine = rows.filter(table__in=new)
        mine.filter(watched_until__lte=Now()).update(watched_since=Now())
        self._keep(new)
        changed: set[str] = set()
        for row in mine.annotate(now=Now()):
            now: Any = row.now
            with self._lock:
                self._known[row.table] = row.version
                since = self._new.pop(row.table, time.monotonic())
            if row.version and (now - row.changed).total_seconds() < time.monotonic() - since + CLOCK_SECONDS:
                # Perhaps after the page had read it.
                changed.add(row.table)
            if (now - row.watched_since).total_seconds() < KNOWN_SECONDS + MARGIN_SECONDS:
                # Others may not know yet that they have to tell.
                self._again(row.table, KNOWN_SECONDS + MARGIN_SECONDS)
        watched_tables.forget()
        return changed

    def _prolong(self, watched: Iterable[str]) -> None:
        now = time.monotonic()
        due = [table for table in watched if now - self._prolonged.get(table, now) > KEPT.total_seconds() / 4]
        if due:
            self._keep(due)

    def _keep(self, tables: Iterable[str]) -> None:
        until = ExpressionWrapper(Now() + KEPT, output_field=DateTimeField())
        TableVersion.objects.using(database()).filter(table__in=list(tables)).update(watched_until=until)
        self._prolonged |= dict.fromkeys(tables, time.monotonic())
