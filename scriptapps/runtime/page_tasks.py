"""Work that takes longer than a run, and how the page shows it: ``st.task``.

Runs on: the script thread; ``_work`` and ``_watch`` on a thread of the page. Invariant: what is known of a task is in
``session_state``, so a reload, a restart or another process goes on with it; only work in a thread ends with its
process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from scriptapps.deltas.container import Container, current_container
from scriptapps.errors import RerunScript, ScriptApiError
from scriptapps.runtime.bound import BoundRun, background_thread
from scriptapps.runtime.failures import report_failure
from scriptapps.runtime.run_context import RunContext, get_run
from scriptapps.runtime.task_queues import DONE, FAILED, LOST, RUNNING, TaskState, queue_of

IDLE = "idle"
PREFIX = "_task "
LOOK_SECONDS = 0.5


class PageTask:
    """One piece of work of a page, as ``st.task`` returns it."""

    def __init__(
        self, run: RunContext, label: str, key: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._run, self._label, self._key = run, label, key
        self._name = PREFIX + key
        self._function, self._args, self._kwargs = function, args, kwargs
        self._queue = queue_of(function)
        self._block: Container = current_container.get().container()
        if self.status == RUNNING and self._queue is None and not self._has_thread():
            self._note(status=LOST, error="the process that did it has ended")

    @property
    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = self._run.state.get(self._name) or {"status": IDLE}
        return record

    def _note(self, **fields: Any) -> None:
        self._run.state[self._name] = self._record | fields

    def _has_thread(self) -> bool:
        return self._thread_key in self._run.session.later.threads

    @property
    def _thread_key(self) -> str:
        return f"{self._name} {self._record.get('number', 0)}"

    @property
    def status(self) -> str:
        """ "idle", "running", "done", "failed", or "lost" when the process that did the work has ended."""
        return str(self._record["status"])

    @property
    def is_running(self) -> bool:
        """Whether it has begun and is not over."""
        return self.status == RUNNING

    @property
    def result(self) -> Any:
        """What the work returned, None before that."""
        return self._record.get("result")

    @property
    def error(self) -> str:
        """Why it failed or was lost, "" if it did not."""
        return str(self._record.get("error", ""))

    def start(self) -> None:
        """Begin, or begin again; while it is running this does nothing."""
        if self.is_running:
            return
        self._run.session.later.threads.pop(self._thread_key, None)
        number = self._record.get("number", 0) + 1
        task_id = self._queue.start(self._args, self._kwargs) if self._queue is not None else ""
        self._run.state[self._name] = {"status": RUNNING, "number": number, "id": task_id}
        self.show()

    def show(self) -> None:
        """Draw it as it is; a running one is kept up to date by a thread of the page."""
        status = self.status
        if status == IDLE:
            return
        with self._block:
            if status == RUNNING:
                work = self._work if self._queue is None else self._watch
                background_thread(self._run, work, (), self._thread_key)
            elif status == DONE:
                _draw(self._block, self._label, "complete")
            else:
                _draw(self._block, f"{self._label}: {self.error or status}", "error")

    # -- on a thread of the page -----------------------------------------------------------------------------------

    def _work(self) -> None:
        run, box = get_run(), current_container.get()
        with _draw(box, self._label, "running") as status:
            try:
                result = self._function(*self._args, **self._kwargs)
            except Exception as error:
                failure = report_failure(run.session, run.run_id, error)
                self._note(status=FAILED, error=failure.shown)
                status.update(state="error")
            else:
                self._note(status=DONE, result=result)
        raise RerunScript

    def _watch(self) -> None:
        assert self._queue is not None
        box = current_container.get()
        shown: TaskState | None = None
        with _draw(box, self._label, "running") as status:
            bar = status.empty()
            while True:
                get_run().check()
                state = self._queue.look(self._record["id"])
                if state.is_over:
                    self._note(status=state.status, result=state.result, error=state.error)
                    status.update(state="complete" if state.status == DONE else "error")
                    raise RerunScript
                if state != shown:
                    shown = state
                    bar.progress(state.progress or 0.0, state.text or state.status)
                time.sleep(LOOK_SECONDS)


def _draw(box: Container, label: str, state: Literal["running", "complete", "error"]) -> Any:
    return box.status(label, state=state, expanded=state == "running")


def page_task(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    label: str | None,
    key: str,
    start: bool,
) -> PageTask:
    """The task of this place in the script; see ``st.task``."""
    run = get_run()
    run.check()
    if isinstance(run, BoundRun):
        raise ScriptApiError(
            "st.task belongs into the script, not into a function of st.bind, st.background or st.task."
        )
    task = PageTask(run, label or key.rpartition(".")[2].replace("_", " ").capitalize(), key, function, args, kwargs)
    if start and task.status == IDLE:
        task.start()
    else:
        task.show()
    return task
