"""What an element call may need of the run it belongs to.

Runs on: the script thread. Invariant: found through a ContextVar, so it reaches ``asyncio.run`` and ``to_thread`` by
itself; a thread that the script starts gets it with ``with_run_context``.
"""

from __future__ import annotations

import contextvars
import threading
import time
import types
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from scriptapps.deltas.container import Container
from scriptapps.deltas.node import Node
from scriptapps.errors import NoRunContextError, ScriptApiError, StopScript
from scriptapps.runtime.fragments import current_fragment
from scriptapps.runtime.run_history import RunMeasures

if TYPE_CHECKING:
    from scriptapps.deltas.page_tree import PageTree
    from scriptapps.runtime.live_session import LiveSession
    from scriptapps.runtime.session_state import SessionState
    from scriptapps.runtime.signal import Signal
    from scriptapps.runtime.widgets import WidgetSpec

P = ParamSpec("P")
R = TypeVar("R")

current_run: ContextVar[RunContext] = ContextVar("scriptapps_run")


@dataclass
class FormInfo:
    """A form of this run. ``widget_ids`` are its fields."""

    form_id: str
    clear_on_submit: bool = False
    widget_ids: list[str] = field(default_factory=list)
    has_submit: bool = False
    submitted: bool = False


class RunContext:
    """One pass over the script, seen from inside.

    ``number`` counts the runs of the session, ``run_id`` names the run on the wire. ``registered`` are the widgets
    placed so far by id, ``keys`` the user's keys among them. ``fragments`` are the ids of the only fragments that
    run, None for the whole script; then ``kept`` and ``kept_keys`` are the widgets of the rest of the page.
    ``report_error`` shows an exception in a block of the page. ``reactive``: see ``RerunRequest``.
    """

    reactive = False

    is_bound = False

    # Why it runs, see ``RerunRequest``.
    trigger = detail = ""

    # What the host traces it with.
    span: Any = None

    def __init__(self, session: LiveSession, number: int) -> None:
        self.session = session
        self.number = number
        self.run_id = f"{session.session_id[:8]}-{number}"
        self.tree: PageTree = session.tree
        self.signal: Signal = session.signal
        self.state: SessionState = session.state
        self.main = Container(self, self.tree.main)
        self.sidebar = Container(self, self.tree.sidebar)
        self.registered: dict[str, WidgetSpec] = {}
        self.keys: dict[str, str] = {}
        self.fragments: tuple[str, ...] | None = None
        self.kept: dict[str, WidgetSpec] = {}
        self.kept_keys: dict[str, str] = {}
        # (event's name, id of the fragment that listens or ""), and the payloads that this run is for.
        self.listening: set[tuple[str, str]] = set()
        self.heard: dict[str, list[Any]] = {}
        self.placed_fragments: set[str] = set()
        self.failed_fragments: set[str] = set()
        self.fragment_calls: dict[tuple[str, str], int] = {}
        self.report_error: Callable[[BaseException, Node], None] = _raise
        self.forms: dict[str, FormInfo] = {}
        self.clicks: set[str] = set()
        self.fired: set[str] = set()
        self.seqs: dict[str, int] = {}
        self.reached_end = False
        # How it ended: a name of the wire's Outcome, for staff, and the log's reference; "" before that is known.
        self.outcome = self.error = self.reference = ""
        self.started = time.time()
        self.measures = RunMeasures()
        # What the host notes of exceptions of this run.
        self.failures: list[dict[str, Any]] = []
        self.sent_before = self.tree.sent
        self.shielded = False
        self.in_callbacks = False
        self.main_module = types.ModuleType("__main__")
        self.thread_id = threading.get_ident()
        self.dead = False
        # Shielded to its end.
        self.must_end = False
        self._user: Any = None
        self._user_loaded = False

    def check(self) -> None:
        """A safe point: raises StopScript if the run must end here."""
        if self.dead:
            raise StopScript("ABANDONED")
        if self.signal.set:
            self.signal.act()

    def acting(self) -> RunContext:
        """The run that writes now: this one, or the one in which a fragment runs again."""
        scope = current_fragment.get()
        return self if scope is None else scope.run

    def place_of(self, node: Node) -> Node:
        """Where a write to ``node`` goes: there, or in the block that the running fragment has in there."""
        scope = current_fragment.get()
        return node if scope is None else scope.place_of(node)

    def placed(self, kind: str) -> None:
        """An element has been placed."""
        if self.measures.timing:
            self.measures.placed(kind, str(self.session.script_path))

    @property
    def fragment_names(self) -> tuple[str, ...]:
        """The functions of the only fragments that run, () for the whole script."""
        found = [self.session.fragments.get(key) for key in self.fragments or ()]
        return tuple(fragment.name for fragment in found if fragment is not None)

    @property
    def user(self) -> Any:
        """The signed-in user as the host loads it, once per run."""
        if not self._user_loaded:
            self._user = self.session.visitor.load_user()
            self._user_loaded = True
        return self._user

    def add_form(self, form: FormInfo) -> None:
        """Remember a form. Raises ScriptApiError when its key is taken."""
        if form.form_id in self.forms:
            raise ScriptApiError(f"There are two forms with the key {form.form_id!r}. Give each form a key of its own.")
        self.forms[form.form_id] = form


def _raise(error: BaseException, block: Node) -> None:
    raise error


def get_run() -> RunContext:
    """The run that executes this code. Raises NoRunContextError outside runs."""
    run = current_run.get(None)
    if run is None:
        raise NoRunContextError(
            "This command works only while a script runs. In a thread that the script started, wrap the thread's "
            "function with st.with_run_context(function)."
        )
    return run


def with_run_context(function: Callable[P, R]) -> Callable[P, R]:
    """``function`` bound to the current run, for a thread or an executor: ``Thread(target=st.with_run_context(work))``.

    Raises NoRunContextError outside runs.
    """
    get_run()
    context = contextvars.copy_context()

    def bound(*args: P.args, **kwargs: P.kwargs) -> R:
        # A context can be entered by one thread at a time; a copy lets a pool use the same function many times.
        return context.copy().run(function, *args, **kwargs)

    return bound
