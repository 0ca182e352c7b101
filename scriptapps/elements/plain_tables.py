"""Tables made of Python's own lists, dicts, tuples, named tuples and dataclasses.

Runs on: any thread (pure). Invariant: what a row lacks is None; a table of mappings has every key that a row has, in
the order of first appearance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scriptapps.errors import ScriptApiError


class Columns(NamedTuple):
    """Names and values by column; the first ``index_columns`` name the rows."""

    names: list[str]
    values: list[Any]
    total_rows: int
    index_columns: int = 0


def read_plain(data: Any, limit: int) -> Columns:
    """Raises ScriptApiError for what has no rows and columns."""
    if data is None:
        return Columns([], [], 0)
    if isinstance(data, Mapping):
        return _read_mapping(data, limit)
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise ScriptApiError(f"A {type(data).__name__} cannot be shown as a table: {data!r:.100}.")
    rows = data if isinstance(data, Sequence) else list(data)
    total = len(rows)
    return _read_rows(list(rows[:limit]), total)


def _read_mapping(data: Mapping[Any, Any], limit: int) -> Columns:
    values = list(data.values())
    if values and all(isinstance(value, Mapping) for value in values):
        keys = list(dict.fromkeys(key for value in values for key in value))
        columns = [[value.get(key) for key in keys[:limit]] for value in values]
        return Columns(["", *map(str, data)], [keys[:limit], *columns], len(keys), 1)
    if values and all(_is_column(value) for value in values):
        lengths = {len(value) for value in values}
        if len(lengths) > 1:
            told = ", ".join(f"{name!r}: {len(value)}" for name, value in data.items())
            raise ScriptApiError(f"The columns of a table must be equally long; these have as many values: {told}.")
        return Columns(list(map(str, data)), [_column(value, limit) for value in values], lengths.pop())
    return Columns(["", "value"], [list(data)[:limit], values[:limit]], len(data), 1)


def _is_column(value: Any) -> bool:
    return not isinstance(value, str | bytes | Mapping) and hasattr(value, "__len__") and hasattr(value, "__getitem__")


def _column(value: Any, limit: int) -> Any:
    to_list = getattr(value, "tolist", None) or getattr(value, "to_list", None)
    return list(to_list() if callable(to_list) else value)[:limit]


def _read_rows(rows: list[Any], total: int) -> Columns:
    if rows and all(isinstance(row, Mapping) for row in rows):
        return _by_key(rows, total)
    if rows and all(_has_fields(row) for row in rows):
        return _by_key([_fields(row) for row in rows], total)
    if rows and all(isinstance(row, list | tuple) for row in rows):
        width = max(map(len, rows))
        columns = [[row[at] if at < len(row) else None for row in rows] for at in range(width)]
        return Columns([str(at) for at in range(width)], columns, total)
    return Columns(["value"], [rows], total)


def _by_key(rows: list[Mapping[Any, Any]], total: int) -> Columns:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return Columns([str(key) for key in keys], [[row.get(key) for row in rows] for key in keys], total)


def _has_fields(row: Any) -> bool:
    return (dataclasses.is_dataclass(row) and not isinstance(row, type)) or hasattr(row, "_fields")


def _fields(row: Any) -> dict[str, Any]:
    if hasattr(row, "_fields"):
        return dict(zip(row._fields, row, strict=True))
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
