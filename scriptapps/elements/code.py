"""``st.code``."""

from __future__ import annotations

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.sizes import Height, Width, wire_height, wire_width
from scriptapps.protocol import schema


@element("code")
def code(
    container: Container,
    body: object,
    language: str | None = "python",
    *,
    line_numbers: bool = False,
    wrap_lines: bool = False,
    width: Width = "stretch",
    height: Height = "content",
) -> Placed:
    """Show source code with a copy button. ``language=None`` is plain text; a ``height`` in pixels makes it scroll."""
    message = schema.Code(
        body=str(body).strip("\n"),
        language=language or "",
        line_numbers=line_numbers,
        wrap_lines=wrap_lines,
        height=wire_height(height),
    )
    return container.add("code", message, width=wire_width(width))
