"""Triggers by which PostgreSQL itself tells of writes to a table, whoever makes them.

Runs on: the command line, once per table. Invariant: a transaction that writes to a table sends one notification for
it, at its commit; what Django writes in a run that a change caused sends none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scriptapps.sql_tables import table_name
from scriptapps.table_watch import QUIET

CHANNEL = "scriptapps_tables"
NAME = "scriptapps_notify"
FUNCTION = f"""CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('{QUIET}', true), '') = '' THEN
        PERFORM pg_notify('{CHANNEL}', lower(TG_TABLE_NAME));
    END IF;
    RETURN NULL;
END
$$"""


def install_sql(connection: Any, tables: Iterable[str]) -> list[str]:
    """The statements that make the triggers; making them again changes nothing."""
    quote = connection.ops.quote_name
    return [
        FUNCTION,
        *(
            f"CREATE OR REPLACE TRIGGER {NAME} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {quote(table)} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {NAME}()"
            for table in tables
        ),
    ]


def remove_sql(connection: Any, tables: Iterable[str]) -> list[str]:
    """The statements that take them away; the function stays, other tables may need it."""
    return [f"DROP TRIGGER IF EXISTS {NAME} ON {connection.ops.quote_name(table)}" for table in tables]


def tables_with_triggers(connection: Any) -> list[str]:
    """The tables that have one, by the name that notifications carry."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE t.tgname = %s AND NOT t.tgisinternal ORDER BY 1",
            [NAME],
        )
        return [table_name(name) for (name,) in cursor.fetchall()]
