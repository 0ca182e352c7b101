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
    label: str, help: str | None = None, disabled: bool = False, label_visibility: LabelVisibility = "visible"
) -> schema.Field:
    """The message part that all widgets share. Raises ScriptApiError."""
    if not isinstance(label, str):
        raise ScriptApiError(f"label must be a text, not {type(label).__name__}: {label!r}.")
    check_choice("label_visibility", label_visibility, VISIBILITIES)
    plain, html = label_parts(label)
    return schema.Field(
        label=plain,
        label_html=html,
        help_html=help_html(help or ""),
        disabled=bool(disabled),
        visibility=VISIBILITIES.index(label_visibility),
    )
