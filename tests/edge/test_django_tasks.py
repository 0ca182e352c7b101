"""st.task with a task of Django's task queue."""

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from django_tasks import TaskResult, TaskResultStatus, task
from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import TaskError
from django_tasks.exceptions import TaskResultDoesNotExist

from scriptapps.runtime.task_queues import DjangoTaskQueue, TaskState, queue_of


class RememberingBackend(BaseTaskBackend):
    """A queue whose worker is the test."""

    supports_get_result = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.results: dict[str, TaskResult[Any]] = {}

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> TaskResult[Any]:
        result: TaskResult[Any] = TaskResult(
            task=task, id=str(len(self.results)), status=TaskResultStatus.READY, enqueued_at=timezone.now(),
            started_at=None, finished_at=None, last_attempted_at=None, args=list(args), kwargs=dict(kwargs),
            backend=self.alias, errors=[], worker_ids=[],
        )  # fmt: skip
        self.results[result.id] = result
        return result

    def get_result(self, result_id: str) -> TaskResult[Any]:
        if result_id not in self.results:
            raise TaskResultDoesNotExist(result_id)
        return self.results[result_id]

    def work(self, result_id: str) -> None:
        """Do it as a worker would."""
        result = self.results[result_id]
        try:
            value = result.task.call(*result.args, **result.kwargs)
        except Exception as error:
            path = f"{type(error).__module__}.{type(error).__qualname__}"
            told = TaskError(exception_class_path=path, traceback="")
            self.results[result_id] = replace(result, status=TaskResultStatus.FAILED, errors=[told])
        else:
            done = replace(result, status=TaskResultStatus.SUCCESSFUL, finished_at=timezone.now())
            object.__setattr__(done, "_return_value", value)
            self.results[result_id] = done


def divided(number: int) -> float:
    return 84 / number


@pytest.fixture(autouse=True)
def queue_settings(settings: Any) -> None:
    settings.TASKS = {"default": {"BACKEND": f"{__name__}.RememberingBackend"}}


def test_a_task_is_followed_from_the_queue_to_its_result() -> None:
    made = task(divided)
    queue = queue_of(made)
    assert isinstance(queue, DjangoTaskQueue)
    number = queue.start((2,), {})
    assert queue.look(number) == TaskState("waiting")
    worker: Any = made.get_backend()
    worker.work(number)
    assert queue.look(number) == TaskState("done", result=42.0)


def test_a_task_that_raises_has_failed() -> None:
    made = task(divided)
    queue = DjangoTaskQueue(made)
    number = queue.start((0,), {})
    worker: Any = made.get_backend()
    worker.work(number)
    assert queue.look(number) == TaskState("failed", error="builtins.ZeroDivisionError")


def test_a_task_that_the_queue_has_forgotten_is_lost() -> None:
    assert DjangoTaskQueue(task(divided)).look("7").status == "lost"
