"""Reruns sessions and fragments of this process when a table that they watch has changed.

Runs on: any thread; results are compared on two threads of its own, never on the event loop. Invariant: what a session
writes never reruns what wrote it; what is written in a run that a change caused reruns nothing; two such runs of a
session are ``PAUSE_SECONDS`` apart, and one follows the last change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections

from scriptapps.conf import scriptapps_settings
from scriptapps.errors import ScriptApiError
from scriptapps.runtime.fragments import current_fragment_id
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.table_listener import TableListener
from scriptapps.table_plans import unwatched
from scriptapps.table_results import SharedDigests, Statement, queryset_of, tables_named
from scriptapps.table_targets import Target, Targets, WatchedResult
from scriptapps.table_versions import TableVersions, announcer, in_transaction
from scriptapps.table_watch import NOBODY, Writer, follow, noting_reads

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.tables")

REASON = "model change"
GATHER_SECONDS = 0.02
"""Writes that follow each other as quickly as this, in one request say, are one change."""
PAUSE_SECONDS = 0.25
OUTSIDE_SECONDS = 0.1
"""For so long a notification of the database waits for the hint about the same write of another process."""
TIMER = "tables"


@dataclass(eq=False)
class Due:
    """What a session is to run, or to look at first. ``last`` is the time of its last run for this reason."""

    targets: set[Target] = field(default_factory=set)
    results: dict[Target, set[WatchedResult]] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    is_scheduled: bool = False
    last: float = float("-inf")


class TableEvents:
    """The reruns of a node's sessions that changes of tables cause."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self.targets = Targets()
        self.versions = TableVersions(self.changed, self._look_again)
        self._listeners: list[TableListener] = []
        self._digests = SharedDigests()
        self._comparing = ThreadPoolExecutor(2, thread_name_prefix="scriptapps-tables")
        # Guards everything below; the session's and the targets' own locks are never taken under it.
        self._lock = threading.Lock()
        self._due: dict[LiveSession, Due] = {}
        self._outside: set[str] = set()
        self._looks_soon = False
        self._comparisons = 0

    def start(self) -> None:
        """Begin to hear of changes."""
        self._listeners = [TableListener(alias, self.changed_outside) for alias in scriptapps_settings.LISTEN_DATABASES]
        for listener in self._listeners:
            listener.start()
        announcer.versions = self.versions
        follow(self)

    def stop(self) -> None:
        """Rerun nothing any more."""
        follow(None)
        for listener in self._listeners:
            listener.stop()
        announcer.finish()
        if announcer.versions is self.versions:
            announcer.versions = None
        self.node.engine.timers.forget(self)
        self._comparing.shutdown(wait=False, cancel_futures=True)

    # -- watching, on script threads -------------------------------------------------------------------------------

    def watch(self, run: RunContext, sources: tuple[Any, ...]) -> None:
        """Rerun the session, or the fragment that runs, when one of these changes. Raises ScriptApiError."""
        if run.is_bound:
            raise ScriptApiError("st.rerun_on is for the script itself; a function between runs cannot be run again.")
        fragment_id = current_fragment_id()
        for source in sources:
            tables = tables_named(source)
            if tables is not None:
                if known := unwatched().intersection(tables):
                    raise ScriptApiError(f"Changes of {', '.join(sorted(known))} are not watched and rerun nothing.")
                self._watch_tables(run, fragment_id, tables)
            elif (statement := Statement.of(queryset_of(source))) is not None:
                # First watched, then fetched, so that no change gets lost in between.
                result = self.targets.add_result(run, fragment_id, statement)
                self._want(statement.tables)
                result.digest = statement.digest()

    def live(self, run: RunContext) -> AbstractContextManager[None]:
        """Rerun the session, or the fragment that runs, when something changes that is read in this block."""
        if run.is_bound:
            return nullcontext()
        fragment_id, known = current_fragment_id(), set[str]()

        def heard(tables: frozenset[str]) -> None:
            if not tables <= known:
                known.update(tables)
                self._watch_tables(run, fragment_id, tables - unwatched())

        return noting_reads(heard)

    def _watch_tables(self, run: RunContext, fragment_id: str, tables: Iterable[str]) -> None:
        self.targets.add_tables(run, fragment_id, tables)
        self._want(tables)

    def _want(self, tables: Iterable[str]) -> None:
        new = [table for table in tables if self.versions.want(table)]
        if not new:
            return
        if in_transaction():
            self.look_soon()
            return
        # Before the script reads: what it reads is then known to be at least as new as the version.
        try:
            self.versions.look(self.targets.names())
        except Exception:
            logger.exception("Watched tables could not be looked at; the next beat tries again")

    # -- other processes -------------------------------------------------------------------------------------------

    def look_soon(self) -> None:
        """Compare with the rows, on the database executor. Any thread."""
        with self._lock:
            if self._looks_soon:
                return
            self._looks_soon = True
        self.node.database.submit(self._look_on_executor)

    def _look_on_executor(self) -> None:
        with self._lock:
            self._looks_soon = False
        close_old_connections()
        try:
            self.versions.look(self.targets.names())
        except Exception:
            logger.exception("Watched tables could not be looked at; the next beat tries again")
        finally:
            close_old_connections()

    def beat(self) -> None:
        """Make good hints that were lost; forget sessions that are gone. On the beat's thread."""
        closed = LifecycleState.CLOSED
        self.targets.forget_closed()
        with self._lock:
            self._due = {session: due for session, due in self._due.items() if session.state_of_life is not closed}
        self.versions.look(self.targets.names())

    def _look_again(self, table: str, seconds: float) -> None:
        self.node.engine.timers.after(seconds, self, f"again {table}", partial(self.changed, frozenset({table})))

    def changed_outside(self, table: str, writer: Writer | None) -> None:
        """The database has told of a write that, perhaps, nobody else will tell of."""
        if writer is not None:
            self.changed(frozenset({table}), writer)
            return
        with self._lock:
            if table in self._outside:
                return
            self._outside.add(table)
        self.node.engine.timers.after(OUTSIDE_SECONDS, self, f"outside {table}", partial(self._nobody_told, table))

    def _nobody_told(self, table: str) -> None:
        with self._lock:
            if table not in self._outside:
                return
            self._outside.discard(table)
        self.changed(frozenset({table}))

    # -- changes ---------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many sessions have something to run, or to compare, because of a change."""
        with self._lock:
            return sum(due.is_scheduled for due in self._due.values()) + self._comparisons

    def concerns(self, tables: Set[str]) -> bool:
        """Whether a page watches one of these."""
        return self.targets.concern(tables)

    def changed(self, tables: frozenset[str], writer: Writer = NOBODY) -> None:
        """These tables have changed; rerun what watches them, soon. Any thread, quick."""
        sessions: dict[LiveSession, None] = {}
        with self._lock:
            self._outside -= tables
        self._digests.changed(tables)
        for target, is_certain, results in self.targets.concerned(tables):
            if not wrote(writer, target):
                self._note(target, tables, is_certain, results)
                sessions[target.session] = None
        for session in sessions:
            self._schedule(session)

    def _note(self, target: Target, tables: frozenset[str], is_certain: bool, results: list[WatchedResult]) -> None:
        with self._lock:
            due = self._due.setdefault(target.session, Due())
            due.tables |= tables & target.names()
            if is_certain:
                due.targets.add(target)
            else:
                due.results.setdefault(target, set()).update(results)

    def _schedule(self, session: LiveSession) -> None:
        # As long as a run takes, so long it rests: a page that is slow takes no thread for itself.
        pause = max(PAUSE_SECONDS, 2 * (session.last_ms or 0) / 1000)
        with self._lock:
            due = self._due.get(session)
            if due is None or due.is_scheduled:
                return
            due.is_scheduled = True
            wait = max(GATHER_SECONDS, due.last + pause - time.monotonic())
        session.engine.timers.after(wait, session, TIMER, partial(self._deliver, session))

    def _deliver(self, session: LiveSession) -> None:
        if session.run is not None:
            # What it has read by now may be from before the change.
            session.engine.timers.after(PAUSE_SECONDS, session, TIMER, partial(self._deliver, session))
            return
        with self._lock:
            due = self._due.get(session)
            if due is None or session.state_of_life is LifecycleState.CLOSED:
                self._due.pop(session, None)
                return
            now, self._due[session] = due, Due(last=time.monotonic())
            doubtful = {target: results for target, results in now.results.items() if target not in now.targets}
            compares = bool(doubtful) and any(not viewer.hidden for viewer in session.people)
            self._comparisons += compares
        if compares:
            self._comparing.submit(self._compare_and_rerun, session, now, doubtful)
        else:
            # Where nobody looks, nothing is compared: it is run once when somebody does.
            self._rerun(session, {*now.targets, *doubtful}, now.tables)

    def _rerun(self, session: LiveSession, targets: Iterable[Target], tables: Iterable[str]) -> None:
        ids = tuple(sorted(target.fragment_id for target in targets))
        if not ids:
            return
        request = RerunRequest(
            REASON,
            background=True,
            supersedes=False,
            fragments=None if "" in ids else ids,
            detail=", ".join(sorted(tables)),
            reactive=True,
        )
        session.later.run_when_seen(request)

    # -- results, on threads of its own ----------------------------------------------------------------------------

    def _compare_and_rerun(self, session: LiveSession, now: Due, doubtful: dict[Target, set[WatchedResult]]) -> None:
        close_old_connections()
        try:
            differing = {target: [one for one in results if self._differs(one)] for target, results in doubtful.items()}
            self._rerun(session, {*now.targets, *(target for target in differing if differing[target])}, now.tables)
        except Exception:
            logger.exception("Results that session %s watches could not be compared", session.session_id)
        finally:
            close_old_connections()
            with self._lock:
                self._comparisons -= 1

    def _differs(self, result: WatchedResult) -> bool:
        try:
            digest = self._digests.of(result.statement)
        except Exception as error:
            # The run asks again and shows on its page what is wrong.
            logger.info("A watched result could not be fetched (%s); its page is run", error)
            return True
        before, result.digest = result.digest, digest
        return before != digest


def wrote(writer: Writer, target: Target) -> bool:
    """Whether it was the target that wrote, or the whole page it belongs to."""
    if writer.session_id != target.session.session_id:
        return False
    # What another fragment of its page wrote, a fragment that did not run with it has not seen.
    return writer.fragments is None or not target.fragment_id or target.fragment_id in writer.fragments
