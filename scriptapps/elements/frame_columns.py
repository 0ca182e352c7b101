"""One column of a table on the wire.

Runs on: any thread (pure). Invariant: one type per column; values of several types become text; numbers are
little-endian float64, and ints that float64 cannot hold become text.
"""

from __future__ import annotations

import array
import numbers
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from scriptapps.elements.wire_numbers import LARGEST_EXACT
from scriptapps.protocol import schema

EPOCH = datetime(1970, 1, 1)
MILLISECOND = timedelta(milliseconds=1)
LONGEST_CELL = 10_000
NO_VALUE_TYPES = ("NoneType", "NAType", "NaTType")
NUMPY_TYPES = {"b": "FLAG", "i": "INTEGER", "u": "INTEGER", "f": "NUMBER", "M": "DATETIME"}


def encode_column(name: str, values: Any, *, index: bool = False) -> schema.FrameColumn:
    """A list, or a numpy array, of values as a column."""
    column = schema.FrameColumn(name=name, index=index)
    kind = NUMPY_TYPES.get(getattr(getattr(values, "dtype", None), "kind", ""))
    if kind is not None and not _has_large_ints(values):
        _fill_from_array(column, values, kind)
    else:
        _fill(column, listed(values))
    return column


def is_missing(value: Any) -> bool:
    """None, NaN and what data libraries use for them."""
    kind = type(value)
    if kind is float:
        return bool(value != value)
    if kind is int or kind is str:
        return False
    if isinstance(value, Decimal):
        return value.is_nan()
    return kind.__name__ in NO_VALUE_TYPES or (isinstance(value, float) and value != value)


def column_kind(values: Any) -> str:
    """The name of the type that a column gets, "EMPTY" if no value is there."""
    kind = NUMPY_TYPES.get(getattr(getattr(values, "dtype", None), "kind", ""))
    if kind is not None and len(values):
        return "TEXT" if _has_large_ints(values) else kind
    present = [value for value in values if not is_missing(value)]
    return _kind_of(present) if present else "EMPTY"


def listed(values: Any) -> list[Any]:
    """The values as Python's own."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "M":
        # Nanoseconds would become ints.
        values = values.astype("datetime64[us]")
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _fill(column: schema.FrameColumn, values: Sequence[Any]) -> None:
    missing = [is_missing(value) for value in values]
    kind = _kind_of([value for value, gone in zip(values, missing, strict=True) if not gone])
    column.type = schema.FrameColumn.Type.Value(kind)
    column.missing = _bitmap(missing) if any(missing) else b""
    if kind == "TEXT":
        column.texts.extend("" if gone else cell_text(value) for value, gone in zip(values, missing, strict=True))
    else:
        to_number = _moment if kind in ("DATE", "DATETIME") else float
        packed = array.array("d", [0.0 if gone else to_number(v) for v, gone in zip(values, missing, strict=True)])
        if sys.byteorder == "big":
            packed.byteswap()
        column.numbers = packed.tobytes()


def _kind_of(values: list[Any]) -> str:
    kinds = {_kind_of_type(type_) for type_ in set(map(type, values))}
    if kinds == {"INTEGER", "NUMBER"}:
        kinds = {"NUMBER"}
    if len(kinds) != 1:
        return "TEXT"
    kind = kinds.pop()
    if kind in ("INTEGER", "NUMBER") and any(isinstance(v, int) and abs(v) > LARGEST_EXACT for v in values):
        return "TEXT"
    return kind


def _kind_of_type(type_: type) -> str:
    if issubclass(type_, bool) or type_.__name__ in ("bool_", "bool"):
        return "FLAG"
    if issubclass(type_, numbers.Integral):
        return "INTEGER"
    if issubclass(type_, numbers.Real | Decimal):
        return "NUMBER"
    if issubclass(type_, datetime):
        return "DATETIME"
    return "DATE" if issubclass(type_, date) else "TEXT"


def _moment(value: date) -> float:
    wall = value.replace(tzinfo=None) if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return (wall - EPOCH) / MILLISECOND


def cell_text(value: Any) -> str:
    """What stands in a cell for a value that is neither a number nor a date."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    if len(text) > LONGEST_CELL:
        text = text[:LONGEST_CELL] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _bitmap(flags: list[bool]) -> bytes:
    bits = bytearray((len(flags) + 7) // 8)
    for position, flag in enumerate(flags):
        if flag:
            bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)


# -- numpy arrays; numpy is imported only by whoever made one ----------------------------------------------------------


def _has_large_ints(values: Any) -> bool:
    return (
        values.dtype.kind in "iu" and values.size > 0 and max(abs(int(values.min())), int(values.max())) > LARGEST_EXACT
    )


def _fill_from_array(column: schema.FrameColumn, values: Any, kind: str) -> None:
    numpy = sys.modules["numpy"]
    column.type = schema.FrameColumn.Type.Value(kind)
    missing = None
    if kind == "DATETIME":
        missing = numpy.isnat(values)
        values = values.astype("datetime64[us]").astype("int64") / 1000
    elif kind == "NUMBER":
        missing = numpy.isnan(values)
    if missing is not None and missing.any():
        values = numpy.where(missing, 0.0, values)
        column.missing = numpy.packbits(missing, bitorder="little").tobytes()
    column.numbers = values.astype("<f8").tobytes()
