"""The node: everything of scriptapps that lives in one server process.

Runs on: made at first use, by whichever thread asks; its own threads are daemons. Invariant: a live session of this
process is in ``sessions`` and has a row; nothing in here is needed to tell the truth about another process.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings

import scriptapps.st  # noqa: F401  the first script must not wait for its elements
from scriptapps import identity, script_threads, signals
from scriptapps.conf import scriptapps_settings
from scriptapps.handshake import resumable_row
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.node_beat import NodeBeat
from scriptapps.node_rows import RowWriter
from scriptapps.registry import EffectiveApp, ScriptSource, registry
from scriptapps.runtime.engine import ThreadEngine
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.modules import install_roots
from scriptapps.runtime.options import RuntimeOptions, Visitor
from scriptapps.runtime.run_queue import RerunRequest

logger = logging.getLogger("scriptapps.node")

CLOSED_BY_STAFF, MOVED, SIGNED_OUT, FORBIDDEN, GONE = 4001, 4002, 4401, 4403, 4404


class ServerNode:
    """Live sessions, engine, row writer and beat of this process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(3)}"
        # Guards ``sessions`` and ``unclaimed``.
        self._lock = threading.Lock()
        self.sessions: dict[str, LiveSession] = {}
        self.unclaimed: dict[str, float] = {}
        self.options = self._options()
        self.engine = ThreadEngine(self.options)
        self.database = ThreadPoolExecutor(4, thread_name_prefix="scriptapps-db")
        self.rows = RowWriter(self)
        self.beat = NodeBeat(self)
        install_roots(registry.roots())
        self.rows.start()
        self.beat.start()

    def _options(self) -> RuntimeOptions:
        show = scriptapps_settings.SHOW_TRACEBACKS
        grace = scriptapps_settings.SCRIPT_STOP_GRACE
        return RuntimeOptions(
            workers=scriptapps_settings.RUN_WORKERS,
            deadline=scriptapps_settings.RUN_DEADLINE,
            stop_grace=grace,
            abandon_grace=grace * 2,
            max_abandoned=scriptapps_settings.MAX_ABANDONED,
            show_tracebacks=settings.DEBUG if show is None else show,
            before_run=self._before_run,
            after_run=script_threads.after_run,
            cancel_query=script_threads.cancel_query,
            on_change=self._changed,
        )

    def _changed(self, session: LiveSession) -> None:
        self.rows.mark(session)

    def _before_run(self, run: Any) -> None:
        script_threads.before_run(run)
        self.beat.revalidate_before_run(run.session)

    # -- opening ---------------------------------------------------------------------------------------------------

    def preheat(
        self, user: Any, binding: str, source: ScriptSource, row: ScriptApp, session_key: str | None = None
    ) -> str:
        """Start a session before its socket arrives. Returns its id, "" if this browser has one here already."""
        if not scriptapps_settings.PREHEAT:
            return ""
        hashed = identity.binding_hash(binding)
        user_id = getattr(user, "pk", None)
        with self._lock:
            if any(s.slug == source.slug and s.visitor.binding == hashed for s in self.sessions.values()):
                return ""
        effective = registry.effective(source, row)
        session = self._make(str(uuid.uuid4()), user_id, str(user or ""), hashed, session_key, source, effective)
        self._insert_row(session, row, user_id)
        with self._lock:
            self.unclaimed[session.session_id] = time.monotonic()
        session.request_rerun(RerunRequest("opened"))
        return session.session_id

    def open(self, admitted: Any) -> LiveSession:
        """The live session for a socket that was admitted: the one it presents, one that waits for it, or a new one."""
        who = admitted.identity
        user_id = getattr(who.user, "pk", None)
        hashed = identity.binding_hash(who.binding)
        with self._lock:
            live = self.sessions.get(admitted.session_id)
            self.unclaimed.pop(admitted.session_id, None)
        if live is not None:
            live.visitor = self._visitor(user_id, str(who.user), hashed, who.session_key)
            ScriptSession.objects.filter(pk=live.session_id, user=None).update(user=user_id)
            return live
        session_id = admitted.session_id or str(uuid.uuid4())
        session = self._make(
            session_id, user_id, str(who.user), hashed, who.session_key, admitted.source, admitted.effective
        )
        if admitted.session_id:
            self._take_over_row(session, user_id)
        else:
            self._insert_row(session, admitted.row, user_id)
        session.request_rerun(RerunRequest("opened"))
        return session

    def resumable(self, session_id: str, binding: str, user: Any, slug: str) -> bool:
        """Whether this browser may go on with the session."""
        return resumable_row(session_id, binding, user, slug) is not None

    def _make(
        self,
        session_id: str,
        user_id: Any,
        user_name: str,
        hashed: str,
        session_key: str | None,
        source: ScriptSource,
        effective: EffectiveApp,
    ) -> LiveSession:
        on_save = scriptapps_settings.RUN_ON_SAVE
        slug = source.slug
        session = LiveSession(
            session_id,
            slug,
            lambda: registry.compile(slug),
            self._visitor(user_id, user_name, hashed, session_key),
            self.options,
            self.engine,
            deadline=effective.deadline,
            run_on_save=settings.DEBUG if on_save is None else on_save,
        )
        with self._lock:
            self.sessions[session_id] = session
        signals.session_opened.send_robust(sender=ScriptSession, session_id=session_id, slug=slug, user_id=user_id)
        return session

    @staticmethod
    def _visitor(user_id: Any, user_name: str, hashed: str, session_key: str | None) -> Visitor:
        return Visitor(
            load_user=lambda: script_threads.load_user(user_id),
            session_key=session_key,
            user_id=user_id,
            user_name=user_name,
            binding=hashed,
        )

    def _insert_row(self, session: LiveSession, row: ScriptApp, user_id: Any) -> None:
        ScriptSession.objects.create(
            pk=session.session_id,
            script_app=row,
            user_id=user_id,
            binding=session.visitor.binding,
            node=self.name,
            state=session.state_of_life.value,
        )

    def _take_over_row(self, session: LiveSession, user_id: Any) -> None:
        row = ScriptSession.objects.get(pk=session.session_id)
        session.runs = row.runs
        row.node, row.user_id = self.name, row.user_id or user_id
        row.rerun_done, row.stop_done = row.rerun_wanted, row.stop_wanted
        row.save(update_fields=["node", "user", "rerun_done", "stop_done"])
        self.beat.bus.tell_others("moved", [session.session_id])

    # -- ending ----------------------------------------------------------------------------------------------------

    def close(self, session: LiveSession, code: int, reason: str) -> None:
        """End a session for good: sockets, run and row."""
        with self._lock:
            self.unclaimed.pop(session.session_id, None)
            if self.sessions.pop(session.session_id, None) is None:
                return
        session.close(code, reason)
        self.rows.mark(session)
        signals.session_closed.send_robust(
            sender=ScriptSession,
            session_id=session.session_id,
            slug=session.slug,
            user_id=session.visitor.user_id,
            reason=reason,
        )

    def forget(self, session: LiveSession, code: int) -> None:
        """Another process took the session over: drop it here, leave its row alone."""
        with self._lock:
            self.sessions.pop(session.session_id, None)
        self.rows.forget(session)
        session.close(code, "moved")

    def select(self, ids: list[str] | None = None) -> list[LiveSession]:
        """The live sessions with these ids, or all."""
        with self._lock:
            if ids is None:
                return list(self.sessions.values())
            return [self.sessions[key] for key in map(str, ids) if key in self.sessions]

    def steer(self, kind: str, ids: list[str]) -> None:
        """Rerun, stop or close sessions of this process."""
        for session in self.select(ids):
            if kind == "rerun":
                session.request_rerun(RerunRequest("asked for", background=True))
            elif kind == "stop":
                session.request_stop()
            elif kind == "close":
                self.close(session, CLOSED_BY_STAFF, "closed by staff")
            elif kind == "moved":
                self.forget(session, MOVED)

    def shut_down(self) -> None:
        """Stop threads and forget sessions; for the end of a process and for tests."""
        self.beat.stop()
        for session in self.select():
            session.close(4012, "server stops")
        self.engine.shut_down()
        self.rows.stop()
        self.database.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self.sessions.clear()


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


def stop_node() -> None:
    """End the node of this process; the next ``get_node`` makes another."""
    global _node
    with _node_lock:
        node, _node = _node, None
    if node is not None:
        signals.node_stopped.send(sender=ServerNode, node=node)
        node.shut_down()
