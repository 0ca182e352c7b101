"""``st.dataframe`` and ``st.table``: a table to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.sizes import Height, Width, wire_height, wire_width
from scriptapps.elements.tabular import Table, read_table
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema


@element("dataframe")
def dataframe(
    container: Container,
    data: Any = None,
    width: Width = "stretch",
    height: Height = "auto",
    *,
    use_container_width: bool | None = None,
    hide_index: bool | None = None,
    column_order: Sequence[str] | None = None,
    key: str | int | None = None,
) -> Placed:
    """Show a table that scrolls, to read. At most 10,000 rows are sent; the table says how many there are.

    ``data`` is a DataFrame, a QuerySet, an array, a list of rows (dicts, tuples, dataclasses) or a dict of columns.
    ``column_order`` names the columns to show. ``hide_index`` hides the row names, if there are any.
    ``key`` is taken and has no effect: a table to read has no state.
    """
    table = read_table(data)
    if column_order is not None:
        table = in_order(table, column_order)
    message = schema.Dataframe(
        frame=table.frame(hide_index=bool(hide_index)), hide_index=bool(hide_index), height=wire_height(height)
    )
    return container.add("dataframe", message, width=wire_width(width, use_container_width=use_container_width))


@element("dataframe")
def table(
    container: Container,
    data: Any = None,
    *,
    width: Width = "stretch",
    height: Height = "content",
    hide_index: bool | None = None,
) -> Placed:
    """Show a table with all its rows at once, for few rows. ``data`` as for ``dataframe``."""
    message = schema.Dataframe(
        frame=read_table(data).frame(hide_index=bool(hide_index)),
        plain=True,
        hide_index=bool(hide_index),
        height=wire_height(height),
    )
    return container.add("dataframe", message, width=wire_width(width))


def in_order(table: Table, names: Sequence[str]) -> Table:
    """The table with these columns only, after its index. Raises ScriptApiError for a name that it does not have."""
    first = table.index_columns
    unknown = [name for name in names if name not in table.names[first:]]
    if unknown or isinstance(names, str):
        raise ScriptApiError(f"column_order={names!r} must be a list of these columns: {table.names[first:]!r}.")
    chosen = [*range(first), *(table.names.index(name, first) for name in names)]
    return Table([table.names[at] for at in chosen], [table.columns[at] for at in chosen], table.total_rows, first)
