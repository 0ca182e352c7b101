"""The node: everything of scriptapps that lives in one server process.

Runs on: made at first use, by whichever thread asks; its own threads are daemons. Invariant: a live session of this
process is in ``sessions`` and has a row; nothing in here is needed to tell the truth about another process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections, transaction

import scriptapps.st  # noqa: F401  the first script must not wait for its elements
from scriptapps import lease, script_threads, signals, tracing
from scriptapps.access_watch import AccessWatch
from scriptapps.conf import scriptapps_settings
from scriptapps.errors import LeaseLostError
from scriptapps.handshake import resumable_row
from scriptapps.kept_connections import freshen
from scriptapps.memory_limits import MemoryLimits
from scriptapps.models import ScriptSession
from scriptapps.node_beat import NodeBeat
from scriptapps.node_rows import RowWriter
from scriptapps.node_spans import NodeSpans
from scriptapps.opening import SessionOpening
from scriptapps.recycling import Watchdog
from scriptapps.registry import registry
from scriptapps.run_counts import RunCounts
from scriptapps.run_records import RunRecords
from scriptapps.run_signals import RunSignals
from scriptapps.run_usage import RunUsage
from scriptapps.runtime.engine import ThreadEngine
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.modules import install_roots
from scriptapps.runtime.options import RuntimeOptions
from scriptapps.runtime.outage_log import OutageLog
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.state_journal import StateChange, StateLimits
from scriptapps.store import get_state_store, write_alias
from scriptapps.stored_files import StoredFiles
from scriptapps.table_events import TableEvents

logger = logging.getLogger("scriptapps.node")

CLOSED_BY_STAFF, MOVED, SERVER_STOPS = 4001, 4002, 4012


class ServerNode:
    """Live sessions, engine, row writer and beat of this process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.name = lease.node_name()
        # Guards ``sessions``, ``leaving`` and ``unclaimed``.
        self._lock = threading.Lock()
        self.sessions: dict[str, LiveSession] = {}
        # Given up, but their run has not ended yet: until then nobody may run them, not even this process.
        self.leaving: dict[str, LiveSession] = {}
        self.unclaimed: dict[str, float] = {}
        self.draining = False
        self._drained = threading.Event()
        self.store = get_state_store()
        self.database = ThreadPoolExecutor(4, thread_name_prefix="scriptapps-db")
        self.files = StoredFiles(self.database)
        self.tables = TableEvents(self)
        self.counts = RunCounts()
        self.memory_limits = MemoryLimits()
        self.usage = RunUsage(self.name)
        self.run_signals = RunSignals()
        self.spans = NodeSpans() if tracing.is_on() else None
        self.run_records = RunRecords(self.name, self._on_executor)
        self.options = _runtime_options(self)
        self.engine = ThreadEngine(self.options)
        self.outages = OutageLog(logger)
        self.rows = RowWriter(self)
        self.opening = SessionOpening(self)
        self.access = AccessWatch(self)
        self.beat = NodeBeat(self)
        self.watchdog = Watchdog(self)
        install_roots(registry.roots())
        self.rows.start()
        self.access.start()
        self.tables.start()
        self.beat.start()
        self.watchdog.start()

    def _changed(self, session: LiveSession) -> None:
        if not session.moved:
            self.rows.mark(session)
            if session.state_of_life is LifecycleState.CLOSED:
                self._closed(session)
        elif session.run is None and not self.draining:
            self._on_executor("A session could not be given up", self._release_lease, session)

    def _commit(self, session: LiveSession, change: StateChange) -> None:
        began, failed = time.perf_counter(), True
        try:
            with nullcontext() if self.spans is None else self.spans.commit(session):
                self.store.commit(session.session_id, self.name, session.epoch, change)
            failed = False
        except LeaseLostError:
            self._on_executor("A session could not be dropped", self.forget, session)
            raise
        except Exception:
            # No thread keeps a connection that broke over this.
            freshen()
            raise
        finally:
            self.counts.committed(time.perf_counter() - began, failed=failed)

    def _on_executor(self, trouble: str, function: Callable[..., object], *args: object) -> None:
        def work() -> None:
            close_old_connections()
            try:
                function(*args)
            except Exception as error:
                self.outages.failed(trouble, error)
            finally:
                close_old_connections()

        self.database.submit(work)

    def _commit_with(self, session: LiveSession, run: RunContext, function: Callable[[], None]) -> None:
        with transaction.atomic(using=write_alias()):
            function()
            change = session.collect_change(run)
            if change:
                self._commit(session, change)
        session.committed(change)

    def _before_run(self, run: Any) -> None:
        script_threads.before_run(run)
        self.access.before_run(run.session)
        self.memory_limits.before_run(run)

    def _after_run(self, run: RunContext, broken_off: bool) -> None:
        script_threads.after_run(run, broken_off)
        self.tables.targets.run_ended(run)

    def _run_started(self, run: RunContext, request: RerunRequest) -> None:
        if self.spans is not None:
            self.spans.run_started(run, request)
        self.run_signals.started(run, request)

    def _run_ended(self, run: RunContext, milliseconds: float) -> None:
        if self.spans is not None:
            self.spans.run_ended(run, milliseconds)
        self.counts.ended(run, milliseconds)
        self.usage.ended(run, milliseconds)
        self.run_signals.ended(run, milliseconds)
        self.run_records.ended(run, milliseconds)

    @property
    def reason_not_ready(self) -> str:
        """The word for why this process should get no new sessions, "" while it takes them."""
        return "draining" if self.draining else self.watchdog.reason

    def admits(self, session_id: str) -> bool:
        """Whether a socket may come in: to a session that lives here, or to another one while all is well."""
        if self.draining:
            return False
        # While DEBUG is on there is no other process to go to; the page itself says what is wrong.
        return not self.watchdog.reason or settings.DEBUG or session_id in self.sessions

    # -- opening ---------------------------------------------------------------------------------------------------

    def expect(self, session: LiveSession) -> None:
        """A page was told of this new session; if no socket comes for it, it ends."""
        with self._lock:
            self.unclaimed[session.session_id] = time.monotonic()

    def expect_again(self, session_id: str) -> None:
        """One more page was told of it: if it waits for its first socket, it waits anew."""
        with self._lock:
            if session_id in self.unclaimed:
                self.unclaimed[session_id] = time.monotonic()

    def claim(self, session_id: str) -> LiveSession | None:
        """A socket has come for a session; the live one, if it lives here."""
        with self._lock:
            self.unclaimed.pop(session_id, None)
            return self.sessions.get(session_id)

    def resumable(self, session_id: str, binding: str, user: Any, slug: str) -> bool:
        """Whether this browser may go on with the session."""
        return resumable_row(session_id, binding, user, slug) is not None

    def add(self, session: LiveSession) -> None:
        """From now on the session lives here."""
        with self._lock:
            self.sessions[session.session_id] = session
        signals.session_opened.send_robust(
            sender=ScriptSession,
            session_id=session.session_id,
            slug=session.slug,
            user_id=session.visitor.user_id,
        )

    # -- ending ----------------------------------------------------------------------------------------------------

    def close(self, session: LiveSession, code: int, reason: str) -> None:
        """End a session for good: sockets, run and row."""
        session.close(code, reason)

    def _closed(self, session: LiveSession) -> None:
        # Whoever closed it: staff, the beat, or the page itself.
        with self._lock:
            self.unclaimed.pop(session.session_id, None)
            if self.sessions.get(session.session_id) is not session:
                return
            del self.sessions[session.session_id]
        signals.session_closed.send_robust(
            sender=ScriptSession,
            session_id=session.session_id,
            slug=session.slug,
            user_id=session.visitor.user_id,
            reason=session.close_reason,
        )

    def release(self, session: LiveSession, code: int = MOVED) -> None:
        """Give a session up: its state stays, another process (or this one, later) goes on with it."""
        with self._lock:
            if self.sessions.get(session.session_id) is session:
                del self.sessions[session.session_id]
                self.unclaimed.pop(session.session_id, None)
                self.leaving[session.session_id] = session
        session.moved = True
        session.close(code, "moved")
        self.rows.forget(session)
        if session.run is None:
            self._release_lease(session)

    def _release_lease(self, session: LiveSession) -> None:
        with self._lock:
            if self.leaving.get(session.session_id) is session:
                del self.leaving[session.session_id]
        if session.epoch:
            epoch, session.epoch = session.epoch, 0
            lease.release(session.session_id, self.name, epoch)

    def forget(self, session: LiveSession, code: int = MOVED) -> None:
        """Another process has taken the session over: drop it here, leave its row alone."""
        session.epoch = 0
        self.release(session, code)

    def select(self, ids: list[str] | None = None) -> list[LiveSession]:
        """The live sessions with these ids, or all."""
        with self._lock:
            if ids is None:
                return list(self.sessions.values())
            return [self.sessions[key] for key in map(str, ids) if key in self.sessions]

    def shut_down(self, patience: float = 5.0) -> None:
        """Take nothing new, send viewers away, let runs end, release every session, end the threads."""
        with self._lock:
            first, self.draining = not self.draining, True
        if not first:
            # Whoever asks for the end of a process that drains already waits for that.
            self._drained.wait(patience)
            self.beat.record.end()
            return
        try:
            self._give_up_all(patience)
        finally:
            self._drained.set()
        self.beat.record.node_ended()

    def _give_up_all(self, patience: float) -> None:
        self.watchdog.stop()
        sessions = self.select()
        # Before anything that may have to wait for the database.
        for session in sessions:
            session.moved = True
            session.close(SERVER_STOPS, "server stops")
        self.access.stop()
        self.tables.stop()
        self.beat.stop()
        self.engine.shut_down(patience)
        self.run_signals.stop()
        if self.spans is not None:
            self.spans.stop()
        self._on_executor("The last counts of usage were not written", self.usage.write)
        self.rows.stop()
        self.database.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self.sessions.clear()
        lease.release_all(self.name, but=[session.session_id for session in sessions if session.run is not None])


