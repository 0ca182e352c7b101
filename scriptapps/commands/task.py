"""``st.task``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scriptapps.deltas.library import command
from scriptapps.runtime.page_tasks import PageTask, page_task


@command
def task(
    function: Callable[..., Any],
    *args: Any,
    label: str | None = None,
    key: str | None = None,
    start: bool = True,
    **kwargs: Any,
) -> PageTask:
    """Do work that takes longer than a run, and show here how it is doing; the script runs again when it is over.

    ``function`` is a plain function (it runs in a thread of the page, and what it writes with ``st`` is shown), a task
    of ``django.tasks`` or a task of Celery (it runs wherever the queue's workers are). It begins when the script comes
    here for the first time, or with ``start=False`` when ``.start()`` is called, which also begins it again. What
    comes of it, ``.status``, ``.result`` and ``.error``, survives reloads; work in a thread ends with its process, and
    is "lost" then. Two tasks of one function need a ``key`` each.
    """
    name = key or str(getattr(function, "__qualname__", None) or getattr(function, "name", "task"))
    return page_task(function, args, kwargs, label, name, start)
