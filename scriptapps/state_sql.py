"""The statements of a state commit, written once: they run at the end of every run that changed something.

Runs on: script threads. Invariant: the same effect as the ORM's own statements, without building them each time; on a
database without ``ON CONFLICT`` the ORM does it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connections, models

from scriptapps.errors import LeaseLostError
from scriptapps.models import ScriptSession, SessionRequest, SessionValue
from scriptapps.runtime.state_journal import StateChange

UPSERT_VENDORS = ("sqlite", "postgresql")
FENCED_FIELDS = ("seqs", "state_keys", "state_bytes", "not_durable")


@lru_cache(maxsize=16)
def _statements(alias: str) -> tuple[str, str, str]:
    quote = connections[alias].ops.quote_name
    rows, values = quote(ScriptSession._meta.db_table), quote(SessionValue._meta.db_table)
    assignments = ", ".join(f"{quote(name)} = %s" for name in FENCED_FIELDS)
    owned = f"{quote('id')} = %s AND {quote('node')} = %s AND {quote('epoch')} = %s AND {quote('state')} <> %s"
    names = ", ".join(quote(name) for name in ("session_id", "space", "name", "payload"))
    unique = ", ".join(quote(name) for name in ("session_id", "space", "name"))
    payload = quote("payload")
    same = " AND ".join(f"{quote(name)} = %s" for name in ("session_id", "space", "name"))
    return (
        f"UPDATE {rows} SET {assignments} WHERE {owned}",
        (
            f"INSERT INTO {values} ({names}) VALUES (%s, %s, %s, %s) "
            f"ON CONFLICT ({unique}) DO UPDATE SET {payload} = excluded.{payload}"
        ),
        f"DELETE FROM {values} WHERE {same}",
    )


def _prepared(model: type[models.Model], name: str, value: Any, connection: Any) -> Any:
    field: Any = model._meta.get_field(name)
    return field.get_db_prep_save(value, connection)


def write_change(alias: str, session_id: str, node: str, epoch: int, change: StateChange) -> None:
    """Write a change behind the fence, inside the caller's transaction. Raises LeaseLostError."""
    connection = connections[alias]
    update, upsert, delete = _statements(alias)
    key = _prepared(ScriptSession, "id", UUID(session_id), connection)
    fields = (change.seqs, change.keys, change.size, change.not_durable)
    prepared = [
        _prepared(ScriptSession, name, value, connection) for name, value in zip(FENCED_FIELDS, fields, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(update, [*prepared, key, node, epoch, ScriptSession.State.CLOSED.value])
        if not cursor.rowcount:
            raise LeaseLostError(f"Session {session_id} has passed to another process.")
        if change.removed:
            cursor.executemany(delete, [(key, space, name) for space, name in change.removed])
        if change.changed:
            rows: list[Any] = [(key, space, name, data) for (space, name), data in change.changed.items()]
            cursor.executemany(upsert, rows)
    if change.requests:
        SessionRequest.objects.using(alias).answer(change.requests)
