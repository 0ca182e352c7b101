"""What a script thread owes to Django: its user, and database connections that are clean before and after each run.

Runs on: the script thread; ``cancel_query`` on the supervisor. Invariant: no transaction of a script outlives its run,
and a connection that was broken into is never used again.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import connections, reset_queries

from scriptapps.runtime.run_context import RunContext

logger = logging.getLogger("scriptapps.runs")

# Connection wrappers by script thread: another thread must reach them to cancel a query. One writer per key.
_wrappers: dict[int, list[Any]] = {}


def before_run(run: RunContext) -> None:
    """Forget old connections and remember this thread's, so that a running query can be cancelled."""
    reset_queries()
    wrappers = connections.all(initialized_only=True)
    for wrapper in wrappers:
        wrapper.close_if_unusable_or_obsolete()
    thread_id = threading.get_ident()
    if thread_id not in _wrappers:
        _wrappers[thread_id] = [connections[alias] for alias in connections]


def after_run(run: RunContext, broken_off: bool) -> None:
    """Roll back what a script left open, give up connections that cannot be trusted."""
    for wrapper in connections.all(initialized_only=True):
        if broken_off:
            wrapper.close()
        elif wrapper.connection is not None and (wrapper.in_atomic_block or not wrapper.get_autocommit()):
            logger.warning(
                "%s: a transaction on %r was left open and is rolled back", run.session.slug, wrapper.alias
            )
            wrapper.close()
        else:
            wrapper.close_if_unusable_or_obsolete()
    if broken_off:
        _wrappers.pop(threading.get_ident(), None)


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
