"""``st.checkbox`` and ``st.toggle``. Value: flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import InvalidWidgetValueError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire
from scriptapps.runtime.widgets import add_widget


@widget("checkbox")
def checkbox(
    container: Container,
    label: str,
    value: bool = False,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    width: Width = "content",
) -> bool:
    """Show a checkbox and return whether it is ticked. ``value`` is how it stands at first."""
    message = schema.Checkbox(field=make_field(label, help, disabled, label_visibility))
    return _place(container, message, value, key, (label, help), on_change, args, kwargs, width)


@widget("checkbox")
def toggle(
    container: Container,
    label: str,
    value: bool = False,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    width: Width = "content",
) -> bool:
    """Show a switch and return whether it is on. Parameters as for ``checkbox``."""
    message = schema.Checkbox(field=make_field(label, help, disabled, label_visibility), toggle=True)
    return _place(container, message, value, key, (label, help), on_change, args, kwargs, width)


def _place(
    container: Container,
    message: schema.Checkbox,
    value: bool,
    key: str | int | None,
    identity: tuple[object, ...],
    on_change: Callable[..., Any] | None,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    width: Width,
) -> bool:
    result = add_widget(
        container,
        "checkbox",
        message,
        identity=(*identity, bool(value), message.toggle),
        default=bool(value),
        deserialize=read_flag,
        serialize=write_flag,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width, "content"),
    )
    return bool(result)


def read_flag(wire: Wire) -> bool:
    """Raises InvalidWidgetValueError for anything but a flag."""
    if not isinstance(wire, bool):
        raise InvalidWidgetValueError(f"A checkbox takes True or False, not {wire!r}.")
    return wire


def write_flag(value: Any) -> Wire:
    """What a script assigned, as a flag; everything has a truth value."""
    return bool(value)
