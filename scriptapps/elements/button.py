"""``st.button`` and ``st.form_submit_button``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import make_field
from scriptapps.elements.markdown_directives import icon_text
from scriptapps.elements.sizes import Width, check_choice, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.widgets import add_trigger

ButtonType = Literal["primary", "secondary", "tertiary"]
BUTTON_TYPES = ("primary", "secondary", "tertiary")


@widget("button")
def button(
    container: Container,
    label: str,
    key: str | int | None = None,
    help: str | None = None,
    on_click: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    type: ButtonType = "secondary",
    icon: str | None = None,
    disabled: bool = False,
    atomic: bool = False,
    use_container_width: bool | None = None,
    width: Width = "content",
) -> bool:
    """Show a button. Returns True in the one run that a click causes, else False.

    ``on_click`` is called with ``args`` and ``kwargs`` before that run; with ``atomic`` what it writes to the site's
    database, the session's state and the click itself are committed together or not at all, so that it happens exactly
    once whatever fails. In a form use ``form_submit_button``.
    """
    if container.form_id:
        raise ScriptApiError(
            f"st.button({label!r}) stands in a form. Use st.form_submit_button, or put the button outside."
        )
    message = _message(label, help, disabled, type, icon, submit=False)
    return add_trigger(
        container,
        "button",
        message,
        identity=("button", label, help, type, icon),
        key=key,
        on_click=on_click,
        args=args,
        kwargs=kwargs,
        atomic=atomic,
        width=wire_width(width, "content", use_container_width=use_container_width),
    )


@widget("button")
def form_submit_button(
    container: Container,
    label: str = "Submit",
    help: str | None = None,
    on_click: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    key: str | int | None = None,
    type: ButtonType = "secondary",
    icon: str | None = None,
    disabled: bool = False,
    atomic: bool = False,
    use_container_width: bool | None = None,
    width: Width = "content",
) -> bool:
    """Show the button that sends a form. Returns True in the run that the click causes, with the fields' new values.

    ``on_click`` and ``atomic`` as for ``button``; it is the only widget of a form that may have a callback. Raises
    ScriptApiError outside a form.
    """
    if not container.form_id:
        raise ScriptApiError(
            f"st.form_submit_button({label!r}) stands outside a form: put it inside `with st.form(...):`."
        )
    message = _message(label, help, disabled, type, icon, submit=True)
    cast(RunContext, container.run).forms[container.form_id].has_submit = True
    return add_trigger(
        container,
        "button",
        message,
        identity=("submit", label, help, type, icon),
        key=key,
        on_click=on_click,
        args=args,
        kwargs=kwargs,
        atomic=atomic,
        width=wire_width(width, "content", use_container_width=use_container_width),
    )


def _message(
    label: str, help: str | None, disabled: bool, type: ButtonType, icon: str | None, *, submit: bool
) -> schema.Button:
    check_choice("type", type, BUTTON_TYPES)
    return schema.Button(field=make_field(label, help, disabled), style=type, submit=submit, icon=icon_text(icon))
