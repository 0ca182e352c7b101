"""What a slider slides over: ints, floats, dates, times or datetimes, as numbers on the wire.

Runs on: any thread (pure). Invariant: ``from_number(to_number(v)) == v``, for datetimes of 1831 to 2108 (others to the
millisecond). They travel as milliseconds of the wall clock since 1970-01-01, so no time zone moves them.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from scriptapps.elements.wire_numbers import plain_number
from scriptapps.errors import ScriptApiError

EPOCH = datetime(1970, 1, 1)
DAY = timedelta(days=1)
TWO_WEEKS = timedelta(days=14)
QUARTER_HOUR = timedelta(minutes=15)
MICROSECOND = timedelta(microseconds=1)


def kind_of(value: object) -> str:
    """The name of the scale that a value belongs to. Raises ScriptApiError."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return "INT" if isinstance(value, numbers.Integral) else "FLOAT"
    for kind, type_ in (("DATETIME", datetime), ("DATE", date), ("TIME", time)):
        if isinstance(value, type_):
            return kind
    raise ScriptApiError(
        f"A slider takes int, float, date, time or datetime values, not {type(value).__name__}: {value!r}."
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """``kind`` is a name of the wire's Slider.Type; ``zone`` is put back on datetimes and times."""

    kind: str
    zone: tzinfo | None = None

    @classmethod
    def of(cls, given: Sequence[tuple[str, Any]]) -> Scale:
        """The scale of parameters (name, value). Raises ScriptApiError if they are not of one type."""
        kinds = {kind_of(value) for _, value in given}
        if len(kinds) > 1:
            told = ", ".join(f"{name}={value!r}" for name, value in given)
            raise ScriptApiError(f"All values of a slider must have the same type; given are {told}.")
        return cls(kinds.pop(), next((v.tzinfo for _, v in given if isinstance(v, datetime | time)), None))

    def to_number(self, value: Any, name: str = "value") -> float:
        """A value on the wire. Raises ScriptApiError for a value of another type."""
        kind = kind_of(value)
        if kind != self.kind and (kind, self.kind) != ("INT", "FLOAT"):
            raise ScriptApiError(f"{name}={value!r} does not fit a slider of type {self.kind.lower()}.")
        if self.kind in ("INT", "FLOAT"):
            return float(plain_number(name, value))
        if self.kind == "DATE":
            moment = datetime(value.year, value.month, value.day)
        elif self.kind == "TIME":
            moment = datetime.combine(EPOCH, value.replace(tzinfo=None))
        else:
            in_zone = value.astimezone(self.zone) if value.tzinfo and self.zone else value
            moment = in_zone.replace(tzinfo=None)
        return milliseconds(moment - EPOCH)

    def from_number(self, number: float) -> Any:
        """The value that a number on the wire stands for."""
        if self.kind == "INT":
            return round(number)
        if self.kind == "FLOAT":
            return number
        moment = EPOCH + timedelta(microseconds=round(number * 1000))
        if self.kind == "DATE":
            return moment.date()
        if self.kind == "TIME":
            return moment.time().replace(tzinfo=self.zone)
        return moment.replace(tzinfo=self.zone)

    def usual_bounds(self, near: Any) -> tuple[Any, Any]:
        """(min, max) where the script gives none; ``near`` is a value that it gives, or None."""
        if self.kind == "INT":
            return 0, 100
        if self.kind == "FLOAT":
            return 0.0, 1.0
        if self.kind == "TIME":
            return time(0, 0), time(23, 59, 59, 999999)
        return _shift(near, -TWO_WEEKS), _shift(near, TWO_WEEKS)

    def step_number(self, step: Any, span: float) -> float:
        """The step on the wire; ``span`` is max - min there. Raises ScriptApiError."""
        if step is None:
            return self._usual_step(span)
        if self.kind in ("INT", "FLOAT"):
            if kind_of(step) != self.kind:
                raise ScriptApiError(f"step={step!r} must be of the slider's type, {self.kind.lower()}.")
            number = float(plain_number("step", step))
        elif isinstance(step, timedelta):
            number = milliseconds(step)
        else:
            raise ScriptApiError(f"step={step!r} must be a timedelta.")
        if number <= 0:
            raise ScriptApiError(f"step={step!r} must be greater than zero.")
        if self.kind == "DATE" and step % DAY:
            raise ScriptApiError(f"step={step!r} of a slider over dates must be whole days.")
        return number

    def _usual_step(self, span: float) -> float:
        if self.kind in ("INT", "FLOAT"):
            return 1.0 if self.kind == "INT" else 0.01
        by_day = self.kind == "DATE" or (self.kind == "DATETIME" and span > milliseconds(DAY))
        return milliseconds(DAY if by_day else QUARTER_HOUR)


def milliseconds(duration: timedelta) -> float:
    """A duration on the wire."""
    return (duration // MICROSECOND) / 1000


def _shift(moment: Any, distance: timedelta) -> Any:
    try:
        return moment + distance
    except OverflowError:
        return moment
