"""Django's own values in durable state: model instances by their key, small results of queries, safe texts.

Runs on: the script thread; reading back queries the database. Invariant: what comes back is what the database holds
then, never a copy of an old row; what is gone is said to be gone.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from django.utils.safestring import SafeString, mark_safe

from scriptapps.errors import NotDurableError
from scriptapps.runtime.state_codec import ValueType, register_value_type
from scriptapps.state_frames import register_frames

MAX_ROWS = 1_000
"""Rows of an evaluated QuerySet that are kept by their keys; more are not durable."""


def register_state_types() -> None:
    """Teach the codec what only a Django site has. Called once by the AppConfig."""
    instance = ValueType("model instance", lambda value: isinstance(value, Model), _encode_instance, _decode_instance)
    query = ValueType("queryset", lambda value: isinstance(value, QuerySet), _encode_queryset, _decode_queryset)
    # Marked as safe by the script that stored it; what the store holds is as trusted as the site's database.
    safe = ValueType("safe text", lambda value: type(value) is SafeString, "".join, mark_safe)
    for value_type in (instance, query, safe):
        register_value_type(value_type)
    register_frames()


def _model(label: str) -> type[Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        raise NotDurableError(f"its model {label} does not exist (any more)") from None


def _encode_instance(value: Model) -> Any:
    if value._state.adding or value.pk is None:
        raise NotDurableError(f"this {value._meta.verbose_name} has not been saved to the database")
    return [value._meta.label_lower, value._state.db, value.pk]


def _decode_instance(content: Any) -> Model:
    label, alias, key = content
    model = _model(label)
    found = model._base_manager.using(alias).filter(pk=key).first()
    if found is None:
        raise NotDurableError(f"{model._meta.verbose_name} {key} does not exist (any more)")
    return found


def _encode_queryset(value: QuerySet[Any]) -> Any:
    if value._iterable_class is not ModelIterable:
        raise NotDurableError("it is a QuerySet of values; keep list(...) of it")
    if value._result_cache is None:
        raise NotDurableError(
            "it is a QuerySet that has not been evaluated, and no query is stored; keep what it filters by, or its rows"
        )
    if value.query.annotations:
        raise NotDurableError("it is a QuerySet with annotations, which its rows alone would not bring back")
    rows = value._result_cache
    if len(rows) > MAX_ROWS:
        raise NotDurableError(
            f"it is a QuerySet of {len(rows):,} rows, more than {MAX_ROWS:,}; keep what it filters by"
        )
    return [value.model._meta.label_lower, value.db, [row.pk for row in rows]]


def _decode_queryset(content: Any) -> QuerySet[Any]:
    """The same rows in the same order as far as they exist, evaluated; any further filter asks the database."""
    label, alias, keys = content
    rows = _model(label)._base_manager.using(alias).filter(pk__in=keys)
    found = {row.pk: row for row in rows}
    again = rows.all()
    again._result_cache = [found[key] for key in keys if key in found]
    return again
