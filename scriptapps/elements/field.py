"""What every widget has: label, help, disabled, visibility.

Runs on: the script thread. Invariant: the label's plain text is the widget's accessible name, also when it is hidden.
"""

from __future__ import annotations

from typing import Literal

from scriptapps.elements.markdown_html import help_html, label_parts
from scriptapps.elements.sizes import check_choice
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema

LabelVisibility = Literal["visible", "hidden", "collapsed"]
VISIBILITIES = ("visible", "hidden", "collapsed")


def make_field(
    label: object, help: str | None = None, disabled: bool = False, label_visibility: LabelVisibility = "visible"
) -> schema.Field:
    """The message part that all widgets share. Raises ScriptApiError."""
    if label is None or isinstance(label, bytes | list | tuple | dict | set):
        raise ScriptApiError(f"label must be a text, not {type(label).__name__}: {label!r}.")
    check_choice("label_visibility", label_visibility, VISIBILITIES)
    # A translation that is looked up late is no str, but its text is.
    plain, html = label_parts(str(label))
    return schema.Field(
        label=plain,
        label_html=html,
        help_html=help_html(str(help or "")),
        disabled=bool(disabled),
        visibility=VISIBILITIES.index(label_visibility),
    )
