"""The options of radio, selectbox and multiselect, and the labels that stand for them on the wire.

Runs on: the script thread; reading a value also on the event loop. Invariant: labels are unique: a label that occurs
again gets " (2)", " (3)" ..., so every option can be chosen and means itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol.values import Wire

T = TypeVar("T")
LONGEST_NEW_OPTION = 1000


class Options(Generic[T]):
    """Options in order, with one label for each."""

    def __init__(self, options: Iterable[T], format_func: Callable[[T], object]) -> None:
        self.values: list[T] = _listed(options)
        self.format_func = format_func
        self.index_of: dict[str, int] = {}
        for index, value in enumerate(self.values):
            self.index_of[_unique(str(format_func(value)), self.index_of)] = index
        self.labels = list(self.index_of)

    def label(self, value: Any) -> str | None:
        """The label of an option, None for what is not an option."""
        try:
            index = self.values.index(value)
        except ValueError:
            return self._label_of_twin(value)
        if type(self.values[index]) is not type(value):
            # 0 == False == 0.0: of equal options the one of the same type is meant.
            same = (at for at, option in enumerate(self.values) if type(option) is type(value) and option == value)
            index = next(same, index)
        return self.labels[index]

    def _label_of_twin(self, value: Any) -> str | None:
        """A class that the script defines is another one in each run: an equal label of an equal class counts."""
        try:
            label = str(self.format_func(value))
        except Exception:
            # The function is the script's and was not made for values that are not options.
            return None
        index = self.index_of.get(label)
        same = index is not None and type(self.values[index]).__qualname__ == type(value).__qualname__
        return label if same else None


class Choice(Generic[T]):
    """How one option travels: ``read`` from the wire, ``write`` to it. Both raise InvalidWidgetValueError."""

    def __init__(self, name: str, options: Options[T], *, nullable: bool, accept_new: bool = False) -> None:
        self.name = name
        self.options = options
        self.nullable = nullable or not options.values
        self.accept_new = accept_new

    def read(self, wire: Wire) -> Any:
        """The option that a label stands for."""
        if wire is None and self.nullable:
            return None
        return self.read_label(wire)

    def read_label(self, wire: object) -> Any:
        """Like ``read`` without None."""
        if isinstance(wire, str):
            index = self.options.index_of.get(wire)
            if index is not None:
                return self.options.values[index]
            if self.accept_new and 0 < len(wire) <= LONGEST_NEW_OPTION:
                return wire
        raise InvalidWidgetValueError(f"{self.name!r} has no option {wire!r}.")

    def write(self, value: Any) -> Wire:
        """The label of an option."""
        if value is None and self.nullable:
            return None
        return self.write_label(value)

    def write_label(self, value: Any) -> str:
        """Like ``write`` without None."""
        label = self.options.label(value)
        if label is not None:
            return label
        if self.accept_new and isinstance(value, str) and 0 < len(value) <= LONGEST_NEW_OPTION:
            return value
        raise InvalidWidgetValueError(
            f"{value!r} is not among the options of {self.name!r}: {_some(self.options.values)}."
        )


def label_at(name: str, options: Options[T], index: int | None) -> str | None:
    """The label of the option that is chosen at first. Raises ScriptApiError for an index that is none."""
    if index is None or (not options.values and index == 0):
        return None
    if isinstance(index, bool) or not hasattr(index, "__index__"):
        raise ScriptApiError(f"index of {name!r} must be an int or None, not {index!r}.")
    if not 0 <= index < len(options.values):
        raise ScriptApiError(f"index={index} of {name!r} is out of range: there are {len(options.values)} options.")
    return options.labels[index]


def _listed(options: Iterable[T]) -> list[T]:
    if isinstance(options, str) or not hasattr(options, "__iter__"):
        raise ScriptApiError(f"options must be a list or another iterable, not {type(options).__name__}: {options!r}.")
    if getattr(options, "ndim", 1) == 2 and hasattr(options, "iloc"):
        options = options.iloc[:, 0]
    to_list = getattr(options, "tolist", None)
    return list(to_list() if callable(to_list) else options)


def _unique(label: str, taken: dict[str, int]) -> str:
    if label not in taken:
        return label
    number = 2
    while f"{label} ({number})" in taken:
        number += 1
    return f"{label} ({number})"


def _some(values: list[T]) -> str:
    shown = ", ".join(map(repr, values[:10]))
    return f"{shown} and {len(values) - 10} more" if len(values) > 10 else shown or "there are none"
