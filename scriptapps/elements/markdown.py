"""``st.markdown`` and ``st.caption``."""

from __future__ import annotations

from typing import Literal

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.markdown_html import block_html, clean_text, help_html
from scriptapps.elements.sizes import Width, check_choice, wire_width
from scriptapps.elements.text_cache import remembered
from scriptapps.protocol import schema

Alignment = Literal["left", "center", "right", "justify"]
ALIGNMENTS = ("left", "center", "right", "justify")


@element("markdown")
def markdown(
    container: Container,
    body: object,
    unsafe_allow_html: bool = False,
    *,
    help: str | None = None,
    width: Width = "stretch",
    text_alignment: Alignment = "left",
) -> Placed:
    """Show text written in Markdown: GitHub's tables and ~~strikethrough~~, and coloured text like ``:red[late]``.

    Raw HTML is shown as text unless ``unsafe_allow_html``; then harmless tags and classes are kept.
    """
    check_choice("text_alignment", text_alignment, ALIGNMENTS)
    props = _props(str(body), bool(unsafe_allow_html), help or "", text_alignment, False)
    return container.add_bytes("markdown", props, width=wire_width(width))


@element("markdown")
def caption(
    container: Container,
    body: object,
    unsafe_allow_html: bool = False,
    *,
    help: str | None = None,
    width: Width = "stretch",
    text_alignment: Alignment = "left",
) -> Placed:
    """Show small, quiet text for notes and footnotes. Parameters as for ``markdown``."""
    check_choice("text_alignment", text_alignment, ALIGNMENTS)
    props = _props(str(body), bool(unsafe_allow_html), help or "", text_alignment, True)
    return container.add_bytes("markdown", props, width=wire_width(width))


@remembered
def _props(text: str, unsafe_html: bool, help: str, align: str, is_caption: bool) -> bytes:
    html = block_html(clean_text(text), unsafe_html)
    return schema.Markdown(
        html=html, caption=is_caption, help_html=help_html(help), align="" if align == "left" else align
    ).SerializeToString()
