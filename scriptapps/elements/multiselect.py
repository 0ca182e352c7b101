"""``st.multiselect``. Value: texts (the options' labels)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.options import Choice, Options
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire
from scriptapps.runtime.widgets import add_widget

T = TypeVar("T")


@widget("multiselect")
def multiselect(
    container: Container,
    label: str,
    options: Iterable[T],
    default: Iterable[T] | T | None = None,
    format_func: Callable[[T], object] = str,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    max_selections: int | None = None,
    placeholder: str | None = None,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    accept_new_options: bool = False,
    width: Width = "stretch",
) -> list[T]:
    """Show options of which several can be chosen and return the list of those, in the order of choosing.

    ``default`` are the options chosen at first. ``max_selections`` limits their number. With ``accept_new_options`` a
    person may type options that are not in the list; they come as ``str``.
    """
    if max_selections is not None and max_selections < 1:
        raise ScriptApiError(f"max_selections of {label!r} must be at least 1 or None, not {max_selections!r}.")
    choices = Options(options, format_func)
    selection = Selection(Choice(label, choices, nullable=False, accept_new=accept_new_options), max_selections)
    chosen = selection.write(default)
    message = schema.Multiselect(
        field=make_field(label, help, disabled, label_visibility),
        options=choices.labels,
        placeholder=str(placeholder or ""),
        max_selections=max_selections or 0,
        accept_new_options=accept_new_options,
    )
    result: list[T] = add_widget(
        container,
        "multiselect",
        message,
        identity=(label, help, tuple(choices.labels), tuple(chosen), placeholder, max_selections, accept_new_options),
        keyed_identity=(max_selections, accept_new_options),
        default=chosen,
        deserialize=selection.read,
        serialize=selection.write,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width),
    )
    return result


class Selection:
    """How several options travel. Both ways raise InvalidWidgetValueError."""

    def __init__(self, choice: Choice[Any], limit: int | None) -> None:
        self.choice = choice
        self.limit = limit

    def read(self, wire: Wire) -> list[Any]:
        """The options that the labels stand for."""
        if not isinstance(wire, list) or len(set(wire)) != len(wire):
            raise InvalidWidgetValueError(f"{self.choice.name!r} takes a list of different options, not {wire!r}.")
        self._check_limit(len(wire))
        return [self.choice.read_label(label) for label in wire]

    def write(self, value: Any) -> list[str]:
        """The labels of one option, of several, or of none."""
        if value is None:
            return []
        is_many = isinstance(value, Iterable) and not isinstance(value, str)
        if not is_many or self.choice.options.label(value) is not None:
            value = [value]
        labels = list(dict.fromkeys(self.choice.write_label(option) for option in value))
        self._check_limit(len(labels))
        return labels

    def _check_limit(self, count: int) -> None:
        if self.limit is not None and count > self.limit:
            raise InvalidWidgetValueError(
                f"{self.choice.name!r} allows {self.limit} selected options (max_selections), not {count}."
            )
