"""``st.number_input``. Value: number or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.elements.wire_numbers import plain_number, read_number, whole
from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire
from scriptapps.runtime.widgets import add_widget


@widget("number_input")
def number_input(
    container: Container,
    label: str,
    min_value: float | None = None,
    max_value: float | None = None,
    value: float | Literal["min"] | None = "min",
    step: float | None = None,
    format: str | None = None,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    placeholder: str | None = None,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    width: Width = "stretch",
) -> Any:
    """Show a field for a number and return it: an int if all numbers given are ints, else a float.

    ``value`` is the number at first: "min" for ``min_value`` (0 without one), None for an empty field, which returns
    None. ``format`` is printf style ("%0.2f"). Raises ScriptApiError for mixed types or a value out of bounds.
    """
    entry = check_entry(label, min_value, max_value, value, step)
    _check_format(label, format, entry.integer)
    message = schema.NumberInput(
        field=make_field(label, help, disabled, label_visibility),
        min=entry.low,
        max=entry.high,
        step=entry.step,
        integer=entry.integer,
        format=format or "",
        placeholder=str(placeholder or ""),
        clearable=entry.default is None,
    )
    return add_widget(
        container,
        "number_input",
        message,
        identity=(label, help, entry, format, placeholder),
        default=entry.default,
        deserialize=entry.read,
        serialize=entry.write,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """The checked parameters of a number input, and how its value travels."""

    label: str
    low: float | None
    high: float | None
    default: float | None
    step: float
    integer: bool

    def read(self, wire: Wire) -> int | float | None:
        """The number the browser sent. Raises InvalidWidgetValueError."""
        if wire is None and self.default is None:
            return None
        number = read_number(self.label, wire)
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            low, high = ("no limit" if bound is None else f"{bound:g}" for bound in (self.low, self.high))
            raise InvalidWidgetValueError(f"{self.label!r} takes numbers from {low} to {high}, not {number:g}.")
        return whole(self.label, number) if self.integer else number

    def write(self, value: Any) -> float | None:
        """A script's number. Raises InvalidWidgetValueError."""
        try:
            number = None if value is None else float(plain_number("value", value))
        except ScriptApiError as error:
            raise InvalidWidgetValueError(f"{self.label!r}: {error}") from error
        self.read(number)
        return number


def check_entry(label: str, min_value: Any, max_value: Any, value: Any, step: Any) -> Entry:
    """Raises ScriptApiError for numbers that do not go together."""
    numbers = {"min_value": min_value, "max_value": max_value, "step": step}
    if value != "min":
        numbers["value"] = value
    given = {name: plain_number(name, number) for name, number in numbers.items() if number is not None}
    integer = bool(given) and all(isinstance(number, int) for number in given.values())
    if not integer and any(isinstance(number, int) for number in given.values()):
        told = ", ".join(f"{name}={number!r}" for name, number in given.items())
        raise ScriptApiError(f"All numbers of {label!r} must be ints or all floats; given are {told}.")
    low, high = given.get("min_value"), given.get("max_value")
    default = (0 if low is None else low) if value == "min" else given.get("value")
    if value == "min" and low is None and high is not None:
        default = min(0, high)
    usual_step = 1 if integer else 0.01
    chosen_step = given.get("step", usual_step)
    _check_bounds(label, low, high, default, chosen_step)
    return Entry(label, _float(low), _float(high), _float(default), float(chosen_step), integer)


def _check_bounds(label: str, low: float | None, high: float | None, default: float | None, step: float) -> None:
    if step <= 0:
        raise ScriptApiError(f"step={step!r} of {label!r} must be greater than zero.")
    if low is not None and high is not None and low > high:
        raise ScriptApiError(f"min_value={low!r} of {label!r} is greater than max_value={high!r}.")
    if default is not None and low is not None and default < low:
        raise ScriptApiError(f"value={default!r} of {label!r} is less than min_value={low!r}.")
    if default is not None and high is not None and default > high:
        raise ScriptApiError(f"value={default!r} of {label!r} is greater than max_value={high!r}.")


def _check_format(label: str, format: str | None, integer: bool) -> None:
    if not format:
        return
    try:
        format % (1 if integer else 1.5)
    except (TypeError, ValueError) as error:
        raise ScriptApiError(
            f"format={format!r} of {label!r} is not a printf format for one number: {error}."
        ) from error


def _float(number: float | None) -> float | None:
    return None if number is None else float(number)
