"""One run from beginning to end.

Runs on: the script thread. Invariant: whatever the script does, the run is finished, made durable and announced, in
this order, and the thread is left without its context.
"""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_tb

from scriptapps.deltas.container import current_container
from scriptapps.deltas.node import Node
from scriptapps.errors import (
    LeaseLostError,
    RerunScript,
    ScriptApiError,
    ScriptCompileError,
    StopScript,
    StoredStateGoneError,
)
from scriptapps.protocol import schema
from scriptapps.runtime.callbacks import run_callbacks
from scriptapps.runtime.failures import report_failure
from scriptapps.runtime.fragments import Fragment, run_fragment
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.modules import run_gate
from scriptapps.runtime.outage_log import OutageLog
from scriptapps.runtime.run_context import RunContext, current_run
from scriptapps.runtime.run_guard import BrokenOff, RunGuard
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.signal import SIGNAL_NAME, current_signal
from scriptapps.runtime.state_journal import StateChange

logger = logging.getLogger("scriptapps.runs")
outages = OutageLog(logger)

KEEP_OLD = frozenset({"SUPERSEDED", "STOPPED", "DEADLINE", "ABANDONED", "NOT_COMPILED", "REFUSED"})
"""Outcomes after which elements that the run did not reach stay on the page."""

HAND_OVER_SECONDS = 0.002
"""So long a commit waits at most for the event loop to send: both want the interpreter at the same moment."""
NOT_SAVED = "The state of this page could not be saved; it lives on in this process only."
SAVED_AGAIN = "Everything on this page is saved again."

MESSAGES = {
    "STOPPED": "Stopped.",
    "DEADLINE": "Stopped: the run took longer than is allowed for this page.",
    "ABANDONED": "The run could not be stopped and was given up. The next run starts afresh.",
    "REFUSED": "You may no longer run this page.",
}


def run_once(session: LiveSession, guard: RunGuard, clear_pending: Callable[[int], None] = lambda _: None) -> bool:
    """Take the waiting request and execute it in a fresh context. Returns whether another run is to follow."""
    begun = session.begin_run()
    if begun is None:
        return False
    run, request, changed = begun
    return contextvars.Context().run(_Execution(session, run, request, changed, guard, clear_pending).run_all)


