"""From data to series.

Runs on: pytest, no database.
"""

from datetime import date, datetime
from typing import Any

import pandas
import pytest

from scriptapps.elements.chart import css_color, series_colors
from scriptapps.elements.chart_data import chart_table, plain_points
from scriptapps.elements.tabular import read_table
from scriptapps.errors import ScriptApiError
from tests.elements.conftest import Page

LONG = [
    {"day": 2, "shop": "a", "sold": 1},
    {"day": 1, "shop": "b", "sold": 2},
    {"day": 1, "shop": "a", "sold": 3},
    {"day": 1, "shop": "a", "sold": 4},
]


def drawn(data: Any, x: Any = None, y: Any = None, group: Any = None, *, by_x: bool = True) -> dict[str, list[Any]]:
    """Column name -> values, x first."""
    table = chart_table(read_table(data, 200_000), x, y, group, by_x=by_x)
    return dict(zip(table.names, table.columns, strict=True))


def test_wide_data_is_one_series_per_column_of_numbers() -> None:
    data = {"a": [1, 2], "t": ["x", "y"], "b": [None, 0.5]}
    assert drawn(data) == {"": [0, 1], "a": [1, 2], "b": [None, 0.5]}
    assert drawn(data, "t", "b") == {"t": ["x", "y"], "b": [None, 0.5]}


def test_row_names_are_x() -> None:
    data = pandas.DataFrame({"a": [1, 2]}, index=["p", "q"])
    assert drawn(data) == {"": ["p", "q"], "a": [1, 2]}


def test_moments_of_pandas_are_x() -> None:
    moments = pandas.to_datetime(["2024-01-02", "2024-01-01"]).as_unit("ns")
    read = drawn(pandas.DataFrame({"n": [1, 2]}, index=moments))
    assert read == {"": [datetime(2024, 1, 1), datetime(2024, 1, 2)], "n": [2, 1]}


def test_lines_run_in_the_order_of_x_and_bars_in_the_order_of_the_data() -> None:
    data = {"d": [date(2024, 1, 2), date(2024, 1, 1), None], "n": [1, 2, 3]}
    assert drawn(data, "d")["n"] == [2, 1]
    assert drawn(data, "d", by_x=False)["n"] == [1, 2, 3]


def test_long_data_is_one_series_per_group() -> None:
    assert drawn(LONG, "day", "sold", "shop", by_x=False) == {"day": [2, 1], "a": [1, 7], "b": [None, 2]}
    assert drawn(LONG, "day", "sold", "shop") == {"day": [1, 2], "a": [4, 1], "b": [2, None]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope",), "x='nope' is not a column"),
        ((None, "nope"), "y='nope' is not a column"),
        ((None, "shop"), "y='shop' is not a column of numbers"),
        (("day", ["sold", "day"], "shop"), "exactly one y column"),
    ],
)
def test_columns_that_are_not_there(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ScriptApiError, match=words):
        drawn(LONG, *arguments)


def test_nothing_to_draw() -> None:
    with pytest.raises(ScriptApiError, match="has numbers to draw"):
        drawn({"a": ["x"]})
    assert drawn({"a": []}) == {"": []}
    assert drawn(None) == {"": []}


def test_too_many_points_keep_their_peaks() -> None:
    values = [0] * 60_000
    values[31_337], values[59_999] = 1000, -1000
    points = drawn({"n": values})
    assert len(points["n"]) <= 10_000
    assert (max(points["n"]), min(points["n"])) == (1000, -1000)
    assert points[""][points["n"].index(1000)] == 31_337


@pytest.mark.parametrize(
    ("color", "css"),
    [
        ("red", "red"),
        ("#1f77b4", "#1f77b4"),
        ("rgb(1, 2, 3)", "rgb(1, 2, 3)"),
        ((31, 119, 180), "rgba(31, 119, 180, 1)"),
        ((0.0, 0.5, 1.0, 0.5), "rgba(0, 128, 255, 0.5)"),
    ],
)
def test_colors(color: Any, css: str) -> None:
    assert css_color(color) == css
    assert series_colors(color, 1) == [css]


@pytest.mark.parametrize("color", ["url(//evil)", "red;x:y", "", 5, (1, 2), "expression(alert(1))", "#12"])
def test_what_is_no_color(color: Any) -> None:
    with pytest.raises(ScriptApiError):
        css_color(color)


def test_one_color_for_each_series() -> None:
    assert series_colors(["red", (1, 2, 3)], 2) == ["red", "rgba(1, 2, 3, 1)"]
    with pytest.raises(ScriptApiError, match="1 colours for 2 series"):
        series_colors(["red"], 2)


def test_a_chart_on_a_page(page: Page) -> None:
    tester = page("st.bar_chart({'x': ['a'], 'y': [1]}, x='x', y='y', horizontal=True, stack=False, color='#0a0')")
    [chart] = tester.find("chart")
    assert (chart.props.x_label, chart.props.y_label, chart.props.stack) == ("y", "x", "none")
    assert list(chart.props.colors) == ["#0a0"]
    assert chart.props.horizontal


def test_points_of_a_small_chart() -> None:
    assert plain_points(pandas.Series([1, 2.5])) == [1.0, 2.5]
    with pytest.raises(ScriptApiError):
        plain_points(["a"])
