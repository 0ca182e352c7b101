"""``st.title``, ``st.header`` and ``st.subheader``."""

from __future__ import annotations

import re
from typing import Literal

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.markdown import ALIGNMENTS, Alignment
from scriptapps.elements.markdown_directives import icon_text
from scriptapps.elements.markdown_html import clean_text, help_html, inline_html, label_parts
from scriptapps.elements.sizes import Width, check_choice, wire_width
from scriptapps.elements.text_cache import remembered
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema

Anchor = str | Literal[False] | None
Divider = bool | Literal["blue", "green", "orange", "red", "violet", "gray", "grey", "rainbow"]
DIVIDERS = ("blue", "green", "orange", "red", "violet", "gray")


@element("heading")
def title(
    container: Container,
    body: object,
    anchor: Anchor = None,
    *,
    icon: str | None = None,
    help: str | None = None,
    width: Width = "stretch",
    text_alignment: Alignment = "left",
) -> Placed:
    """Show the page's title. ``anchor`` is the id to link to: made from the text, given, or ``False`` for none."""
    return _heading(container, 1, body, anchor, False, icon, help, width, text_alignment)


@element("heading")
def header(
    container: Container,
    body: object,
    anchor: Anchor = None,
    *,
    icon: str | None = None,
    help: str | None = None,
    divider: Divider = False,
    width: Width = "stretch",
    text_alignment: Alignment = "left",
) -> Placed:
    """Show a heading of the second level. ``divider`` draws a line under it: ``True`` or a colour's name."""
    return _heading(container, 2, body, anchor, divider, icon, help, width, text_alignment)


@element("heading")
def subheader(
    container: Container,
    body: object,
    anchor: Anchor = None,
    *,
    icon: str | None = None,
    help: str | None = None,
    divider: Divider = False,
    width: Width = "stretch",
    text_alignment: Alignment = "left",
) -> Placed:
    """Show a heading of the third level. Parameters as for ``header``."""
    return _heading(container, 3, body, anchor, divider, icon, help, width, text_alignment)


def _heading(
    container: Container,
    level: int,
    body: object,
    anchor: Anchor,
    divider: Divider,
    icon: str | None,
    help: str | None,
    width: Width,
    alignment: Alignment,
) -> Placed:
    check_choice("text_alignment", alignment, ALIGNMENTS)
    text = f"{icon_text(icon)} {body}" if icon_text(icon) else str(body)
    props = _props(
        text, level, None if anchor is None else anchor or "", _divider_color(divider), help or "", alignment
    )
    return container.add_bytes("heading", props, width=wire_width(width))


def _divider_color(divider: Divider) -> str:
    if divider is False:
        return ""
    color = {True: "gray", "grey": "gray", "rainbow": "violet"}.get(divider, divider)
    if color not in DIVIDERS:
        raise ScriptApiError(f"divider must be True, False or one of {', '.join(DIVIDERS)}, not {divider!r}.")
    return str(color)


@remembered
def _props(text: str, level: int, anchor: str | None, divider: str, help: str, align: str) -> bytes:
    body = clean_text(text)
    return schema.Heading(
        level=level,
        html=inline_html(body),
        anchor=slugify(label_parts(body)[0]) if anchor is None else anchor,
        divider=divider,
        help_html=help_html(help),
        align="" if align == "left" else align,
    ).SerializeToString()


def slugify(text: str) -> str:
    """Words of a text joined by hyphens, for an address."""
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")
