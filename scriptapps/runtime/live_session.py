"""A live session: one person's running page in this process.

Runs on: any thread; ``_lock`` guards the state, the queue and incoming values, and is never held while taking the page
tree's lock (the other way round is allowed), doing I/O or calling user code. Invariant: one run at a time; what a
viewer sends counts once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from scriptapps.deltas.observed_tree import VALUE
from scriptapps.errors import InvalidWidgetValueError, ProtocolError, TooManyRunsAbandonedError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire, from_value
from scriptapps.runtime.durable_page import DurablePage
from scriptapps.runtime.fragments import Fragments
from scriptapps.runtime.later import Later
from scriptapps.runtime.lifecycle import LifecycleEvent, LifecycleState, next_state
from scriptapps.runtime.options import RuntimeOptions, Visitor
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_history import RunHistory
from scriptapps.runtime.run_queue import RerunRequest, RunQueue
from scriptapps.runtime.signal import Signal
from scriptapps.runtime.timers import ManualTimers, Timers
from scriptapps.runtime.uploaded_files import SessionFiles
from scriptapps.runtime.viewer import Viewer
from scriptapps.runtime.widgets import WidgetSpec

if TYPE_CHECKING:
    from scriptapps.runtime.script import Script


class Engine(Protocol):
    """What executes the runs of live sessions. ``timers`` call back at a later time."""

    @property
    def timers(self) -> Timers | ManualTimers: ...
    def submit(self, session: LiveSession, *, background: bool) -> None: ...
    def stop(self, session: LiveSession) -> None: ...


class LiveSession(DurablePage):
    """State, page and queue of one script session.

    ``load_script`` returns the current Script or raises ScriptCompileError. ``runs`` counts finished runs.
    """

    def __init__(
        self,
        session_id: str,
        slug: str,
        load_script: Callable[[], Script],
        visitor: Visitor,
        options: RuntimeOptions,
        engine: Engine,
        *,
        deadline: float | None = None,
        run_on_save: bool = False,
    ) -> None:
        super().__init__(run_on_save, options.state_limits)
        self.session_id = session_id
        self.slug = slug
        self._load_script = load_script
        self.script_path, self.script_root, self.script_version = Path(), Path(), ""
        self.visitor = visitor
        self.options = options
        self.tells_observed = options.tell_observed
        self.engine = engine
        self.deadline = options.deadline if deadline is None else deadline
        self.state_of_life = LifecycleState.IDLE
        self.run: RunContext | None = None
        self.queue = RunQueue()
        self.fragments = Fragments()
        self.later = Later(self)
        self.signal = Signal()
        self.files = SessionFiles(self)
        self.history = RunHistory()
        self.callbacks_main: ModuleType | None = None
        self.is_unsaved = False
        self.run_number = 0
        self.chain = 0
        self.runs = 0
        self.last_ms: float | None = None
        self.last_outcome = ""
        self.last_error = ""
        self.close_code = 0
        self.close_reason = self.close_message = ""
        self.clear_requested = False
        self.opened = time.time()

    def load_script(self) -> Script:
        """The script as its file is now. Raises ScriptCompileError."""
        script = self._load_script()
        self.script_path, self.script_root, self.script_version = script.path, script.root, script.version
        return script

    # -- viewers ---------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self.run is not None

    def attach(self, viewer: Viewer, client_id: str = "") -> None:
        """A socket joins: it gets the page as it is, then every change."""
        viewer.client_id = client_id
        self.add_viewer(viewer)
        if self.state_of_life is LifecycleState.CLOSED:
            # It was closed between the handshake and now, when this socket was not yet among those to tell.
            viewer.close_socket(self.close_code, self.close_reason)
        self.options.on_change(self)
        self.tell_observed(viewer)
        if not viewer.read_only:
            self.later.seen()

    def set_hidden(self, viewer: Viewer, hidden: bool) -> None:
        """The viewer's tab is in the background now, or to be seen again."""
        viewer.hidden = hidden
        if not hidden and not viewer.read_only:
            self.later.seen()

    def detach(self, viewer: Viewer) -> None:
        """A socket left. The session lives on."""
        self.remove_viewer(viewer)
        self.options.on_change(self)
        self.tell_observed(viewer)

    def seqs(self, viewer: Viewer) -> tuple[int, int]:
        """(acknowledged, seen) event numbers of the viewer's page load."""
        return self.inbox.of(viewer.client_id)

    # -- events of the browser -------------------------------------------------------------------------------------

    def is_new(self, viewer: Viewer, seq: int) -> bool:
        """Note the number of an event other than a widget's; False for one that was seen before."""
        with self._lock:
            return self.inbox.note(viewer.client_id, seq)

    def receive_events(self, viewer: Viewer, events: schema.WidgetEvents, seq: int) -> None:
        """Take over what a person did, once, and run the script; what does not fit is answered, the rest counts."""
        checked: list[tuple[str, Wire]] = []
        refused: list[tuple[str, Exception]] = []
        for event in events.events:
            try:
                wire = from_value(event.value)
                self.widgets.check(event.widget_id, wire)
            except (InvalidWidgetValueError, ProtocolError) as error:
                refused.append((event.widget_id, error))
            else:
                checked.append((event.widget_id, wire))
        # In one step with the number, so that no message calls an event seen whose value it does not have, and
        # under the tree's lock, so that no run takes a value over and shows another one before it is shown.
        with self.tree.lock:
            with self._lock:
                client = viewer.client_id
                if not self.inbox.note(client, seq):
                    return
                shown = [pair for pair in checked if self.widgets.receive(*pair, client, seq)]
            for widget_id, wire in shown:
                self.tree.set_value(widget_id, wire, origin=viewer.outbox)
        for widget_id, problem in refused:
            viewer.refuse("invalid_value", str(problem), seq=seq)
            self._show_own_value(viewer, widget_id)
        if checked:
            widget_ids = [widget_id for widget_id, _ in checked]
            fragments = self.fragments.of_widgets(self.widgets.specs, widget_ids)
            request = RerunRequest("widget", fragments=fragments, detail=self.widgets.label(widget_ids[-1]))
            # A fragment that has gone meanwhile leaves its events to the whole script.
            _ = self.request_rerun(request) or self.request_rerun(replace(request, fragments=None))
        else:
            self.acknowledge_idle()

    def _show_own_value(self, viewer: Viewer, widget_id: str) -> None:
        with self.tree.lock:
            node = self.tree.widgets.get(widget_id)
            if node is not None:
                viewer.outbox.node_set(node, VALUE)

    def acknowledge_idle(self) -> None:
        """Events that cause no run are finished as soon as nothing runs."""
        with self._lock:
            waiting = self.widgets.incoming or self.widgets.clicks or self.is_unsaved or self.journal.waits_since
            if waiting or self.state_of_life is not LifecycleState.IDLE:
                self.inbox.idle = dict(self.inbox.seen)
                return
            self.inbox.finish(self.inbox.seen)
        self.broadcast(urgent=True)

    # -- steering --------------------------------------------------------------------------------------------------

    def request_rerun(self, request: RerunRequest) -> bool:
        """Run the script, once, after everything that was asked for up to now.

        Returns False when it will not be run: the session is closed, its own ``st.rerun`` came after a stop, or the
        fragments that are to run are not on the page any more.
        """
        if request.fragments is not None and not (living := self.fragments.living(request.fragments)):
            return False
        request = request if request.fragments is None else replace(request, fragments=living)
        with self._lock:
            if self.state_of_life is LifecycleState.CLOSED:
                return False
            if request.chained and self.signal.reason not in ("", "SUPERSEDED"):
                return False
            waited_in_background = self.queue.pending is not None and self.queue.pending.background
            self.queue.put(request)
            was, self.state_of_life = self.state_of_life, next_state(self.state_of_life, LifecycleEvent.REQUEST)
            run = self.run
            if run is not None and request.supersedes and not run.shielded and self._is_outdated_locked(run):
                self.signal.stop("SUPERSEDED")
            hurry = was is LifecycleState.QUEUED and waited_in_background and not request.background
        if was is LifecycleState.IDLE or hurry:
            self.submit()
        return True

    def _is_outdated_locked(self, run: RunContext) -> bool:
        """Whether everything that the run makes is made again by the one that waits."""
        waiting = self.queue.pending
        if waiting is None or waiting.fragments is None:
            return True
        return run.fragments is not None and set(run.fragments) <= set(waiting.fragments)

    def submit(self) -> None:
        """Hand the waiting request to the engine; if that takes no more runs, say so."""
        pending = self.queue.pending
        try:
            self.engine.submit(self, background=pending is not None and pending.background)
        except TooManyRunsAbandonedError as error:
            with self._lock:
                if self.state_of_life is LifecycleState.QUEUED:
                    self.state_of_life = next_state(self.state_of_life, LifecycleEvent.REFUSE)
                    dropped = self.queue.take()
                    if dropped is not None:
                        self.outside.give_back(asked.number for asked in dropped.outside)
            self.last_error = str(error)
            self.broadcast(urgent=True, errors=schema.Error(code="overloaded", message=str(error)))
            self.options.on_change(self)

    def request_stop(self) -> None:
        """Stop the run that is going on and forget the one that waits, except for what was asked from outside."""
        with self._lock:
            running = self.run is not None and self.state_of_life is LifecycleState.RUNNING
            self.queue.drop()
            self.widgets.clicks.clear()
            if self.run is not None and running:
                self.signal.stop("STOPPED")
            elif self.state_of_life is LifecycleState.QUEUED and self.queue.pending is None:
                self.state_of_life = next_state(self.state_of_life, LifecycleEvent.REFUSE)
        if running:
            self.engine.stop(self)
        else:
            self.acknowledge_idle()

    def break_off(self, run: RunContext | None, reason: str) -> None:
        """Ask this run, and none that came after it, to end."""
        with self._lock:
            if run is not None and self.run is run:
                self.signal.stop(reason)

    def clear_state(self) -> None:
        """Forget session state and widget values and run again from nothing."""
        with self._lock:
            self.clear_requested = True
        self.request_rerun(RerunRequest("clear cache", detail="asked on the page"))

    def close(self, code: int, reason: str, message: str = "") -> None:
        """End the session for good and its sockets with ``code``; the page shows ``message``."""
        with self._lock:
            if self.state_of_life is LifecycleState.CLOSED:
                return
            running = self.state_of_life is LifecycleState.RUNNING
            self.state_of_life = next_state(self.state_of_life, LifecycleEvent.CLOSE)
            self.queue.take()
            self.close_code, self.close_reason, self.close_message = code, reason, message
            if running:
                self.signal.stop("STOPPED")
        if running:
            self.engine.stop(self)
        self.later.forget()
        for viewer in self.viewers:
            viewer.close_socket(code, reason)
        self.options.on_change(self)

    # -- a run, on the script thread -------------------------------------------------------------------------------

    def begin_run(self) -> tuple[RunContext, RerunRequest, list[str]] | None:
        """Take the waiting request. Returns the run, the request and the ids of changed widgets, or None."""
        with self._lock:
            if self.state_of_life is not LifecycleState.QUEUED:
                return None
            request = self.queue.take() or RerunRequest("widget", fragments=(), detail=self.widgets.clicked_label)
            self.state_of_life = next_state(self.state_of_life, LifecycleEvent.TAKE)
            self.signal.clear()
            self.run_number += 1
            self.chain = self.chain + 1 if request.chained else 0
            if self.clear_requested:
                self.clear_requested = False
                self.widgets.forget_values()
                self.state.forget_values()
            changed, clicks = self.widgets.begin_run()
            self.run = run = RunContext(self, self.run_number)
            run.clicks = clicks
            run.seqs = dict(self.inbox.seen)
            run.shielded = run.must_end = self.journal.is_overdue
            run.reactive, run.trigger, run.detail = request.reactive, request.reason, request.detail
            if request.fragments is not None:
                self.fragments.limit(run, self.widgets, request.fragments, [*changed, *clicks])
        return run, request, changed

    def take_click(self, run: RunContext, spec: WidgetSpec) -> bool:
        """Whether the button was clicked for this run. From then on the run is not given up for a newer one."""
        if spec.widget_id in run.fired:
            return True
        if spec.widget_id not in run.clicks or spec.disabled:
            return False
        with self._lock:
            self.widgets.consume(spec.widget_id)
            run.fired.add(spec.widget_id)
            self._shield_locked(run)
        return True

    def shield(self, run: RunContext) -> None:
        """From here to its end, or to ``unshield``, the run is not given up for a newer one."""
        with self._lock:
            self._shield_locked(run)

    def unshield(self, run: RunContext) -> None:
        """The run may be given up again, unless it handles a click."""
        with self._lock:
            run.shielded = run.must_end or bool(run.fired)
            waiting = self.queue.pending
            if not run.shielded and waiting is not None and waiting.supersedes and self._is_outdated_locked(run):
                self.signal.stop("SUPERSEDED")

    def _shield_locked(self, run: RunContext) -> None:
        run.shielded = True
        if self.signal.reason == "SUPERSEDED":
            self.signal.clear()

    def finish_run(self, run: RunContext, outcome: str, milliseconds: float, *, ack: bool) -> bool:
        """Note the end of a run. Returns whether another one is to follow."""
        with self._lock:
            if self.run is not run:
                return False
            self.run = None
            self.runs += 1
            self.last_ms, self.last_outcome = milliseconds, outcome
            self.is_unsaved = not ack
            # What earlier runs left to this one is not stored if this one was given up.
            ack = ack and self.journal.waits_since is None
            if ack and outcome != "SUPERSEDED":
                self.outside.run_over(run, outcome)
            if ack:
                self.inbox.finish(self.widgets.handled_seqs(run.seqs))
            more = self.queue.pending is not None or bool(run.clicks and self.widgets.clicks)
            if ack and not more:
                self.inbox.finish(self.widgets.handled_seqs(self.inbox.idle))
            if self.state_of_life is not LifecycleState.CLOSED:
                event = LifecycleEvent.FINISH_AND_REQUEST if more else LifecycleEvent.FINISH
                self.state_of_life = next_state(self.state_of_life, event)
            return more and self.state_of_life is not LifecycleState.CLOSED

    def take_what_came_meanwhile(self, run: RunContext) -> None:
        """A run was broken off and no other follows: what came in during it is finished with it."""
        with self._lock:
            if self.queue.pending is None:
                self.widgets.begin_run()
                run.seqs = dict(self.inbox.seen)

    def drop_unused_clicks(self, run: RunContext) -> None:
        """The run is over and did not come to these buttons: their clicks have had their run."""
        with self._lock:
            self.widgets.drop_clicks(run.clicks - run.fired)

    def forget_unplaced(self, run: RunContext) -> None:
        """A run reached its end: widgets that it did not place lose value and key."""
        with self._lock:
            self.fragments.keep_failed(run, self.widgets)
            self.widgets.end_run(run.kept | run.registered, run.kept_keys | run.keys)
            self.fragments.end_run(run.fragments, run.placed_fragments)
            if run.fragments is not None:
                return
            self.state.forget_unplaced()
            # Callbacks run before the next run has a namespace: to them, __main__ is the one that they come from.
            has_callbacks = any(spec.on_change is not None for spec in run.registered.values())
            self.callbacks_main = run.main_module if has_callbacks else None

    def reset_widget(self, widget_id: str) -> None:
        """Give a widget its default value again, unless the browser sent a newer one."""
        with self._lock:
            spec = self.widgets.specs[widget_id]
            if widget_id in self.widgets.incoming:
                return
            self.widgets.current[widget_id] = spec.default
        self.tree.set_value(widget_id, spec.default)
