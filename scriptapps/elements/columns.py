"""``st.columns``: a row (kind columns) of places (kind column)."""

from __future__ import annotations

from collections.abc import Sequence

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.elements.container import VERTICAL, VerticalAlignment
from scriptapps.elements.sizes import Gap, Width, check_choice, wire_gap, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema


@container_element("columns", "column")
def columns(
    container: Container,
    spec: int | Sequence[float],
    *,
    gap: Gap = "small",
    vertical_alignment: VerticalAlignment = "top",
    border: bool = False,
    width: Width = "stretch",
) -> list[Container]:
    """Place columns side by side and return them. ``spec`` is their number, or one relative width for each."""
    check_choice("vertical_alignment", vertical_alignment, VERTICAL)
    weights = column_weights(spec)
    message = schema.Columns(gap=wire_gap(gap), vertical_align=vertical_alignment)
    row = container.add_container("columns", message, width=wire_width(width))
    return [row.add_container("column", schema.Column(weight=weight, border=border)) for weight in weights]


def column_weights(spec: int | Sequence[float]) -> list[float]:
    """One relative width per column. Raises ScriptApiError."""
    weights = [1.0] * spec if isinstance(spec, int) else [float(weight) for weight in spec]
    if not weights or any(not 0 < weight < float("inf") for weight in weights):
        raise ScriptApiError(f"st.columns takes a number of at least 1 or a list of positive widths, not {spec!r}.")
    return weights
