"""The other widgets' values: what a forged message may not do, and that values come back as they went.

Runs on: pytest, no database.
"""

from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scriptapps.elements.checkbox import read_flag
from scriptapps.elements.multiselect import Selection
from scriptapps.elements.number_input import check_entry
from scriptapps.elements.options import Choice, Options, label_at
from scriptapps.elements.text_value import TextValue
from scriptapps.errors import InvalidWidgetValueError, ScriptApiError


class Color(Enum):
    """An option type."""

    RED = 1
    GREEN = 2


def choice(options: Any, *, nullable: bool = False, accept_new: bool = False, format_func: Any = str) -> Choice[Any]:
    """A choice called C."""
    return Choice("C", Options(options, format_func), nullable=nullable, accept_new=accept_new)


@pytest.mark.parametrize("forged", [None, 0, 1.0, "", "true", [], [True]])
def test_a_checkbox_takes_flags_only(forged: Any) -> None:
    with pytest.raises(InvalidWidgetValueError):
        read_flag(forged)


@pytest.mark.parametrize("forged", [None, "", "c", "A", 0, 1.0, True, ["a"]])
def test_a_choice_takes_its_labels_only(forged: Any) -> None:
    with pytest.raises(InvalidWidgetValueError):
        choice(["a", "b"]).read(forged)


def test_none_is_a_choice_where_nothing_may_be_chosen() -> None:
    assert choice(["a"], nullable=True).read(None) is None
    assert choice([]).read(None) is None
    assert choice(["a"], nullable=True).write(None) is None


def test_options_are_returned_themselves() -> None:
    first, second = object(), object()
    made = choice([first, second], format_func=lambda option: "one" if option is first else "two")
    assert made.read("two") is second
    assert made.write(first) == "one"


def test_equal_labels_are_told_apart() -> None:
    made = Options([1, 2, 3, 4], lambda number: "x (2)" if number == 2 else "x")
    assert made.labels == ["x", "x (2)", "x (3)", "x (4)"]
    assert choice([1, 1], format_func=str).options.labels == ["1", "1 (2)"]


def test_a_class_defined_anew_in_each_run_still_matches() -> None:
    earlier = type("Color", (), {"__str__": lambda _: "Color.GREEN"})
    assert choice(Color).write(earlier()) == "Color.GREEN"
    with pytest.raises(InvalidWidgetValueError, match="not among the options of 'C': 1, 2"):
        choice([1, 2]).write("1")


@pytest.mark.parametrize("options", ["abc", 5, None])
def test_options_must_be_a_list(options: Any) -> None:
    with pytest.raises(ScriptApiError, match="options must be"):
        choice(options)


@pytest.mark.parametrize(("index", "words"), [(2, "index=2 of 'C' is out of range: there are 2"), (-1, "out of range")])
def test_an_index_out_of_range(index: int, words: str) -> None:
    with pytest.raises(ScriptApiError, match=words):
        label_at("C", Options(["a", "b"], str), index)


def test_new_options_only_where_they_are_welcome() -> None:
    made = choice(["a"], accept_new=True)
    assert made.read("b") == "b"
    for forged in ("", "x" * 1001, 5.0, None):
        with pytest.raises(InvalidWidgetValueError):
            made.read(forged)


@pytest.mark.parametrize("forged", [None, "a", ["z"], ["a", "a"], ["a", "b", "c"], [1.0], 5.0])
def test_a_multiselect_takes_different_labels_up_to_its_limit(forged: Any) -> None:
    with pytest.raises(InvalidWidgetValueError):
        Selection(choice(["a", "b", "c"]), 2).read(forged)


def test_more_selections_than_allowed_by_the_script() -> None:
    with pytest.raises(InvalidWidgetValueError, match=r"allows 1 selected options \(max_selections\), not 2"):
        Selection(choice(["a", "b"]), 1).write(["a", "b"])


def test_one_option_is_a_selection_too() -> None:
    assert Selection(choice(["a", "b"]), None).write("a") == ["a"]
    assert Selection(choice([(1, 2), (3, 4)]), None).write((1, 2)) == ["(1, 2)"]
    assert Selection(choice(["a", "b"]), None).write(None) == []


@given(some.lists(some.one_of(some.integers(), some.text(), some.booleans(), some.dates(), some.none())), some.data())
def test_every_selection_comes_back_as_it_went(options: list[Any], data: Any) -> None:
    selection = Selection(choice(options), None)
    chosen = data.draw(some.lists(some.sampled_from(options), unique_by=str) if options else some.just([]))
    assert selection.read(selection.write(chosen)) == chosen


@pytest.mark.parametrize("forged", [None, True, "5", [5.0], 5.5, 0.0, 11.0, float("nan"), float("inf"), -float("inf")])
def test_forged_values_of_a_number_input(forged: Any) -> None:
    with pytest.raises(InvalidWidgetValueError):
        check_entry("N", 1, 10, "min", None).read(forged)


@pytest.mark.parametrize(
    ("numbers", "value"),
    [
        ((None, None, "min", None), 0.0),
        ((3, None, "min", None), 3),
        ((None, -3, "min", None), -3),
        ((None, None, 5, None), 5),
        ((None, None, "min", 1), 0),
        ((None, None, 5.0, None), 5.0),
        ((None, None, None, None), None),
        ((1, 5, None, None), None),
    ],
)
def test_the_number_at_first(numbers: tuple[Any, Any, Any, Any], value: Any) -> None:
    entry = check_entry("N", *numbers)
    read = entry.read(entry.default)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 10.0, "min", None), "min_value=0, max_value=10.0"),
        ((0, 10, 0.5, None), "value=0.5"),
        ((5, 10, 1, None), "value=1 of 'N' is less than min_value=5"),
        ((5, 10, 11, None), "value=11 of 'N' is greater than max_value=10"),
        ((10, 5, None, None), "min_value=10"),
        ((None, None, 1, 0), "step=0"),
        ((None, None, 2**53, None), "2\\*\\*53"),
        ((None, None, float("nan"), None), "finite"),
        ((None, None, "5", None), "value must be an int or a float"),
        ((None, None, True, None), "bool"),
        ((None, None, Decimal(1), None), "Decimal"),
    ],
)
def test_numbers_that_do_not_go_together(numbers: tuple[Any, Any, Any, Any], words: str) -> None:
    with pytest.raises(ScriptApiError, match=words):
        check_entry("N", *numbers)


@given(some.integers(-(2**53) + 1, 2**53 - 1) | some.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back_as_it_went(number: float) -> None:
    entry = check_entry("N", None, None, number, None)
    back = entry.read(entry.write(number))
    assert back == number
    assert type(back) is type(number)


@pytest.mark.parametrize("forged", [None, 5.0, True, ["a"], "abcdef"])
def test_forged_values_of_a_text_field(forged: Any) -> None:
    with pytest.raises(InvalidWidgetValueError):
        TextValue.check("T", "", 5).read(forged)


def test_an_empty_text_field_is_none_only_if_it_began_so() -> None:
    assert TextValue.check("T", None, None).read(None) is None
    assert TextValue.check("T", "", None).write(None) == ""


def test_a_text_longer_than_max_chars() -> None:
    with pytest.raises(ScriptApiError, match="value of 'T' has 4 characters, max_chars allows 3"):
        TextValue.check("T", "abcd", 3)
    with pytest.raises(ScriptApiError, match="max_chars of 'T'"):
        TextValue.check("T", "", 0)


@given(some.text())
def test_every_text_comes_back_as_it_went(text: str) -> None:
    value = TextValue.check("T", "", None)
    assert value.read(value.write(text)) == text
