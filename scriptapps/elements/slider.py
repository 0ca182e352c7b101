"""``st.slider``. Value: numbers, one item or two (a range)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.elements.slider_scale import Scale
from scriptapps.elements.wire_numbers import read_number, whole
from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire
from scriptapps.runtime.widgets import add_widget


@widget("slider")
def slider(
    container: Container,
    label: str,
    min_value: Any = None,
    max_value: Any = None,
    value: Any = None,
    step: Any = None,
    format: str | None = None,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    width: Width = "stretch",
) -> Any:
    """Show a slider and return its value, in the type of ``value``: int, float, date, time or datetime.

    ``value`` with two items makes it a range, returned as a tuple. ``step`` is of the same type, or a timedelta for
    dates and times. ``format`` is printf style for numbers ("%0.1f"), else a pattern such as "MM/DD/YY". Raises
    ScriptApiError for values of mixed types or outside ``min_value`` to ``max_value``.
    """
    track, default = lay_out(label, min_value, max_value, value, step)
    message = schema.Slider(
        field=make_field(label, help, disabled, label_visibility),
        min=track.low,
        max=track.high,
        step=track.step,
        type=schema.Slider.Type.Value(track.scale.kind),
        range=track.is_range,
        format=format or "",
    )
    return add_widget(
        container,
        "slider",
        message,
        identity=(label, help, track.low, track.high, track.step, track.scale.kind, tuple(default), format),
        keyed_identity=(track.scale.kind, track.is_range, track.low, track.high, track.step),
        default=default,
        deserialize=track.read,
        serialize=track.write,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width),
    )


@dataclass(frozen=True, slots=True)
class Track:
    """The checked parameters of a slider, and how its value travels."""

    label: str
    scale: Scale
    low: float
    high: float
    step: float
    is_range: bool

    def read(self, wire: Wire) -> Any:
        """The value that the browser's numbers stand for. Raises InvalidWidgetValueError."""
        if not isinstance(wire, list) or len(wire) != (2 if self.is_range else 1):
            raise InvalidWidgetValueError(f"{self.label!r} takes {'two numbers' if self.is_range else 'a number'}.")
        items = [self._inside(read_number(self.label, number)) for number in wire]
        if items != sorted(items):
            raise InvalidWidgetValueError(f"{self.label!r} takes a range whose start is not after its end.")
        values = tuple(self.scale.from_number(number) for number in items)
        return values if self.is_range else values[0]

    def write(self, value: Any) -> list[float]:
        """A script's value as numbers. Raises InvalidWidgetValueError."""
        values = list(value) if isinstance(value, tuple | list) else [value]
        try:
            numbers = [self.scale.to_number(item) for item in values]
        except ScriptApiError as error:
            raise InvalidWidgetValueError(f"{self.label!r}: {error}") from error
        self.read(list(numbers))
        return numbers

    def _inside(self, number: float) -> float:
        slack = (self.high - self.low) * 1e-9 if self.scale.kind == "FLOAT" else 0
        if not self.low - slack <= number <= self.high + slack:
            low, high = self.scale.from_number(self.low), self.scale.from_number(self.high)
            raise InvalidWidgetValueError(f"{self.label!r} takes values from {low} to {high}.")
        if self.scale.kind == "INT":
            whole(self.label, number)
        return min(max(number, self.low), self.high)


def lay_out(label: str, min_value: Any, max_value: Any, value: Any, step: Any) -> tuple[Track, list[float]]:
    """The track and the value at first, on the wire. Raises ScriptApiError."""
    is_range = isinstance(value, tuple | list)
    values = list(value) if is_range else [] if value is None else [value]
    if len(values) > 2:
        raise ScriptApiError(f"value of {label!r} must be one value or two, not {len(values)}.")
    given = [("value", item) for item in values]
    given += [(name, item) for name, item in (("min_value", min_value), ("max_value", max_value)) if item is not None]
    if not given:
        given = [("value", 0.0 if isinstance(step, float) else 0)]
    scale = Scale.of(given)
    usual_low, usual_high = scale.usual_bounds(given[0][1])
    numbers = [scale.to_number(item, "value") for item in values]
    low = scale.to_number(usual_low if min_value is None else min_value, "min_value")
    high = scale.to_number(usual_high if max_value is None else max_value, "max_value")
    # A bound that the script did not give makes room for the value that it did.
    low = min([low, *numbers]) if min_value is None else low
    high = max([high, *numbers]) if max_value is None else high
    if low >= high:
        raise ScriptApiError(
            f"{label!r}: min_value={scale.from_number(low)} must be less than max_value={scale.from_number(high)}."
        )
    start, end = (min(max(number, low), high) for number in (low, high))
    default = [*numbers, end][:2] if is_range and numbers else [start, end] if is_range else numbers or [start]
    track = Track(label, scale, low, high, scale.step_number(step, high - low), is_range)
    _check_default(track, default)
    return track, default


def _check_default(track: Track, default: list[float]) -> None:
    low, high = track.scale.from_number(track.low), track.scale.from_number(track.high)
    for number in default:
        if not track.low <= number <= track.high:
            told = track.scale.from_number(number)
            raise ScriptApiError(f"value={told} of {track.label!r} is outside min_value={low} to max_value={high}.")
    if default != sorted(default):
        raise ScriptApiError(f"value of {track.label!r}: the start of the range is after its end.")