def _runtime_options(node: ServerNode) -> RuntimeOptions:
    show = scriptapps_settings.SHOW_TRACEBACKS
    grace = scriptapps_settings.SCRIPT_STOP_GRACE
    return RuntimeOptions(
        workers=scriptapps_settings.RUN_WORKERS,
        deadline=scriptapps_settings.RUN_DEADLINE,
        stop_grace=grace,
        abandon_grace=grace * 2,
        max_abandoned=scriptapps_settings.MAX_ABANDONED,
        show_tracebacks=settings.DEBUG if show is None else show,
        tell_observed=scriptapps_settings.OBSERVE_TELLS,
        before_run=node._before_run,
        after_run=node._after_run,
        cancel_query=script_threads.cancel_query,
        end_thread=connections.close_all,
        now=script_threads.now,
        commit=node._commit,
        commit_with=node._commit_with,
        watch=node.tables.watch,
        live=node.tables.live,
        files=node.files,
        state_limits=StateLimits(
            value_bytes=scriptapps_settings.STATE_VALUE_BYTES,
            session_bytes=scriptapps_settings.STATE_SESSION_BYTES,
            keys=scriptapps_settings.STATE_KEYS,
        ),
        on_run_started=node._run_started,
        on_run_ended=node._run_ended,
        on_error=node.run_records.failed,
        explain_runs=settings.DEBUG,
        on_change=node._changed,
    )


_node: ServerNode | None = None
# Guards the making of the one node of this process.
_node_lock = threading.Lock()


def get_node() -> ServerNode:
    """The node of this process, made when first asked for."""
    global _node
    if _node is None or _node.pid != os.getpid():
        with _node_lock:
            if _node is None or _node.pid != os.getpid():
                _node = ServerNode()
                signals.node_started.send(sender=ServerNode, node=_node)
    return _node


def running_node() -> ServerNode | None:
    """The node of this process if it has one."""
    return _node


def stop_node(patience: float = 5.0) -> None:
    """End the node of this process, giving its runs ``patience`` seconds; the next ``get_node`` makes another."""
    global _node
    with _node_lock:
        node, _node = _node, None
    if node is not None:
        signals.node_stopped.send(sender=ServerNode, node=node)
        node.shut_down(patience)
