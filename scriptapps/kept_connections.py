"""Database connections that our own threads keep between one piece of work and the next.

Runs on: the thread whose connections they are. Invariant: work begins with connections that answer. ``CONN_MAX_AGE`` is
about request threads and does not apply: our threads are few and long-lived, and a new connection costs more than most
of what they do.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any

from django.db import connections

HEALTH_CHECK_AFTER = 1.0
"""Seconds of rest after which a kept connection is asked whether it still answers."""

_thread = threading.local()


def freshen() -> None:
    """Give up those of this thread's connections that do not answer any more; the next query opens new ones."""
    now = time.monotonic()
    rested = now - getattr(_thread, "used", 0.0) > HEALTH_CHECK_AFTER
    _thread.used = now
    for wrapper in connections.all(initialized_only=True):
        if wrapper.connection is None or wrapper.in_atomic_block:
            continue
        is_doubtful = rested or wrapper.errors_occurred or _has_been_spoken_to(wrapper.connection)
        if is_doubtful and not wrapper.is_usable():
            wrapper.close()
        wrapper.errors_occurred = False


def put_down() -> None:
    """The work is done: rest begins."""
    _thread.used = time.monotonic()


def _has_been_spoken_to(connection: Any) -> bool:
    """Whether something came over a connection while nobody asked, mostly its end. False for files."""
    if not hasattr(connection, "fileno") or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
