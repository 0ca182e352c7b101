"""Tables from every shape of data, without the data libraries being needed.

Runs on: pytest, no database; numpy and pandas where a test names them.
"""

import struct
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as some

from scriptapps.elements import tabular
from scriptapps.elements.dataframe import in_order
from scriptapps.elements.frame_columns import encode_column
from scriptapps.elements.tabular import is_tabular, read_table, register_tabular
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema

Point = namedtuple("Point", "x y")


@dataclass
class Parcel:
    """A row."""

    weight: float
    sent: date


def shown(column: schema.FrameColumn, rows: int) -> list[Any]:
    """The column as a browser reads it: numbers or texts, None where a value is missing."""
    values = (
        list(column.texts)
        if schema.FrameColumn.Type.Name(column.type) == "TEXT"
        else list(struct.unpack(f"<{rows}d", column.numbers))
    )
    assert len(values) == rows
    return [None if _bit(column.missing, at) else value for at, value in enumerate(values)]


def _bit(bits: bytes, at: int) -> bool:
    return bool(bits) and bool(bits[at >> 3] >> (at & 7) & 1)


def table(data: Any) -> dict[str, tuple[str, list[Any]]]:
    """Column name -> (type, values)."""
    frame = read_table(data).frame()
    return {
        column.name: (schema.FrameColumn.Type.Name(column.type), shown(column, frame.rows)) for column in frame.columns
    }


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (None, {}),
        ([], {"value": ("TEXT", [])}),
        ({}, {"": ("TEXT", []), "value": ("TEXT", [])}),
        ([1, 2], {"value": ("INTEGER", [1, 2])}),
        (["a", None], {"value": ("TEXT", ["a", None])}),
        (range(3), {"value": ("INTEGER", [0, 1, 2])}),
        ([{"a": 1}, {"b": "x"}], {"a": ("INTEGER", [1, None]), "b": ("TEXT", [None, "x"])}),
        ([(1, "a"), (2,)], {"0": ("INTEGER", [1, 2]), "1": ("TEXT", ["a", None])}),
        ([Point(1, 2.5)], {"x": ("INTEGER", [1]), "y": ("NUMBER", [2.5])}),
        ([Parcel(1.5, date(1970, 1, 2))], {"weight": ("NUMBER", [1.5]), "sent": ("DATE", [86_400_000])}),
        ({"a": [1, 2], "b": ("x", "y")}, {"a": ("INTEGER", [1, 2]), "b": ("TEXT", ["x", "y"])}),
        ({"a": 1, "b": 2}, {"": ("TEXT", ["a", "b"]), "value": ("INTEGER", [1, 2])}),
        ({"a": {"r": 1}, "b": {}}, {"": ("TEXT", ["r"]), "a": ("INTEGER", [1]), "b": ("TEXT", [None])}),
    ],
)  # fmt: skip
def test_plain_data(data: Any, columns: dict[str, tuple[str, list[Any]]]) -> None:
    assert table(data) == columns


def test_any_iterable_is_read_once() -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        yield {"a": 2}

    assert table(rows()) == {"a": ("INTEGER", [1, 2])}


@pytest.mark.parametrize(
    ("values", "kind", "numbers"),
    [
        ([True, None], "FLAG", [1, None]),
        ([1, 2.5], "NUMBER", [1, 2.5]),
        ([Decimal("1.5"), 2, float("nan")], "NUMBER", [1.5, 2, None]),
        ([Decimal("NaN"), Decimal(1)], "NUMBER", [None, 1]),
        ([float("inf")], "NUMBER", [float("inf")]),
        ([datetime(1970, 1, 1, 0, 0, 1)], "DATETIME", [1000]),
        ([datetime(1970, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))], "DATETIME", [9 * 3_600_000]),
        ([None, None], "TEXT", [None, None]),
        ([1, "a"], "TEXT", ["1", "a"]),
        ([True, 1], "TEXT", ["True", "1"]),
        ([date(2024, 1, 1), datetime(2024, 1, 1)], "TEXT", ["2024-01-01", "2024-01-01 00:00:00"]),
        ([2**53, 1], "TEXT", ["9007199254740992", "1"]),
        ([10**400, 1.5], "TEXT", [str(10**400), "1.5"]),
        ([b"a\xff"], "TEXT", ["a\\xff"]),
        (["\ud800"], "TEXT", ["\\ud800"]),
        ([[1, 2], {"a": 1}], "TEXT", ["[1, 2]", "{'a': 1}"]),
    ],
)
def test_one_type_per_column(values: list[Any], kind: str, numbers: list[Any]) -> None:
    column = encode_column("c", values)
    assert schema.FrameColumn.Type.Name(column.type) == kind
    assert shown(column, len(values)) == numbers


@given(some.lists(some.none() | some.floats(allow_nan=False)))
def test_numbers_and_gaps_survive(values: list[float | None]) -> None:
    column = encode_column("c", values)
    assert shown(column, len(values)) == values


