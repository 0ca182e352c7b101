"""Where the work of ``st.task`` is done: a thread of the page, Django's tasks, Celery.

Runs on: the script thread and the thread that watches. Invariant: a queue is known by what its tasks look like, so that
none of these packages is needed or imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

WAITING, RUNNING, DONE, FAILED, LOST = "waiting", "running", "done", "failed", "lost"


@dataclass(frozen=True, slots=True)
class TaskState:
    """How a task is doing. ``progress`` is 0 to 1, None if it is not told; ``text`` says what it is at."""

    status: str
    progress: float | None = None
    text: str = ""
    result: Any = None
    error: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in (DONE, FAILED, LOST)


class TaskQueue(Protocol):
    """Does work elsewhere, and says how it is doing."""

    def start(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Hand the work over; returns its id."""

    def look(self, task_id: str) -> TaskState:
        """How it is doing now."""


class DjangoTaskQueue:
    """A task of ``django.tasks`` (or of the package django-tasks): has ``enqueue`` and ``get_result``."""

    STATUS = {"READY": WAITING, "RUNNING": RUNNING, "SUCCESSFUL": DONE, "SUCCEEDED": DONE, "FAILED": FAILED}

    def __init__(self, task: Any) -> None:
        self._task = task

    def start(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        return str(self._task.enqueue(*args, **kwargs).id)

    def look(self, task_id: str) -> TaskState:
        try:
            result = self._task.get_result(task_id)
        except Exception as error:
            if type(error).__name__ != "TaskResultDoesNotExist" and type(error).__name__ != "ResultDoesNotExist":
                raise
            return TaskState(LOST, error="the task queue does not know it any more")
        status = self.STATUS.get(str(getattr(result.status, "value", result.status)), RUNNING)
        if status == FAILED:
            first = next(iter(result.errors), None)
            return TaskState(FAILED, error=str(getattr(first, "exception_class_path", "")) or "it failed")
        return TaskState(status, result=result.return_value if status == DONE else None)


class CeleryQueue:
    """A task of Celery: has ``apply_async`` and ``AsyncResult``.

    Progress is what the task tells with ``self.update_state(state="PROGRESS", meta={"progress": 0.5, "text": "..."})``.
    """

    STATUS = {
        "PENDING": WAITING,
        "RECEIVED": WAITING,
        "RETRY": WAITING,
        "SUCCESS": DONE,
        "FAILURE": FAILED,
        "REVOKED": FAILED,
    }

    def __init__(self, task: Any) -> None:
        self._task = task

    def start(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        return str(self._task.apply_async(args=args, kwargs=dict(kwargs)).id)

    def look(self, task_id: str) -> TaskState:
        result = self._task.AsyncResult(task_id)
        state, info = result.state, result.info
        status = self.STATUS.get(state, RUNNING)
        if status == FAILED:
            return TaskState(
                FAILED, error=f"{type(info).__name__}: {info}" if isinstance(info, Exception) else state.lower()
            )
        told = info if status == RUNNING and isinstance(info, Mapping) else {}
        progress = told.get("progress")
        return TaskState(
            status,
            progress=min(max(float(progress), 0.0), 1.0) if isinstance(progress, int | float) else None,
            text=str(told.get("text", "")),
            result=info if status == DONE else None,
        )


def queue_of(function: Any) -> TaskQueue | None:
    """The queue that a task object belongs to; None for a plain function."""
    if _has(function, "enqueue", "get_result"):
        return DjangoTaskQueue(function)
    if _has(function, "apply_async", "AsyncResult"):
        return CeleryQueue(function)
    return None


def _has(function: Any, *names: str) -> bool:
    return all(isinstance(getattr(function, name, None), Callable) for name in names)  # type: ignore[arg-type]
