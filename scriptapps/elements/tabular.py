"""Data in the many shapes that scripts have it in, as the columns of one table.

Runs on: the script thread. Invariant: pandas, polars, pyarrow and numpy are recognised by their objects and never
imported; the host teaches its own types with ``register_tabular``. At most ``limit`` rows are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scriptapps.elements.frame_columns import encode_column
from scriptapps.elements.plain_tables import Columns, read_plain
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema

MOST_ROWS = 10_000
Predicate = Callable[[Any], bool]
Converter = Callable[[Any, int], tuple[list[str], list[list[Any]], int]]
_registered: list[tuple[Predicate, Converter]] = []


@dataclass(slots=True)
class Table:
    """Columns of equal length; the first ``index_columns`` name the rows."""

    names: list[str]
    columns: list[Any]
    total_rows: int
    index_columns: int = 0

    @property
    def rows(self) -> int:
        """How many rows there are to show."""
        return len(self.columns[0]) if self.columns else 0

    def frame(self, *, hide_index: bool = False) -> schema.Frame:
        """The table on the wire."""
        first = self.index_columns if hide_index else 0
        columns = [
            encode_column(self.names[at], self.columns[at], index=at < self.index_columns)
            for at in range(first, len(self.names))
        ]
        return schema.Frame(rows=self.rows, columns=columns, total_rows=self.total_rows)


def register_tabular(predicate: Predicate, convert: Converter) -> None:
    """Teach tables a type: ``convert(object, limit)`` returns column names, column values, number of rows."""
    _registered.append((predicate, convert))


def is_tabular(data: Any) -> bool:
    """Whether ``st.write`` shows an object as a table."""
    return any(predicate(data) for predicate, _ in _registered) or _reader_of(data) is not None


def read_table(data: Any, limit: int = MOST_ROWS) -> Table:
    """Any data as a table. Raises ScriptApiError for what has no rows and columns."""
    for predicate, convert in _registered:
        if predicate(data):
            return Table(*convert(data, limit))
    reader = _reader_of(data)
    columns = reader(data, limit) if reader is not None else read_plain(data, limit)
    lengths = {len(column) for column in columns.values}
    if len(lengths) > 1:
        raise ScriptApiError(f"The columns of a table must be equally long; these have {sorted(lengths)} rows.")
    return Table(columns.names, columns.values, columns.total_rows, columns.index_columns)


def _reader_of(data: Any) -> Callable[[Any, int], Columns] | None:
    package = type(data).__module__.partition(".")[0]
    name = type(data).__name__
    reader = _READERS.get((package, name)) or (_read_pandas if _is_like_pandas(data) else None)
    if reader is not None:
        return reader
    if package == "numpy" and name == "ndarray" and data.ndim:
        return _read_numpy
    if isinstance(data, type):
        return None
    return _read_through_pandas if hasattr(data, "to_pandas") or hasattr(data, "__dataframe__") else None


def _is_like_pandas(data: Any) -> bool:
    return hasattr(data, "iloc") and hasattr(data, "index") and not isinstance(data, type)


def _read_pandas(data: Any, limit: int) -> Columns:
    frame = data.to_frame("value" if data.name is None else data.name) if data.ndim == 1 else data
    shown = frame.iloc[:limit]
    names, values = [], []
    levels = [] if _is_row_count(frame.index) else list(range(frame.index.nlevels))
    for level in levels:
        names.append(_name(frame.index.names[level], ""))
        values.append(_pandas_values(shown.index.get_level_values(level)))
    for position, name in enumerate(frame.columns):
        names.append(_name(name, str(position)))
        values.append(_pandas_values(shown.iloc[:, position]))
    return Columns(names, values, len(frame), len(levels))


def _is_row_count(index: Any) -> bool:
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1 and index.name is None


def _name(name: Any, otherwise: str) -> str:
    if isinstance(name, tuple):
        return " / ".join(str(part) for part in name)
    return otherwise if name is None else str(name)


def _pandas_values(series: Any) -> Any:
    """An array where numpy has the type, else a list."""
    if getattr(series.dtype, "tz", None) is not None:
        series = getattr(series, "dt", series).tz_localize(None)
    is_numpy = type(series.dtype).__module__.startswith("numpy") and series.dtype.kind in "biufM"
    return series.to_numpy() if is_numpy else series.tolist()


def _read_styler(data: Any, limit: int) -> Columns:
    return _read_pandas(data.data, limit)


def _read_index(data: Any, limit: int) -> Columns:
    return _read_pandas(data.to_series().reset_index(drop=True), limit)


def _read_polars(data: Any, limit: int) -> Columns:
    if hasattr(data, "collect"):
        data = data.collect()
    if not hasattr(data, "columns"):
        data = data.to_frame()
    shown = data.head(limit)
    return Columns(list(shown.columns), [shown.get_column(name).to_list() for name in shown.columns], data.height)


def _read_arrow(data: Any, limit: int) -> Columns:
    shown = data.slice(0, limit)
    values = [shown.column(position).to_pylist() for position in range(len(shown.schema))]
    return Columns([str(name) for name in shown.schema.names], values, data.num_rows)


def _read_numpy(data: Any, limit: int) -> Columns:
    shown = data[:limit]
    if data.dtype.names:
        return Columns(list(data.dtype.names), [shown[name] for name in data.dtype.names], len(data))
    if data.ndim == 1:
        return Columns(["value"], [shown], len(data))
    if data.ndim == 2:
        return Columns(
            [str(at) for at in range(data.shape[1])], [shown[:, at] for at in range(data.shape[1])], len(data)
        )
    raise ScriptApiError(f"A table has one or two dimensions; this array has {data.ndim}.")


def _read_through_pandas(data: Any, limit: int) -> Columns:
    if hasattr(data, "to_pandas"):
        return _read_pandas(data.to_pandas(), limit)
    try:
        from pandas.api.interchange import from_dataframe
    except ImportError:
        raise ScriptApiError(f"To show a {type(data).__name__} as a table, install pandas.") from None
    return _read_pandas(from_dataframe(data), limit)


_READERS: dict[tuple[str, str], Callable[[Any, int], Columns]] = {
    ("pandas", "Styler"): _read_styler,
    ("pandas", "RangeIndex"): _read_index,
    ("pandas", "Index"): _read_index,
    ("pandas", "DatetimeIndex"): _read_index,
    ("polars", "DataFrame"): _read_polars,
    ("polars", "LazyFrame"): _read_polars,
    ("polars", "Series"): _read_polars,
    ("pyarrow", "Table"): _read_arrow,
    ("pyarrow", "RecordBatch"): _read_arrow,
}