def test_at_most_ten_thousand_rows_are_read_and_the_rest_is_told() -> None:
    for data in (
        range(25_000),
        {"a": list(range(25_000))},
        pandas.DataFrame({"a": range(25_000)}),
        numpy.zeros(25_000),
    ):
        frame = read_table(data).frame()
        assert (frame.rows, frame.total_rows) == (10_000, 25_000)
        assert len(frame.columns[0].numbers) == 80_000


@pytest.mark.parametrize("data", [5, "text", object(), numpy.zeros((2, 2, 2)), {"a": [1], "b": [1, 2]}])
def test_what_has_no_rows_and_columns(data: Any) -> None:
    with pytest.raises(ScriptApiError):
        read_table(data)


def test_pandas_types() -> None:
    data = pandas.DataFrame(
        {
            "i": [1, 2, 3],
            "n": pandas.array([1, None, 3], dtype="Int64"),
            "f": [1.5, None, float("nan")],
            "b": [True, False, True],
            "s": ["x", None, "z"],
            "d": pandas.to_datetime(["1970-01-01 00:00:01", None, "1970-01-02 00:00:00"]),
            "z": pandas.to_datetime(["1970-01-01 09:00", None, "1970-01-02 00:00"]).tz_localize("Asia/Tokyo"),
            "c": pandas.Categorical(["p", "q", "p"]),
            "t": pandas.to_timedelta([1, 2, 3], unit="s"),
        },
        index=pandas.Index(["r1", "r2", "r3"], name="row"),
    )
    read = table(data)
    assert read == {
        "row": ("TEXT", ["r1", "r2", "r3"]),
        "i": ("INTEGER", [1, 2, 3]),
        "n": ("INTEGER", [1, None, 3]),
        "f": ("NUMBER", [1.5, None, None]),
        "b": ("FLAG", [1, 0, 1]),
        "s": ("TEXT", ["x", None, "z"]),
        "d": ("DATETIME", [1000, None, 86_400_000]),
        "z": ("DATETIME", [9 * 3_600_000, None, 86_400_000]),
        "c": ("TEXT", ["p", "q", "p"]),
        "t": ("TEXT", ["0 days 00:00:01", "0 days 00:00:02", "0 days 00:00:03"]),
    }
    assert read_table(data).frame(hide_index=True).columns[0].name == "i"


def test_pandas_shapes() -> None:
    series = pandas.Series([1, 2], index=["a", "b"], name="n")
    assert table(series) == {"": ("TEXT", ["a", "b"]), "n": ("INTEGER", [1, 2])}
    assert table(pandas.Index([1, 2])) == {"value": ("INTEGER", [1, 2])}
    counted = pandas.DataFrame({"a": [1, 2]})
    assert [column.index for column in read_table(counted).frame().columns] == [False]
    filtered = counted[counted["a"] > 1]
    assert [column.index for column in read_table(filtered).frame().columns] == [True, False]
    wide = pandas.DataFrame([[1, 2]], columns=pandas.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    assert list(table(wide)) == ["a / x", "a / y"]
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    assert [column.name for column in read_table(twice).frame().columns] == ["a", "a"]


def test_numpy_arrays() -> None:
    assert table(numpy.array([[1, 2], [3, 4]])) == {"0": ("INTEGER", [1, 3]), "1": ("INTEGER", [2, 4])}
    assert table(numpy.array([2**60, 1])) == {"value": ("TEXT", [str(2**60), "1"])}
    assert table(numpy.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])) == {
        "a": ("INTEGER", [1]),
        "b": ("NUMBER", [2.5]),
    }
    assert table(numpy.array(["1970-01-02", "NaT"], dtype="datetime64[D]")) == {
        "value": ("DATETIME", [86_400_000, None])
    }


class Exported:
    """Another library's table."""

    def to_pandas(self) -> pandas.DataFrame:
        """As pandas."""
        return pandas.DataFrame({"a": [1]})


def test_objects_that_can_become_pandas() -> None:
    assert is_tabular(Exported())
    assert table(Exported()) == {"a": ("INTEGER", [1])}
    assert not is_tabular(Exported)


def test_the_host_teaches_its_own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    class Query:
        pass

    monkeypatch.setattr(tabular, "_registered", [])
    assert not is_tabular(Query())
    register_tabular(lambda data: isinstance(data, Query), lambda _, limit: (["n"], [[limit]], 7))
    assert is_tabular(Query())
    assert table(Query()) == {"n": ("INTEGER", [10_000])}
    assert read_table(Query()).total_rows == 7


def test_columns_in_another_order() -> None:
    chosen = in_order(read_table(pandas.DataFrame({"a": [1], "b": [2], "c": [3]}, index=["r"])), ["c", "a"])
    assert chosen.names == ["", "c", "a"]
    with pytest.raises(ScriptApiError, match="column_order"):
        in_order(read_table({"a": [1]}), ["z"])


def test_times_with_a_zone_keep_their_wall_clock() -> None:
    column = encode_column("c", [datetime(2024, 7, 1, 12, tzinfo=UTC), datetime(2024, 7, 1, 12)])
    first, second = shown(column, 2)
    assert first == second
