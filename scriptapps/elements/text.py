"""``st.text``."""

from __future__ import annotations

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.markdown_html import clean_text, help_html
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.protocol import schema


@element("text")
def text(container: Container, body: object, *, help: str | None = None, width: Width = "content") -> Placed:
    """Show text as it is, in a fixed-width font and without any markup."""
    message = schema.Text(body=clean_text(body), help_html=help_html(help or ""))
    return container.add("text", message, width=wire_width(width, "content"))