class _Execution:
    """The steps of one run. ``outcome`` is a name of the wire's Outcome."""

    def __init__(
        self,
        session: LiveSession,
        run: RunContext,
        request: RerunRequest,
        changed: list[str],
        guard: RunGuard,
        clear_pending: Callable[[int], None],
    ) -> None:
        self.session, self.run, self.request, self.changed = session, run, request, changed
        self.guard, self.clear_pending = guard, clear_pending
        self.outcome = "COMPLETED"
        self.message = ""
        self.wants_rerun = False
        self.started = time.perf_counter()
        self.rerun_fragments: tuple[str, ...] | None = None
        self.rerun_at = ""
        run.report_error = self._failed

    def run_all(self) -> bool:
        tell_started(self.run)
        self.session.options.on_change(self.session)
        self.session.options.on_run_started(self.run, self.request)
        current_run.set(self.run)
        current_signal.set(self.session.signal)
        current_container.set(self.run.main)
        self.guard.run = self.run
        with self._outcome_of():
            self._execute()
        self.run.measures.close()
        self.guard.leave(self.clear_pending)
        if self.guard.abandoned:
            self.session.options.after_run(self.run, True)
            return False
        self._settle_page()
        self.session.options.after_run(self.run, self.guard.broken_off)
        is_saved = self._save()
        if is_saved:
            self.session.say_saved(SAVED_AGAIN)
            self.session.files.let_go_of_unused()
        return finish(self, (time.perf_counter() - self.started) * 1000, ack=is_saved)

    def _execute(self) -> None:
        self.run.session.options.before_run(self.run)
        self.session.outside.begin_run(self.run, self.request, self.changed)
        explains = self.session.options.explain_runs or self.session.history.is_inspected
        self.run.measures.open(timing=explains)
        if self.run.fragments is not None:
            self._execute_fragments([f for key in self.run.fragments if (f := self.session.fragments.get(key))])
            return
        script = self.session.load_script()
        self.session.set_source_status()
        self.session.tree.begin_run(self.run.number)
        namespace = self.run.main_module.__dict__
        namespace[SIGNAL_NAME] = self.session.signal
        namespace["__file__"] = str(script.path)
        with run_gate.shared() as hold:
            self.guard.enter(hold)
            try:
                run_callbacks(self.session, self.run, self.changed)
                exec(script.code, namespace)
                self.run.check()
                self.run.reached_end = True
            finally:
                # Only the script itself may be broken off, never the gate or what notes the outcome.
                self.guard.leave(self.clear_pending)

    def _execute_fragments(self, fragments: list[Fragment]) -> None:
        self.session.tree.begin_run(self.run.number, parts=[fragment.node for fragment in fragments])
        with run_gate.shared() as hold:
            self.guard.enter(hold)
            try:
                run_callbacks(self.session, self.run, self.changed)
                for fragment in fragments:
                    self.run.main_module = fragment.main_module
                    run_fragment(self.run, fragment)
                    self.run.check()
                self.run.reached_end = True
            finally:
                self.guard.leave(self.clear_pending)

    # -- how it ended ----------------------------------------------------------------------------------------------

    @contextmanager
    def _outcome_of(self) -> Iterator[None]:
        try:
            yield
        except RerunScript as rerun:
            self._ask_again(rerun)
        except BrokenOff as stop:
            self.outcome = self.session.signal.reason or stop.reason
        except StopScript as stop:
            self.outcome, self.message = stop.reason, stop.message
        except ScriptCompileError as error:
            self._not_compiled(error)
        except BaseException as error:  # a script may raise anything, SystemExit and KeyboardInterrupt included
            if self.session.signal.reason and self.session.signal.reason != "SUPERSEDED":
                self.outcome = self.session.signal.reason
            else:
                self._failed(error)
        self.message = self.message or MESSAGES.get(self.outcome, "")

    def _ask_again(self, rerun: RerunScript) -> None:
        if self.session.chain >= self.session.options.max_rerun_chain:
            limit = self.session.options.max_rerun_chain
            self._failed(
                ScriptApiError(f"st.rerun() was called in {limit} runs one after the other, which would never end.")
            )
        else:
            self.outcome, self.wants_rerun, self.rerun_fragments = "SUPERSEDED", True, rerun.fragments
            self.rerun_at = _place_in_script(self.session, rerun)

    def _not_compiled(self, error: ScriptCompileError) -> None:
        self.outcome = "NOT_COMPILED"
        self.message = "The script does not compile."
        self.session.last_error = self.run.error = str(error).splitlines()[0]
        details = str(error) if self.session.options.show_tracebacks else "The script does not compile."
        self.session.set_source_status(error=details)

    def _failed(self, error: BaseException, block: Node | None = None) -> None:
        self.outcome = "FAILED"
        failure = report_failure(self.session, self.run.run_id, error)
        self.session.last_error, self.message = failure.summary, failure.shown
        self.run.error = f"{failure.summary} (reference {failure.reference})"
        self.run.reference = failure.reference
        tree = self.session.tree
        if tree.run == self.run.number:
            tree.place(self.run.number, block or self._block(), "exception", failure.element.SerializeToString())

    def _block(self) -> Node:
        """Where an exception is shown that ended the run."""
        first = self.session.fragments.get(self.run.fragments[0]) if self.run.fragments else None
        return self.session.tree.main if first is None else first.node.resolve()

    def _save(self) -> bool:
        """Make the run's changes durable. Returns whether its events are finished and may be forgotten."""
        session = self.session
        if session.moved or (self.outcome == "SUPERSEDED" and not self.wants_rerun):
            return False
        if self.wants_rerun and self.run.fired and self.run.clicks - self.run.fired:
            # One click was handled and an older one may wait for the next run: that run stores both.
            return False
        if self._is_left_to_next():
            return False
        session.outside.settle(self.run, self.request, "" if self.wants_rerun else self.outcome, self.message)
        tell_lost(session)
        if session.options.commit is None:
            return True
        self._show_first()
        change = session.collect_change(self.run)
        if not change:
            return True
        try:
            change = self._commit(change)
        except LeaseLostError:
            logger.info("%s: session %s has passed to another process", session.slug, session.session_id)
            return False
        except Exception as error:
            outages.failed(f"{session.slug}: a run could not be saved", error)
            self.message = self.message or NOT_SAVED
            session.say_unsaved(NOT_SAVED)
            return False
        tell_not_durable(session, change)
        session.committed(change)
        return True

    def _is_left_to_next(self) -> bool:
        """Whether the next run, which waits already, stores what this one changed: large values change quickly."""
        session, waiting = self.session, self.session.queue.pending
        follows = (waiting is not None and not waiting.background) or bool(self.run.clicks and session.widgets.clicks)
        if not follows or self.outcome != "COMPLETED" or session.outside.is_open or session.options.commit is None:
            return False
        return session.journal.puts_off(session.state.stored_values(), time.perf_counter() - self.started)

    def _show_first(self) -> None:
        """What changed is on its way to the browsers before it is stored."""
        leaving = list(filter(None, [viewer.outbox.hurry() for viewer in self.session.viewers]))
        until = time.perf_counter() + HAND_OVER_SECONDS
        for left in leaving:
            left.wait(until - time.perf_counter())

    def _commit(self, change: StateChange) -> StateChange:
        session = self.session
        assert session.options.commit is not None
        try:
            session.options.commit(session, change)
        except StoredStateGoneError:
            logger.warning("%s: what was stored of session %s is gone; all of it is stored again",
                           session.slug, session.session_id)  # fmt: skip
            session.journal.restored({}, {})
            change = session.collect_change(self.run)
            session.options.commit(session, change)
        return change

    def _settle_page(self) -> None:
        run, session = self.run, self.session
        parts = None if run.fragments is None else session.fragments.blocks(run.fragments)
        if self.outcome != "SUPERSEDED" or self.wants_rerun:
            _clear_submitted_forms(session, run)
        if self.outcome != "SUPERSEDED":
            session.drop_unused_clicks(run)
            session.outside.events.end_run(run)
        if self.outcome in ("STOPPED", "DEADLINE"):
            session.take_what_came_meanwhile(run)
        if run.reached_end and self.outcome in ("COMPLETED", "FAILED"):
            session.forget_unplaced(run)
        session.tree.end_run(run.number, prune=self.outcome not in KEEP_OLD, parts=parts)


