"""Writes ScriptSession rows, off the hot path.

Runs on: its own daemon thread; ``mark`` on any thread. Invariant: a row follows its session within a moment; however
often a session changes meanwhile, it is written once.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.utils import timezone

from scriptapps.commit_turns import ONE_WRITER, write_in_turn
from scriptapps.kept_connections import freshen
from scriptapps.models import ScriptSession, SessionRequest
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.memory import estimated_bytes
from scriptapps.store import write_alias

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

GATHER_SECONDS = 0.1
ROWS_AT_ONCE = 4
ROW_SECONDS = 1.0
"""A row is not written more often than this, however often its session runs."""


class RowWriter:
    """``mark`` says that a session changed; the thread writes its row."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        # Guards what is marked and whether the thread is to end.
        self._condition = threading.Condition()
        self._marked: dict[LiveSession, None] = {}
        self._connected: dict[str, bool] = {}
        self._written: dict[str, float] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="scriptapps-rows", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is marked and end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(5)

    def mark(self, session: LiveSession) -> None:
        """The session changed. Returns at once."""
        if session in self._marked:
            return
        with self._condition:
            first = not self._marked
            self._marked[session] = None
            if first:
                self._condition.notify()

    def forget(self, session: LiveSession) -> None:
        """Do not write this session any more."""
        with self._condition:
            self._marked.pop(session, None)
        self._connected.pop(session.session_id, None)
        self._written.pop(session.session_id, None)

    def _work(self) -> None:
        later: dict[LiveSession, float] = {}
        stopping = False
        while not stopping:
            marked, stopping = self._wait(later)
            now = time.monotonic()
            for session in marked:
                later.setdefault(session, self._written.get(session.session_id, 0.0) + ROW_SECONDS)
            closed = LifecycleState.CLOSED
            due = [s for s, at in later.items() if stopping or at <= now or s.state_of_life is closed]
            freshen()
            for session in due:
                del later[session]
            for failed in self._write_all(due):
                later[failed] = now + ROW_SECONDS
        connections.close_all()

    def _wait(self, later: dict[LiveSession, float]) -> tuple[list[LiveSession], bool]:
        timeout = max(min(later.values()) - time.monotonic(), 0.01) if later else None
        with self._condition:
            self._condition.wait_for(lambda: self._marked or self._stopping, timeout)
            if not self._stopping:
                self._condition.wait_for(lambda: self._stopping, GATHER_SECONDS)
            marked, self._marked = list(self._marked), {}
            return marked, self._stopping

    def _write_all(self, sessions: list[LiveSession]) -> list[LiveSession]:
        """Write these rows; returns those that could not be written."""
        alias, failed = write_alias(), []
        # Where writers exclude each other, each of them costs the runs that end meanwhile; elsewhere the order would.
        at_once = ROWS_AT_ONCE if connections[alias].vendor in ONE_WRITER else 1
        for start in range(0, len(sessions), at_once):
            chunk = sessions[start : start + at_once]
            if len(chunk) > 1 and self._write_together(alias, chunk) is None:
                continue
            for session in chunk:
                if (error := self._write_together(alias, [session])) is not None:
                    self.node.outages.failed("The row of a session was not written; it is tried again", error)
                    failed.append(session)
        return failed

    def _write_together(self, alias: str, chunk: list[LiveSession]) -> Exception | None:
        written: dict[LiveSession, bool] = {}
        # Before the turn: nobody waits for it.
        memory = {session: estimated_bytes(session) for session in chunk}
        self.node.memory_limits.look(memory)

        def write() -> None:
            for session in chunk:
                if not session.moved:
                    # Else its row is the next owner's.
                    written[session] = self._write(session, memory[session])

        is_one_statement = len(chunk) == 1 and chunk[0].state_of_life is not LifecycleState.CLOSED
        try:
            write_in_turn(alias, write, is_one_statement=is_one_statement)
        except Exception as error:
            return error
        for session, has_viewers in written.items():
            self._note(session, has_viewers)
        return None

    def _write(self, session: LiveSession, memory: int) -> bool:
        """The row's statements. Returns whether it says that somebody looks."""
        fields = row_fields(session) | {"memory_bytes": memory}
        viewers = bool(fields["viewers"])
        if viewers and not self._connected.get(session.session_id):
            fields["connected_at"] = timezone.now()
        if session.state_of_life is LifecycleState.CLOSED:
            # Its sockets are on their way out; nothing is written after this.
            fields |= {"viewers": 0, "closed_at": timezone.now(), "close_reason": session.close_reason[:100]}
        rows = ScriptSession.objects.filter(pk=session.session_id, node=self.node.name)
        written = rows.exclude(state=ScriptSession.State.CLOSED).update(**fields)
        if written and session.state_of_life is LifecycleState.CLOSED:
            SessionRequest.objects.session_ended([session.session_id])
        return viewers

    def _note(self, session: LiveSession, has_viewers: bool) -> None:
        if session.state_of_life is LifecycleState.CLOSED:
            self._connected.pop(session.session_id, None)
            self._written.pop(session.session_id, None)
        else:
            self._connected[session.session_id] = has_viewers
            self._written[session.session_id] = time.monotonic()


def row_fields(session: LiveSession) -> dict[str, Any]:
    """What the row says of a session as it is now."""
    return {
        "state": session.state_of_life.value,
        "viewers": len(session.people),
        "runs": session.runs,
        "last_run_ms": session.last_ms,
        "last_outcome": session.last_outcome.lower(),
        "last_trigger": session.history.last_trigger[:40],
        "last_error": session.last_error[:200],
        "listens_to": session.outside.events.names,
        "last_seen": datetime.fromtimestamp(session.last_seen, UTC),
        "beat": timezone.now(),
    }
