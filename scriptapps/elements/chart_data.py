"""From a table to what a chart draws: one column x and one column per series.

Runs on: the script thread. Invariant: every series is a column of numbers as long as x.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from scriptapps.elements.frame_columns import column_kind, is_missing, listed
from scriptapps.elements.tabular import Table
from scriptapps.errors import ScriptApiError

MOST_POINTS = 10_000
NUMERIC = ("INTEGER", "NUMBER", "FLAG")
ORDERED = ("INTEGER", "NUMBER", "DATE", "DATETIME")


def chart_table(table: Table, x: str | None, y: str | Sequence[str] | None, group: str | None, *, by_x: bool) -> Table:
    """x first, then the series. ``group`` names the column whose values are the series of one y column.

    ``by_x`` puts the points in the order of x, and where there are too many keeps each stretch's lowest and highest;
    else the order is the data's. Raises ScriptApiError for columns that are missing or not numbers.
    """
    kinds = dict(zip(table.names, map(column_kind, table.columns), strict=True))
    columns = dict(zip(table.names, map(listed, table.columns), strict=True))
    names = _series_names(table, kinds, x, y, group)
    x_name, x_values = _x_column(table, columns, x)
    if group is None:
        series = {name: columns[name] for name in names}
    elif len(names) == 1:
        x_values, series = _pivot(x_values, columns[group], columns[names[0]], adds=not by_x)
    else:
        raise ScriptApiError(f"With color={group!r} a chart needs exactly one y column, not {names!r}.")
    if not by_x:
        x_values, series = x_values[:MOST_POINTS], {name: values[:MOST_POINTS] for name, values in series.items()}
    else:
        if kinds.get(x_name) in ORDERED:
            x_values, series = _sorted(x_values, series)
        x_values, series = _thinned(x_values, series)
    return Table([x_name, *series], [x_values, *series.values()], table.total_rows)


def _x_column(table: Table, columns: dict[str, list[Any]], x: str | None) -> tuple[str, list[Any]]:
    if x is not None:
        return x, columns[x]
    if table.index_columns:
        return table.names[0], columns[table.names[0]]
    return "", list(range(table.rows))


def _series_names(
    table: Table, kinds: dict[str, str], x: str | None, y: str | Sequence[str] | None, group: str | None
) -> list[str]:
    """The columns to draw. Raises ScriptApiError."""
    names = [] if y is None else [y] if isinstance(y, str) else list(y)
    wanted = [("x", x), ("color", group), *(("y", name) for name in names)]
    for parameter, name in wanted:
        if name is not None and name not in kinds:
            raise ScriptApiError(f"{parameter}={name!r} is not a column; there are {list(kinds)!r}.")
    for name in names:
        if kinds[name] not in (*NUMERIC, "EMPTY"):
            raise ScriptApiError(f"y={name!r} is not a column of numbers.")
    if y is not None:
        return names
    others = [name for name in table.names[table.index_columns :] if name not in (x, group)]
    names = [name for name in others if kinds[name] in NUMERIC]
    if not names and table.rows:
        raise ScriptApiError(f"None of the columns {others!r} has numbers to draw: int, float or Decimal.")
    return names


def _pivot(
    x_values: list[Any], groups: list[Any], values: list[Any], *, adds: bool
) -> tuple[list[Any], dict[str, list[Any]]]:
    """One series per group. Two values at one place are added up, or the later one counts."""
    places = {x: at for at, x in enumerate(dict.fromkeys(x_values))}
    series: dict[str, list[Any]] = {}
    for x, group, value in zip(x_values, groups, values, strict=True):
        column = series.setdefault(str(group), [None] * len(places))
        before = column[places[x]]
        column[places[x]] = before + value if adds and not is_missing(before) and not is_missing(value) else value
    return list(places), series


def _sorted(x_values: list[Any], series: dict[str, list[Any]]) -> tuple[list[Any], dict[str, list[Any]]]:
    kept = [at for at, x in enumerate(x_values) if not is_missing(x)]
    order = sorted(kept, key=x_values.__getitem__)
    return (x_values, series) if len(order) == len(x_values) and order == kept else _picked(order, x_values, series)


def _thinned(x_values: list[Any], series: dict[str, list[Any]]) -> tuple[list[Any], dict[str, list[Any]]]:
    if len(x_values) <= MOST_POINTS or not series:
        return x_values, series
    size = -(-len(x_values) // max(MOST_POINTS // (2 * len(series)), 1))
    kept: set[int] = set()
    for values in series.values():
        has_gaps = any(map(is_missing, values))
        for start in range(0, len(values), size):
            stretch = values[start : start + size]
            present = [value for value in stretch if not is_missing(value)] if has_gaps else stretch
            if present:
                kept.add(start + stretch.index(min(present)))
                kept.add(start + stretch.index(max(present)))
    return _picked(sorted(kept), x_values, series)


def _picked(
    places: list[int], x_values: list[Any], series: dict[str, list[Any]]
) -> tuple[list[Any], dict[str, list[Any]]]:
    return [x_values[at] for at in places], {name: [values[at] for at in places] for name, values in series.items()}


def plain_points(data: Any) -> list[float]:
    """A list of numbers, for a small chart without axes. Raises ScriptApiError."""
    values = listed(data)
    if any(isinstance(value, bool) or not isinstance(value, int | float | Decimal) for value in values):
        raise ScriptApiError(f"chart_data must be numbers, not {values[:5]!r}.")
    return [float(value) for value in values if not is_missing(value)]
