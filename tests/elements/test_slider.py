"""Sliders over every type, what they refuse, and that values come back as they went.

Runs on: pytest, no database.
"""

from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scriptapps.elements.slider import lay_out
from scriptapps.elements.slider_scale import Scale
from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from tests.elements.conftest import Page

PARIS = timezone(timedelta(hours=2))


def track(*args: Any, **kwargs: Any) -> Any:
    """(what read gives for the value at first, the track)"""
    given = dict(zip(("min_value", "max_value", "value", "step"), args, strict=False)) | kwargs
    made, default = lay_out("S", given.get("min_value"), given.get("max_value"), given.get("value"), given.get("step"))
    return made.read(list(default)), made


@pytest.mark.parametrize(
    ("arguments", "value", "low", "high"),
    [
        ((), 0, 0, 100),
        ((5, 10), 5, 5, 10),
        ((None, None, 150), 150, 0, 150),
        ((None, None, -3), -3, -3, 100),
        ((0.0, 2.0, 0.5), 0.5, 0.0, 2.0),
        ((None, None, None, 0.1), 0.0, 0.0, 1.0),
        ((0, 10, (2, 4)), (2, 4), 0, 10),
        ((0, 10, ()), (0, 10), 0, 10),
        ((0, 10, [3]), (3, 10), 0, 10),
        ((None, None, time(9)), time(9), time(0), time(23, 59, 59, 999999)),
        ((None, None, date(2024, 2, 29)), date(2024, 2, 29), date(2024, 2, 15), date(2024, 3, 14)),
        ((date(2024, 1, 1), date(2024, 2, 1)), date(2024, 1, 1), date(2024, 1, 1), date(2024, 2, 1)),
        (
            (None, None, datetime(2024, 1, 15, 1, 2, 3, 4, PARIS)),
            datetime(2024, 1, 15, 1, 2, 3, 4, PARIS),
            datetime(2024, 1, 1, 1, 2, 3, 4, PARIS),
            datetime(2024, 1, 29, 1, 2, 3, 4, PARIS),
        ),
    ],
)
def test_value_and_bounds(arguments: tuple[Any, ...], value: Any, low: Any, high: Any) -> None:
    read, made = track(*arguments)
    assert read == value
    assert type(read) is type(value)
    assert made.scale.from_number(made.low) == low
    assert made.scale.from_number(made.high) == high


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 10, 11), "value=11 of 'S' is outside min_value=0 to max_value=10"),
        ((5, 10, 1), "value=1"),
        ((0, 10, 0.5), "same type"),
        ((0, 10.0), "min_value=0, max_value=10.0"),
        ((10, 0), "min_value=10 must be less than max_value=0"),
        ((0, 10, (4, 2)), "after its end"),
        ((0, 10, (1, 2, 3)), "one value or two"),
        ((0, 10, 1, 0.5), "step=0.5"),
        ((0, 10, 1, 0), "step=0"),
        ((0, 10, True), "bool"),
        ((0, 10, "5"), "str"),
        ((0, 2**53), "2**53"),
        ((0.0, float("inf")), "finite"),
        ((None, None, date(2024, 1, 1), 1), "timedelta"),
        ((None, None, date(2024, 1, 1), timedelta(hours=1)), "whole days"),
        ((date(2024, 1, 1), datetime(2024, 1, 2)), "same type"),
    ],
)
def test_parameters_that_do_not_go_together(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ScriptApiError) as caught:
        track(*arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "forged",
    [
        None,
        True,
        5.0,
        "5",
        [],
        ["5"],
        [True],
        [5.5],
        [11.0],
        [-1.0],
        [float("nan")],
        [float("inf")],
        [1.0, 2.0],
        [None],
    ],
)
def test_forged_values_of_an_int_slider(forged: Any) -> None:
    _, made = track(0, 10, 3)
    with pytest.raises(InvalidWidgetValueError):
        made.read(forged)


@pytest.mark.parametrize("forged", [[5.0], [5.0, 4.0], [5.0, 11.0], [-1.0, 2.0], [1.0, 2.0, 3.0], [1.0, float("nan")]])
def test_forged_values_of_a_range(forged: Any) -> None:
    _, made = track(0, 10, (3, 4))
    with pytest.raises(InvalidWidgetValueError):
        made.read(forged)


def test_a_float_slider_forgives_what_float_arithmetic_does() -> None:
    _, made = track(0.0, 0.3, 0.1)
    assert made.read([0.1 + 0.2]) == 0.3


@pytest.mark.parametrize("assigned", [11, 1.5, "3", None, (1, 2), date(2024, 1, 1)])
def test_what_a_script_may_not_assign(assigned: Any) -> None:
    _, made = track(0, 10, 3)
    with pytest.raises(InvalidWidgetValueError):
        made.write(assigned)


# Outside these years float64 milliseconds do not have room for every microsecond.
moments = some.datetimes(min_value=datetime(1831, 1, 1), max_value=datetime(2109, 1, 1))
values = some.one_of(
    some.integers(-(2**53) + 1, 2**53 - 1),
    some.floats(allow_nan=False, allow_infinity=False),
    some.dates(),
    some.times(),
    moments,
    moments.map(lambda moment: moment.replace(tzinfo=PARIS)),
)


@given(values)
def test_every_value_comes_back_as_it_went(value: Any) -> None:
    scale = Scale.of([("value", value)])
    back = scale.from_number(scale.to_number(value))
    assert back == value
    assert type(back) is type(value)


def test_the_script_gets_what_the_person_chose(page: Page) -> None:
    tester = page("day = st.slider('Day', value=__import__('datetime').date(2024, 5, 5)); st.text(repr(day))")
    tester.get(label="Day").set_value(date(2024, 5, 7))
    tester.run()
    assert tester.find("text")[0].props.body == "datetime.date(2024, 5, 7)"


def test_numpy_numbers_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    read, _ = track(numpy.int64(0), numpy.int64(10), numpy.int32(4))
    assert (read, type(read)) == (4, int)
    read, _ = track(numpy.float64(0), numpy.float32(1), 0.5)
    assert (read, type(read)) == (0.5, float)
