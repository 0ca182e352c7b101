"""``st.progress``."""

from __future__ import annotations

import numbers

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.markdown_html import clean_text, inline_html
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema


@element("progress")
def progress(container: Container, value: float, text: str | None = None, width: Width = "stretch") -> Placed:
    """Show a bar that fills: ``value`` is 0 to 100 as an int, or 0.0 to 1.0 as a float.

    Returns a handle: ``bar.progress(value, text)`` moves it, ``bar.empty()`` takes it away.
    """
    message = schema.Progress(
        fraction=progress_fraction(value), text_html=inline_html(clean_text(text)) if text else ""
    )
    return container.add("progress", message, width=wire_width(width))


def progress_fraction(value: float) -> float:
    """``value`` as 0 to 1. Raises ScriptApiError."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    whole = is_number and isinstance(value, numbers.Integral)
    if not is_number or not 0 <= value <= (100 if whole else 1):
        raise ScriptApiError(f"progress takes an int from 0 to 100 or a float from 0.0 to 1.0, not {value!r}.")
    return value / 100 if whole else float(value)
