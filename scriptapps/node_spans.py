"""Spans of one server process: handshakes and openings of sockets, runs, commits, requests from outside.

Runs on: a span begins where its work does, and ends on one thread of its own, because that may export it. Invariant: no
span holds a value, a label, the name of a person or what an exception said; a fault in here ends no run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from scriptapps import tracing
from scriptapps.models import SessionRequest
from scriptapps.node_inspect import type_of
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.outage_log import OutageLog
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_queue import RerunRequest

logger = logging.getLogger("scriptapps.node")

MAX_WAITING = 10_000
"""Spans that wait for a slow exporter; more end at once, without what is known later."""
SENT_SECONDS = 0.05
"""So long after its end a run is asked what viewers were sent: its last batch leaves a little later."""


@dataclass(eq=False, slots=True)
class _Ending:
    """A span whose work is over. ``describe`` gives what is known at its end; ``due`` is ``time.monotonic()``."""

    span: Any
    end: int
    due: float
    describe: Callable[[], dict[str, Any]]


@dataclass(eq=False, slots=True)
class RunSpan:
    """The span of a run; ``sent_after`` is what viewers had been sent when the next run began, None before."""

    span: Any
    sent_after: tuple[int, int] | None = None


class NodeSpans:
    """Made only while spans are on."""

    def __init__(self) -> None:
        self._tracer = tracing.tracer()
        self._otel = tracing.package()
        self._outages = OutageLog(logger)
        # Guards what follows: the span of each session's last run, as long as it is not told, and the thread.
        self._lock = threading.Lock()
        self._latest: dict[str, RunSpan] = {}
        self._thread: threading.Thread | None = None
        self._endings: SimpleQueue[_Ending | None] = SimpleQueue()
        self._is_over = threading.Event()

    def stop(self, patience: float = 2.0) -> None:
        """End what waits, now."""
        self._is_over.set()
        with self._lock:
            thread = self._thread
        self._endings.put(None)
        if thread is not None:
            thread.join(patience)

    # -- runs, on the script thread --------------------------------------------------------------------------------

    def run_started(self, run: RunContext, request: RerunRequest) -> None:
        """What the script does stands below this span, also in threads with the run's context."""
        try:
            self._begin_run(run, request)
        except Exception as error:
            self._outages.failed("A span could not be begun", error)

    def _begin_run(self, run: RunContext, request: RerunRequest) -> None:
        session = run.session
        span = self._tracer.start_span(
            "scriptapps.run",
            links=tracing.links_to(asked.trace for asked in request.outside),
            attributes={**_about(session), "scriptapps.run_id": run.run_id, "scriptapps.trigger": run.trigger},
        )
        # Never detached: the run has a context of its own, which goes with it.
        self._otel.context.attach(self._otel.trace.set_span_in_context(span))
        with self._lock:
            before = self._latest.pop(session.session_id, None)
            if before is not None:
                before.sent_after = run.sent_before
            if span.is_recording():
                run.span = self._latest[session.session_id] = RunSpan(span)

    def run_ended(self, run: RunContext, milliseconds: float) -> None:
        """Also called by the supervisor, for runs that were given up."""
        noted = run.span
        if noted is not None:
            self._finish(noted.span, lambda: self._describe_run(run, noted), SENT_SECONDS)

    def _describe_run(self, run: RunContext, noted: RunSpan) -> dict[str, Any]:
        session = run.session
        with self._lock:
            if self._latest.get(session.session_id) is noted:
                del self._latest[session.session_id]
            sent = noted.sent_after or session.tree.sent
        if run.outcome == "FAILED":
            # Without a description: what an exception said may be a value.
            noted.span.set_status(self._otel.trace.StatusCode.ERROR)
        measures = run.measures
        told = {
            "scriptapps.outcome": run.outcome.lower(),
            "scriptapps.deltas": sent[0] - run.sent_before[0],
            "scriptapps.bytes": sent[1] - run.sent_before[1],
            "scriptapps.queries": measures.queries,
            "scriptapps.query_ms": round(measures.seconds * 1_000, 3),
            "scriptapps.version": session.script_version,
            "scriptapps.fragments": list(run.fragment_names),
            "scriptapps.reference": run.reference,
            "error.type": type_of(run.error),
        }
        return {name: value for name, value in told.items() if value not in ("", [])}

    @contextmanager
    def commit(self, session: LiveSession) -> Iterator[None]:
        """The state of a session is being stored."""
        with self._spanned("scriptapps.commit", _about(session)):
            yield

    # -- requests, on the database executor ------------------------------------------------------------------------

    def requests_taken(self, session: LiveSession, rows: Iterable[SessionRequest]) -> None:
        """These were asked by somebody outside, maybe elsewhere; the span is how long they were on their way."""
        try:
            for row in rows:
                span = self._tracer.start_span(
                    "scriptapps.request",
                    context=tracing.context_of(row.payload.get(tracing.HEADER, "")),
                    kind=self._otel.trace.SpanKind.CONSUMER,
                    start_time=int(row.created.timestamp() * 1e9),
                    attributes={
                        **_about(session), "scriptapps.request": str(row.kind), "scriptapps.trigger": row.trigger,
                    },
                )  # fmt: skip
                self._finish(span, dict)
        except Exception as error:
            self._outages.failed("A span could not be begun", error)

    # -- sockets, on the event loop --------------------------------------------------------------------------------

    @contextmanager
    def socket(self, name: str, slug: str, headers: dict[bytes, bytes]) -> Iterator[Any]:
        """A step of opening a socket. A proxy before this server may have begun the trace."""
        sent = headers.get(tracing.HEADER.encode(), b"").decode("latin-1")
        with self._spanned(name, {"scriptapps.app": slug}, tracing.context_of(sent)) as span:
            yield span

    # -- ending ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _spanned(self, name: str, attributes: dict[str, Any], context: Any = None) -> Iterator[Any]:
        trace = self._otel.trace
        span = self._tracer.start_span(name, context=context, attributes=attributes)
        try:
            with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            self._finish(span, dict)

    def _finish(self, span: Any, describe: Callable[[], dict[str, Any]], delay: float = 0.0) -> None:
        if not span.is_recording():
            return
        ending = _Ending(span, time.time_ns(), time.monotonic() + delay, describe)
        if self._endings.qsize() >= MAX_WAITING or self._is_over.is_set():
            span.end(ending.end)
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="scriptapps-spans", daemon=True)
                self._thread.start()
        self._endings.put(ending)

    def _work(self) -> None:
        while (ending := self._endings.get()) is not None:
            if (wait := ending.due - time.monotonic()) > 0:
                self._is_over.wait(wait)
            try:
                ending.span.set_attributes(ending.describe())
                ending.span.end(ending.end)
            except Exception as error:
                self._outages.failed("A span could not be ended", error)


def _about(session: LiveSession) -> dict[str, Any]:
    return {"scriptapps.app": session.slug, "scriptapps.session_id": session.session_id}
