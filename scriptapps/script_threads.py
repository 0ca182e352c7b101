"""What a script thread owes to Django: its user, and database connections that are clean before and after each run.

Runs on: the script thread; ``cancel_query`` on the supervisor. Invariant: no transaction of a script outlives its run,
and a connection that was broken into is never used again.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.utils import timezone

from scriptapps import kept_connections
from scriptapps.runtime.run_context import RunContext

logger = logging.getLogger("scriptapps.runs")

# Connection wrappers by script thread: another thread must reach them to cancel a query. One writer per key.
_wrappers: dict[int, list[Any]] = {}


def now() -> datetime:
    """The time, in the site's time zone."""
    return timezone.localtime() if settings.USE_TZ else datetime.now().astimezone()


def before_run(run: RunContext) -> None:
    """Make sure that this thread's connections answer, and remember them so that a running query can be cancelled."""
    thread_id = threading.get_ident()
    if thread_id not in _wrappers:
        _wrappers[thread_id] = [connections[alias] for alias in connections]
    for wrapper in _wrappers[thread_id]:
        wrapper.queries_log.clear()
    kept_connections.freshen()


def after_run(run: RunContext, broken_off: bool) -> None:
    """Roll back what a script left open, give up connections that cannot be trusted or belong to a pool.

    The others stay open for the next run on this thread: the threads are few, and a new connection costs more than
    most runs. ``CONN_MAX_AGE`` is about request threads and does not apply.
    """
    thread_id = threading.get_ident()
    for wrapper in _wrappers.get(thread_id, ()):
        if wrapper.connection is None:
            continue
        if wrapper.in_atomic_block or not wrapper.get_autocommit():
            logger.warning("%s: a transaction on %r was left open and is rolled back", run.session.slug, wrapper.alias)
            wrapper.close()
        elif broken_off or wrapper.errors_occurred or getattr(wrapper, "pool", None) is not None:
            wrapper.close()
    kept_connections.put_down()
    if broken_off:
        _wrappers.pop(thread_id, None)


def cancel_query(thread_id: int) -> None:
    """Cancel the query, if any, that a script thread waits for."""
    for wrapper in _wrappers.get(thread_id, ()):
        connection = wrapper.connection
        if connection is None:
            continue
        try:
            if wrapper.vendor == "sqlite":
                connection.interrupt()
            elif wrapper.vendor == "postgresql":
                connection.cancel()
        except Exception:
            logger.warning("A query on %r could not be cancelled", wrapper.alias, exc_info=True)


def load_user(user_id: Any) -> Any:
    """The user as the database has it now; AnonymousUser for nobody."""
    if user_id is None:
        return AnonymousUser()
    user = get_user_model()._default_manager.filter(pk=user_id).first()
    return user if user is not None else AnonymousUser()
