"""Who watches which table: sessions and fragments of this process.

Runs on: any thread. Invariant: a run's entries count from the moment they are made; those that it did not make again
are dropped when it has reached its end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.run_context import RunContext
from scriptapps.table_results import Statement


@dataclass(eq=False)
class WatchedResult:
    """A QuerySet that a script watches. ``digest`` is that of the result last seen, None before that is known."""

    statement: Statement
    run_number: int
    digest: bytes | None = None


@dataclass(eq=False)
class Target:
    """A session, or with ``fragment_id`` a fragment of it, and what it watches: tables, with the last run's number."""

    session: LiveSession
    fragment_id: str
    tables: dict[str, int] = field(default_factory=dict)
    results: list[WatchedResult] = field(default_factory=list)

    def names(self) -> set[str]:
        """All tables that concern it."""
        return {*self.tables, *(table for result in self.results for table in result.statement.tables)}


class Targets:
    """All targets of this process, by table and by session."""

    def __init__(self) -> None:
        # Guards all of it, the targets included.
        self._lock = threading.Lock()
        self._of_session: dict[LiveSession, dict[str, Target]] = {}
        self._of_table: dict[str, set[Target]] = {}

    def add_tables(self, run: RunContext, fragment_id: str, tables: Iterable[str]) -> None:
        """In this run the session, or a fragment of it, watches these tables."""
        with self._lock:
            target = self._target_locked(run.session, fragment_id)
            for table in tables:
                target.tables[table] = run.number
                self._of_table.setdefault(table, set()).add(target)

    def add_result(self, run: RunContext, fragment_id: str, statement: Statement) -> WatchedResult:
        """In this run it watches the result of this statement."""
        result = WatchedResult(statement, run.number)
        with self._lock:
            target = self._target_locked(run.session, fragment_id)
            target.results.append(result)
            for table in statement.tables:
                self._of_table.setdefault(table, set()).add(target)
        return result

    def _target_locked(self, session: LiveSession, fragment_id: str) -> Target:
        return self._of_session.setdefault(session, {}).setdefault(fragment_id, Target(session, fragment_id))

    def concern(self, tables: Set[str]) -> bool:
        """Whether one of these is watched. Takes no lock: every write asks."""
        return not self._of_table.keys().isdisjoint(tables)

    def concerned(self, tables: frozenset[str]) -> list[tuple[Target, bool, list[WatchedResult]]]:
        """The targets that watch one of these: whether the table itself, and which results may have changed."""
        with self._lock:
            found = {target for table in tables for target in self._of_table.get(table, ())}
            return [
                (
                    target,
                    not tables.isdisjoint(target.tables),
                    [result for result in target.results if not tables.isdisjoint(result.statement.tables)],
                )
                for target in found
            ]

    def names(self) -> list[str]:
        """All tables that are watched."""
        with self._lock:
            return list(self._of_table)

    def run_ended(self, run: RunContext) -> None:
        """Drop what the run could have watched again and did not; all that watched before, if it came to no end."""
        if not run.reached_end:
            return
        fragments = run.session.fragments
        failed = fragments.within(run.failed_fragments)
        ran = None if run.fragments is None else {*run.fragments, *run.placed_fragments}
        with self._lock:
            targets = self._of_session.get(run.session, {})
            for fragment_id, target in list(targets.items()):
                is_gone = bool(fragment_id) and fragments.get(fragment_id) is None
                if is_gone or (fragment_id not in failed and (ran is None or fragment_id in ran)):
                    self._drop_older_locked(target, run.number if not is_gone else run.number + 1)
                if not target.tables and not target.results:
                    del targets[fragment_id]
            if not targets:
                self._of_session.pop(run.session, None)

    def _drop_older_locked(self, target: Target, number: int) -> None:
        before = target.names()
        target.tables = {table: made for table, made in target.tables.items() if made >= number}
        target.results = [result for result in target.results if result.run_number >= number]
        for table in before - target.names():
            self._of_table[table].discard(target)
            if not self._of_table[table]:
                del self._of_table[table]

    def forget_closed(self) -> None:
        """Forget sessions that are closed, here or for good."""
        with self._lock:
            for session in [one for one in self._of_session if one.state_of_life is LifecycleState.CLOSED]:
                for target in self._of_session.pop(session).values():
                    self._drop_older_locked(target, session.run_number + 1)
