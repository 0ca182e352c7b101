"""``st.divider``."""

from __future__ import annotations

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.sizes import Width, wire_width


@element("divider")
def divider(container: Container, *, width: Width = "stretch") -> Placed:
    """Show a horizontal rule."""
    return container.add_bytes("divider", b"", width=wire_width(width))
