"""Counts the queries that a script makes, and their time, for the history of its run.

Runs on: the thread that queries. Invariant: costs a query less than a microsecond, and one that no script makes nearly
nothing; a parameter is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from scriptapps.runtime.run_context import current_run


def count_query(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """One statement. Django calls this in place of its own execution."""
    run = current_run.get(None)
    if run is None or not run.measures.is_open:
        return execute(sql, params, many, context)
    began = perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        run.measures.query(sql, perf_counter() - began)


def connect_query_count() -> None:
    """Count on all connections, those that are open and those to come. Called once by the AppConfig."""
    connection_created.connect(_connection_created, dispatch_uid="scriptapps.query_count")
    for connection in connections.all(initialized_only=True):
        _count(connection)


def _connection_created(sender: Any, connection: Any, **_: Any) -> None:
    _count(connection)


def _count(connection: Any) -> None:
    if count_query not in connection.execute_wrappers:
        # First: who wraps for a while takes the last one away again.
        connection.execute_wrappers.insert(0, count_query)
