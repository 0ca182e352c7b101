"""``st.text_input``. Value: text or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.sizes import Width, check_choice, wire_width
from scriptapps.elements.text_value import TextValue
from scriptapps.protocol import schema
from scriptapps.runtime.widgets import add_widget


@widget("text_input")
def text_input(
    container: Container,
    label: str,
    value: object = "",
    max_chars: int | None = None,
    key: str | int | None = None,
    type: Literal["default", "password"] = "default",
    help: str | None = None,
    autocomplete: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    placeholder: str | None = None,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    width: Width = "stretch",
    live: bool = False,
) -> Any:
    """Show a field for one line of text and return it.

    ``value`` is the text at first; with None an empty field returns None. ``type="password"`` hides what is typed,
    ``live`` sends it while typing, ``autocomplete`` is the HTML attribute.
    """
    check_choice("type", type, ("default", "password"))
    text = TextValue.check(label, value, max_chars)
    is_password = type == "password"
    message = schema.TextInput(
        field=make_field(label, help, disabled, label_visibility),
        placeholder=str(placeholder or ""),
        max_chars=text.max_chars,
        password=is_password,
        autocomplete=("new-password" if is_password else "") if autocomplete is None else autocomplete,
        live=live,
    )
    return add_widget(
        container,
        "text_input",
        message,
        identity=(label, help, text.default, max_chars, type, autocomplete, placeholder),
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
