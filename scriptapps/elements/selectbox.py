"""``st.selectbox``. Value: text (the option's label) or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.options import Choice, Options, label_at
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.protocol import schema
from scriptapps.runtime.widgets import add_widget

T = TypeVar("T")


@widget("selectbox")
def selectbox(
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
    placeholder: str | None = None,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    accept_new_options: bool = False,
    width: Width = "stretch",
) -> T | None:
    """Show options in a list that drops down and return the chosen one.

    ``index`` is the option chosen at first; with None nothing is, and the person may choose nothing again. With
    ``accept_new_options`` a person may type an option that is not in the list; it is returned as ``str``.
    """
    choices = Options(options, format_func)
    message = schema.Selectbox(
        field=make_field(label, help, disabled, label_visibility),
        options=choices.labels,
        placeholder=str(placeholder or ""),
        clearable=index is None,
        accept_new_options=accept_new_options,
    )
    choice = Choice(label, choices, nullable=index is None, accept_new=accept_new_options)
    result: T | None = add_widget(
        container,
        "selectbox",
        message,
        identity=(label, help, tuple(choices.labels), index, placeholder, accept_new_options),
        keyed_identity=(accept_new_options,),
        default=label_at(label, choices, index),
        deserialize=choice.read,
        serialize=choice.write,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width),
    )
    return result
