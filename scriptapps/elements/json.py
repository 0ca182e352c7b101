"""``st.json``."""

from __future__ import annotations

from typing import Any

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.json_text import json_text
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.protocol import schema

ALL_LEVELS = 1000


@element("json")
def json(container: Container, body: Any, *, expanded: bool | int = True, width: Width = "stretch") -> Placed:
    """Show an object, or a JSON text, as a tree that folds. ``expanded``: whether it is open, or how many levels."""
    depth = (ALL_LEVELS if expanded else 0) if isinstance(expanded, bool) else max(int(expanded), 0)
    return container.add("json", schema.Json(body=json_text(body), depth=depth), width=wire_width(width))
