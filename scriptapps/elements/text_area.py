"""``st.text_area``. Value: text or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.sizes import Height, Width, wire_height, wire_width
from scriptapps.elements.text_value import TextValue
from scriptapps.protocol import schema
from scriptapps.runtime.widgets import add_widget


@widget("text_area")
def text_area(
    container: Container,
    label: str,
    value: object = "",
    height: Height | None = None,
    max_chars: int | None = None,
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
    """Show a field for several lines of text and return them.

    ``value`` is the text at first; with None an empty field returns None. ``height`` is in pixels.
    """
    text = TextValue.check(label, value, max_chars)
    message = schema.TextArea(
        field=make_field(label, help, disabled, label_visibility),
        placeholder=str(placeholder or ""),
        max_chars=text.max_chars,
        height=wire_height(height),
    )
    return add_widget(
        container,
        "text_area",
        message,
        identity=(label, help, text.default, height, max_chars, placeholder),
        keyed_identity=(max_chars,),
        default=text.default,
        deserialize=text.read,
        serialize=text.write,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width),
    )