def finish(execution: _Execution, milliseconds: float, *, ack: bool) -> bool:
    """Announce the end of a run. Returns whether another one is to follow."""
    session, run = execution.session, execution.run
    if execution.wants_rerun:
        request = RerunRequest(
            "st.rerun",
            chained=True,
            background=execution.request.background,
            reactive=execution.request.reactive,
            fragments=execution.rerun_fragments,
            detail=execution.rerun_at,
        )
        if not session.request_rerun(request):
            execution.wants_rerun, execution.outcome = False, session.signal.reason or "STOPPED"
            execution.message = MESSAGES.get(execution.outcome, "")
    if execution.outcome == "COMPLETED":
        session.last_error = ""
    if execution.outcome not in ("SUPERSEDED", "NOT_COMPILED"):
        session.shown_run_id = run.run_id
    more = end_run(session, run, execution.outcome, milliseconds, execution.message, ack=ack)
    session.later.run_ended(run)
    if session.inbox.is_holding and not more:
        session.release_held()
    return more


def _place_in_script(session: LiveSession, error: BaseException) -> str:
    """`line 12`: where the script called what raised, as far as it was the script."""
    lines = [
        line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == str(session.script_path)
    ]
    return f"line {lines[-1]}" if lines else ""


def tell_lost(session: LiveSession) -> None:
    """Say once which stored values could not be read back."""
    for key, reason in session.state.take_lost().items():
        name = f"st.session_state[{key!r}]" if key else "st.session_state"
        text = f"{name} was stored and could not be read back: {reason}."
        session.broadcast(errors=schema.Error(code="not_restored", message=text))
        logger.warning("%s: session %s: %s", session.slug, session.session_id, text)


def tell_not_durable(session: LiveSession, change: StateChange) -> None:
    """Say once, with the line that wrote it, which values live on in this process only."""
    for key, reason in session.journal.newly_not_durable(change).items():
        line = session.state.written_at(key)
        where = f" (assigned in line {line})" if line else ""
        text = f"st.session_state[{key!r}]{where} is kept in this process only: {reason}."
        logger.warning("%s: session %s: %s", session.slug, session.session_id, text)
        if session.options.show_tracebacks:
            session.broadcast(errors=schema.Error(code="not_durable", message=text))


def tell_started(run: RunContext) -> None:
    """Tell viewers that a run begins; staff who watch also why, and under DEBUG everybody."""
    session = run.session
    started = schema.RunStarted(run_id=run.run_id)
    explained = schema.RunStarted(run_id=run.run_id, trigger=run.trigger, detail=run.detail)
    for viewer in session.viewers:
        is_told = viewer.read_only or session.options.explain_runs
        viewer.outbox.post(run_started=explained if is_told else started)


def end_run(
    session: LiveSession, run: RunContext, outcome: str, milliseconds: float, message: str = "", *, ack: bool = True
) -> bool:
    """Note the end of a run and tell viewers and host. Returns whether another one is to follow."""
    finished = schema.RunFinished(
        run_id=run.run_id, outcome=schema.Outcome.Value(outcome), duration_ms=milliseconds, message=message
    )
    run.outcome = outcome
    session.history.add(run, milliseconds)
    # In one step for the viewers: the next run may begin and end on another thread before this one goes on.
    with session.tree.lock:
        more = session.finish_run(run, outcome, milliseconds, ack=ack)
        session.broadcast(urgent=not more, run_finished=finished)
    session.options.on_change(session)
    session.options.on_run_ended(run, milliseconds)
    return more


def _clear_submitted_forms(session: LiveSession, run: RunContext) -> None:
    for form in run.forms.values():
        if form.submitted and form.clear_on_submit:
            for widget_id in form.widget_ids:
                session.reset_widget(widget_id)
