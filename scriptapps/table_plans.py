"""What a statement does to tables that are watched: read once from its text, then looked up.

Runs on: any thread. Invariant: tables that nobody may watch are in no plan; those from which a DELETE takes rows along
in the database are, as far as models declare it.
"""

from __future__ import annotations

import functools
import logging
from typing import Any, NamedTuple

from django.apps import apps

from scriptapps.conf import SETTINGS_NAME, scriptapps_settings
from scriptapps.sql_tables import LONGEST_KEPT, STATEMENTS_KEPT, read_tables, shortened, table_name

logger = logging.getLogger("scriptapps.tables")


class Plan(NamedTuple):
    """What a statement does to tables that are watched. ``returns_rows`` counts for those that write."""

    reads: frozenset[str]
    writes: frozenset[str]
    returns_rows: bool


NO_TABLES: frozenset[str] = frozenset()
NO_PLAN = Plan(NO_TABLES, NO_TABLES, False)


# By database and text; a text costs some hundred times more to read than to look up.
_plans: dict[str, dict[str, Plan]] = {}


def kept_plans(vendor: str) -> dict[str, Plan]:
    """The plans of a kind of database by text, to be looked up before ``plan_of`` is asked."""
    return _plans.setdefault(vendor, {})


def plan_of(sql: Any, connection: Any) -> Plan:
    """The plan of a text, of bytes or of a composition of psycopg's. Never raises."""
    try:
        if not isinstance(sql, str):
            sql = sql.decode() if isinstance(sql, bytes) else sql.as_string(connection.connection)
        plans, text = kept_plans(connection.vendor), shortened(sql)
        plan = plans.get(text)
        if plan is None:
            plan = _make_plan(text, connection.vendor)
            if len(plans) >= STATEMENTS_KEPT:
                plans.clear()
            if len(text) <= LONGEST_KEPT:
                plans[text] = plan
    except Exception:
        logger.exception("A statement's tables were not understood; nobody is told what it changes")
        return NO_PLAN
    return plan


def _make_plan(sql: str, vendor: str) -> Plan:
    reads, writes = read_tables(sql, vendor)
    without, upper = unwatched(), sql.upper()
    if writes and "DELETE" in upper:
        writes |= deleted_with(writes)
    return Plan(reads - without, writes - without, "RETURNING" in upper)


def forget_plans(*, setting: str = SETTINGS_NAME, **_: Any) -> None:
    """Which tables are left out may have changed."""
    if setting == SETTINGS_NAME:
        for plans in _plans.values():
            plans.clear()


def unwatched() -> frozenset[str]:
    """Tables whose changes rerun nothing: those of this app, of sign-ins and of the admin's log, and named ones."""
    models: list[Any] = list(apps.get_app_config("scriptapps").get_models(include_auto_created=True))
    for label, name in (("sessions", "session"), ("admin", "logentry")):
        if apps.is_installed(f"django.contrib.{label}"):
            models.append(apps.get_model(label, name))
    names = [*(model._meta.db_table for model in models), *scriptapps_settings.UNWATCHED_TABLES]
    return frozenset(table_name(name) for name in names)


def deleted_with(tables: frozenset[str]) -> frozenset[str]:
    """Tables in which the database itself deletes or changes rows with those of these, as models declare it."""
    found: set[str] = set()
    waiting = list(tables)
    while waiting:
        new = _followers().get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return frozenset(found)


@functools.cache
def _followers() -> dict[str, set[str]]:
    """Whose rows follow those of a table: Django's DB_CASCADE, DB_SET_NULL and DB_SET_DEFAULT (Django 6.1)."""
    found: dict[str, set[str]] = {}
    for model in apps.get_models(include_auto_created=True):
        fields: list[Any] = list(model._meta.local_fields)
        for field in fields:
            if hasattr(getattr(field.remote_field, "on_delete", None), "on_delete_sql"):
                target = table_name(field.related_model._meta.db_table)
                found.setdefault(target, set()).add(table_name(model._meta.db_table))
    return found
