"""QuerySets, managers, and lists of model instances as tables: what elements may not know about Django.

Runs on: the script thread. Invariant: at most two queries a table, never one per row; a related object is shown by its
name only where it was fetched already, and by its key otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import BinaryField, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.manager import BaseManager
from django.db.models.query import ModelIterable, RawQuerySet, ValuesIterable
from django.utils import timezone
from django.utils.functional import Promise

from scriptapps.elements.tabular import register_tabular

# Names of columns, their values, and how many rows there are in all.
Read = tuple[list[str], list[list[Any]], int]


def register_tables() -> None:
    """Called once by the AppConfig."""
    register_tabular(lambda data: isinstance(data, QuerySet | RawQuerySet | BaseManager), read_queryset)
    register_tabular(is_instance_list, read_instances)


def is_instance_list(data: Any) -> bool:
    """Whether it is a list or tuple of model instances."""
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(row, Model) for row in data)


def read_queryset(data: Any, limit: int) -> Read:
    """At most `limit` rows of a QuerySet, RawQuerySet or manager, and the number of all rows."""
    queryset = data.all() if isinstance(data, BaseManager) else data
    if isinstance(queryset, RawQuerySet):
        return read_instances(list(queryset), limit)
    # Copies and slices keep the site's own subclass, so only the way of iterating tells what the rows are.
    iterable: Any = queryset._iterable_class
    if iterable is ModelIterable:
        rows, total = _first_rows(queryset, limit)
        return _instances(rows, total, queryset.model, queryset.query)
    if iterable is not ValuesIterable:
        # Tuples and single values have no names; the same rows as dicts do.
        queryset = queryset._chain()  # type: ignore[union-attr]
        queryset._iterable_class = ValuesIterable
    return _dicts(*_first_rows(queryset, limit), queryset)


def read_instances(data: Any, limit: int) -> Read:
    """A list of model instances; the columns are those of the first one's model."""
    rows = list(data[:limit])
    return _instances(rows, len(data), type(rows[0]), None) if rows else ([], [], 0)


def _first_rows(queryset: Any, limit: int) -> tuple[list[Any], int]:
    # One more than wanted tells whether counting is worth a query.
    rows = list(queryset[: limit + 1])
    return rows[:limit], queryset.count() if len(rows) > limit else len(rows)


def _dicts(rows: list[dict[str, Any]], total: int, queryset: Any) -> Read:
    query = queryset.query
    names = list(rows[0]) if rows else [*query.extra_select, *query.values_select, *query.annotation_select]
    return names, [[shown(row[name]) for row in rows] for name in names], total


def _instances(rows: list[Model], total: int, model: type[Model], query: Any) -> Read:
    deferred = rows[0].get_deferred_fields() if rows else set()
    fields = [
        field
        for field in model._meta.concrete_fields
        if field.attname not in deferred and not isinstance(field, BinaryField)
    ]
    names, columns = [], []
    for field in fields:
        fetched = bool(field.is_relation and rows and all(_is_fetched(row, field) for row in rows))
        names.append(field.name if fetched else field.attname)
        columns.append([_field_value(row, field, fetched) for row in rows])
    for name in [*query.extra_select, *query.annotation_select] if query is not None else []:
        names.append(name)
        columns.append([shown(getattr(row, name)) for row in rows])
    return names, columns, total


def _is_fetched(row: Model, field: Any) -> bool:
    return getattr(row, field.attname) is None or field.is_cached(row)


def _field_value(row: Model, field: Any, fetched: bool) -> Any:
    if fetched:
        related = getattr(row, field.name)
        return None if related is None else str(related)
    value = getattr(row, field.attname)
    if field.choices and value is not None:
        return str(dict(field.flatchoices).get(value, value))
    return shown(value)


def shown(value: Any) -> Any:
    """A value as a person of this site reads it: local time, lazy text resolved, a file by its name."""
    if isinstance(value, datetime) and timezone.is_aware(value):
        return timezone.localtime(value)
    if isinstance(value, FieldFile):
        return value.name or None
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Model):
        return str(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(shown(item)) for item in value)
    return value
