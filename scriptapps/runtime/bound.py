"""Functions that write to their page between runs: from a thread, a task, a timer.

Runs on: whatever calls the bound function. Invariant: they write to a block of their own (or replace what the script
gave them), end when the page no longer has it, and never disturb the run that goes on at the same time.
"""

from __future__ import annotations

import contextvars
import inspect
import itertools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from scriptapps.deltas.container import Container, current_container
from scriptapps.deltas.standing import StandingTree
from scriptapps.errors import RerunScript, StopScript
from scriptapps.protocol import schema
from scriptapps.runtime.failures import report_failure
from scriptapps.runtime.fragments import Fragment, FragmentScope, current_fragment, make_fragment_id
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.run_context import RunContext, current_run
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.signal import Signal, current_signal

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession

# Apart from the numbers of runs, which count from 1.
_numbers = itertools.count(1_000_000_000)


class BoundRun(RunContext):
    """What a bound function needs of a run. It places elements, reads and writes ``session_state``; no widgets."""

    is_bound = True

    def __init__(self, session: LiveSession, origin: RunContext, block: Fragment) -> None:
        super().__init__(session, next(_numbers))
        self.run_id = f"{origin.run_id}-{block.name}"
        self.signal = Signal()
        self.tree = StandingTree(session.tree, self.number)  # type: ignore[assignment]
        self.main_module = origin.main_module
        self.block = block
        self._user, self._user_loaded = origin._user, origin._user_loaded

    def check(self) -> None:
        """Raises StopScript when the session has ended here or the page has no place for the function any more."""
        if self.session.state_of_life is LifecycleState.CLOSED or self.block.node.resolve().gone:
            raise StopScript
        super().check()


def bind_function(run: RunContext, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """``function`` bound to the page of this run; see ``st.bind``."""
    place = _Place(run, name)
    if inspect.iscoroutinefunction(function):

        async def bound_coroutine(*args: Any, **kwargs: Any) -> Any:
            call = _Call(place)
            call.enter()
            try:
                return await function(*args, **kwargs)
            except BaseException as error:
                if not call.absorbs(error):
                    raise
            finally:
                call.leave()

        return bound_coroutine

    def bound(*args: Any, **kwargs: Any) -> Any:
        return contextvars.copy_context().run(place.call, function, args, kwargs)

    return bound


class _Place:
    """Where a bound function writes."""

    def __init__(self, run: RunContext, name: str) -> None:
        self.session, self.origin = run.session, run
        container = current_container.get()
        block = container.add_container("background", schema.Background(id=make_fragment_id(run, "bind", name)))
        self.block = Fragment(
            fragment_id="", parent="", name=name.rpartition(".")[2], key="", call=lambda: None,
            node=block.node, form_id="", main_module=run.main_module,
        )  # fmt: skip

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = _Call(self)
        call.enter()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            if not call.absorbs(error):
                raise
            return None
        finally:
            call.leave()


class _Call:
    """One call of a bound function: what it writes takes the place of what the last call wrote."""

    def __init__(self, place: _Place) -> None:
        self.session, self.place = place.session, place
        self.run = BoundRun(place.session, place.origin, place.block)
        self.tree = cast(StandingTree, self.run.tree)
        self.tokens: list[tuple[contextvars.ContextVar[Any], contextvars.Token[Any]]] = []

    def enter(self) -> None:
        run = self.run
        self.session.later.bound.add(run.signal)
        self.tree.begin_block(self.place.block.node)
        container = Container(run, self.place.block.node)
        values: list[tuple[contextvars.ContextVar[Any], Any]] = [
            (current_run, run),
            (current_signal, run.signal),
            (current_container, container),
            (current_fragment, FragmentScope(run, self.place.block)),
        ]
        for variable, value in values:
            self.tokens.append((variable, variable.set(value)))

    def absorbs(self, error: BaseException) -> bool:
        """Whether the exception is dealt with here: the page shows it, or it is control flow of the script."""
        if isinstance(error, RerunScript):
            self.session.request_rerun(RerunRequest("task", detail=self.place.block.name))
            return True
        if isinstance(error, StopScript):
            return True
        if not isinstance(error, Exception) or self.place.block.node.resolve().gone:
            return False
        failure = report_failure(self.session, self.run.run_id, error)
        self.run.tree.place(self.run.number, self.place.block.node, "exception", failure.element.SerializeToString())
        return True

    def leave(self) -> None:
        self.tree.end_block(self.place.block.node)
        self.session.later.bound.discard(self.run.signal)
        for variable, token in reversed(self.tokens):
            variable.reset(token)


class BackgroundThread:
    """A thread of a page, as ``st.background`` returns it."""

    def __init__(self, place: _Place, function: Callable[..., Any], args: tuple[Any, ...], name: str) -> None:
        self._place = place
        self._work = (function, args)
        self._thread = threading.Thread(target=self._run, name=f"scriptapps-page-{name}", daemon=True)

    def _run(self) -> None:
        function, args = self._work
        try:
            self._place.call(function, args, {})
        finally:
            self._place.session.options.end_thread()

    @property
    def is_running(self) -> bool:
        """Whether the function has not ended yet."""
        return self._thread.is_alive()

    @property
    def has_lost_its_place(self) -> bool:
        """Whether the page has no place for it any more; then it ends at its next ``st`` call or ``time.sleep``."""
        return self._place.block.node.resolve().gone

    def start(self) -> None:
        """Begin."""
        self._thread.start()


def background_thread(
    run: RunContext, function: Callable[..., Any], args: tuple[Any, ...], key: str
) -> BackgroundThread:
    """The page's thread with this key, begun if it is the first time."""
    place = _Place(run, key)
    threads = run.session.later.threads
    thread = threads.get(key)
    if thread is None or thread.has_lost_its_place:
        thread = threads[key] = BackgroundThread(place, function, args, key)
        thread.start()
    return thread
