"""``st.form``."""

from __future__ import annotations

from typing import cast

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema
from scriptapps.runtime.run_context import FormInfo, RunContext


@container_element("form")
def form(
    container: Container,
    key: str | int,
    clear_on_submit: bool = False,
    *,
    enter_to_submit: bool = True,
    border: bool = True,
    width: Width = "stretch",
) -> Container:
    """Place a form: its fields' values come together, when its ``form_submit_button`` is clicked.

    ``clear_on_submit`` puts the fields back to their defaults after the run. Raises ScriptApiError for a form in a form
    and for a key that another form has.
    """
    if container.form_id:
        raise ScriptApiError(
            f"st.form({key!r}) stands in the form {container.form_id!r}. A form cannot be inside another."
        )
    form_id = str(key)
    if not form_id:
        raise ScriptApiError("st.form needs a key that is not empty.")
    run = cast(RunContext, container.run)
    run.check()
    run.add_form(FormInfo(form_id=form_id, clear_on_submit=clear_on_submit))
    message = schema.Form(
        form_id=form_id, border=border, enter_to_submit=enter_to_submit, clear_on_submit=clear_on_submit
    )
    return container.add_container("form", message, width=wire_width(width), form_id=form_id)
