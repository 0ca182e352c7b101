"""``st.radio``. Value: text (the option's label) or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.options import Choice, Options, label_at
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema
from scriptapps.runtime.widgets import add_widget

T = TypeVar("T")


@widget("radio")
def radio(
    container: Container,
    label: str,
    options: Iterable[T],
    index: int | None = 0,
    format_func: Callable[[T], object] = str,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    disabled: bool = False,
    horizontal: bool = False,
    captions: Sequence[str] | None = None,
    label_visibility: LabelVisibility = "visible",
    width: Width = "content",
) -> T | None:
    """Show options as radio buttons and return the chosen one.

    ``index`` is the option chosen at first, None for none. ``format_func`` makes the label of an option; equal labels
    are told apart by " (2)", " (3)". ``captions`` are a line under each option.
    """
    choices = Options(options, format_func)
    notes = [str(caption or "") for caption in captions or ()]
    if len(notes) > len(choices.values):
        raise ScriptApiError(f"{label!r} has {len(notes)} captions for {len(choices.values)} options.")
    message = schema.Radio(
        field=make_field(label, help, disabled, label_visibility),
        options=choices.labels,
        captions=notes,
        horizontal=horizontal,
    )
    choice = Choice(label, choices, nullable=index is None)
    result: T | None = add_widget(
        container,
        "radio",
        message,
        identity=(label, help, tuple(choices.labels), index, horizontal, tuple(notes)),
        default=label_at(label, choices, index),
        deserialize=choice.read,
        serialize=choice.write,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width, "content"),
    )
    return result
