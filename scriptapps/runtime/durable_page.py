"""A page with what outlives its process: session state, widget values, event numbers.

Runs on: ``restore`` before anything runs, ``collect_change`` on the script thread, the rest on any thread. Invariant:
an event that is acknowledged is part of what was committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from scriptapps.runtime.inbox import Inbox
from scriptapps.runtime.outside import Outside
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.session_state import SessionState
from scriptapps.runtime.shared_page import SharedPage
from scriptapps.runtime.state_journal import STATE, WIDGET, Name, StateChange, StateJournal, StateLimits
from scriptapps.runtime.widget_storage import read_widgets, widgets_to_store
from scriptapps.runtime.widgets import WidgetStore


class DurablePage(SharedPage):
    """``epoch`` is the lease's, ``moved`` says that another process goes on with the session."""

    def __init__(self, run_on_save: bool, limits: StateLimits) -> None:
        super().__init__(run_on_save)
        # Guards everything that several threads change: life, run, queue, inbox, incoming values and clicks.
        self._lock = threading.Lock()
        self.widgets = WidgetStore()
        self.state = SessionState(self.widgets)
        self.journal = StateJournal(limits)
        self.inbox = Inbox()
        self.outside = Outside(self.widgets, self.state)
        self.epoch = 0
        self.moved = False

    def restore(self, values: dict[Name, bytes], seqs: dict[str, int]) -> None:
        """Begin with what a store holds; before anything runs."""
        self.journal.restored(values, seqs)
        wires, keyed = read_widgets({name: data for (space, name), data in values.items() if space == WIDGET})
        self.state.restore({name: data for (space, name), data in values.items() if space == STATE}, keyed)
        self.widgets.current.update(wires)
        self.inbox.restored(self.widgets.restore_events(seqs))

    def begin_as_copy(self, values: dict[Name, bytes]) -> None:
        """Begin with the state of another session; all of it is stored again with the first run."""
        self.restore(values, {})
        self.journal.restored({}, {})

    def hold(self, handle: Callable[[], None]) -> bool:
        """Keep an event until the restored session has run once and knows its widgets. False: handle it now."""
        with self._lock:
            return self.inbox.hold(handle)

    def release_held(self) -> None:
        """The page is there again: handle what came meanwhile, in order."""
        while True:
            with self._lock:
                held = self.inbox.take_held()
            if not held:
                return
            for handle in held:
                handle()

    def collect_change(self, run: RunContext) -> StateChange:
        """What has to be stored after this run. On the script thread."""
        with self._lock:
            handled = self.widgets.handled_seqs(run.seqs)
            seqs = handled | self.widgets.value_events(handled)
        widgets = widgets_to_store(self.widgets, self.state.unplaced_widgets())
        change = self.journal.collect(self.state.stored_values(), widgets, seqs)
        change.requests = self.outside.answers(run)
        change.is_new |= bool(change.requests)
        return change

    def committed(self, change: StateChange) -> None:
        """A store holds the change."""
        self.journal.committed(change)
        self.outside.stored(change.requests)
