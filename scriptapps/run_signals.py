"""Tells the site's own code by signals when runs begin, end and fail.

Runs on: told on script threads and by the supervisor, sends on one thread of its own. Invariant: a receiver that is
slow or raises holds neither a run nor anything else of the process; signals of one session arrive in order.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import close_old_connections
from django.dispatch import Signal

from scriptapps import signals
from scriptapps.models import ScriptSession
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_queue import RerunRequest

logger = logging.getLogger("scriptapps.node")

MAX_WAITING = 10_000
"""Signals that wait for slow receivers; more are dropped, and that is logged."""


class RunSignals:
    """``started`` and ``ended`` are hooks of the runtime. Nobody listens: they cost nothing."""

    def __init__(self) -> None:
        # Guards the number of waiting signals and the end.
        self._lock = threading.Lock()
        self._waiting = 0
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="scriptapps-signals")

    def stop(self) -> None:
        """Send what waits, and nothing after that. Returns at once."""
        self._sender.shutdown(wait=False)

    def started(self, run: RunContext, request: RerunRequest) -> None:
        """A run begins, for this reason."""
        if signals.run_started.has_listeners(ScriptSession):
            self._send(signals.run_started, **_about(run), reason=request.reason, detail=request.detail)

    def ended(self, run: RunContext, milliseconds: float) -> None:
        """A run is over; its outcome is known."""
        failed = run.outcome == "FAILED"
        if signals.run_finished.has_listeners(ScriptSession):
            self._send(
                signals.run_finished,
                **_about(run),
                outcome=run.outcome.lower(),
                duration_ms=milliseconds,
                error=run.error if failed else "",
            )
        if failed and signals.run_failed.has_listeners(ScriptSession):
            self._send(
                signals.run_failed,
                **_about(run),
                duration_ms=milliseconds,
                error=run.error,
                reference=run.reference,
            )

    def _send(self, signal: Signal, **kwargs: Any) -> None:
        with self._lock:
            if self._waiting >= MAX_WAITING:
                logger.error("Receivers of run signals are too slow: one about run %s is dropped", kwargs["run_id"])
                return
            self._waiting += 1
        try:
            self._sender.submit(self._send_now, signal, kwargs)
        except RuntimeError:
            # The node has ended.
            return

    def _send_now(self, signal: Signal, kwargs: dict[str, Any]) -> None:
        with self._lock:
            self._waiting -= 1
        close_old_connections()
        try:
            signal.send_robust(sender=ScriptSession, **kwargs)
        finally:
            close_old_connections()


def _about(run: RunContext) -> dict[str, Any]:
    session = run.session
    return {
        "session_id": session.session_id,
        "slug": session.slug,
        "user_id": session.visitor.user_id,
        "run_id": run.run_id,
    }
