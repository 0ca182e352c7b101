"""``st.metric``."""

from __future__ import annotations

from typing import Any, Literal

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.chart_data import plain_points
from scriptapps.elements.field import VISIBILITIES, LabelVisibility
from scriptapps.elements.markdown_html import help_html, label_parts
from scriptapps.elements.sizes import Width, check_choice, wire_width
from scriptapps.protocol import schema

DeltaColor = Literal["normal", "inverse", "off"]
ChartType = Literal["line", "bar", "area"]
MINUS = "-\N{MINUS SIGN}"


@element("metric")
def metric(
    container: Container,
    label: str,
    value: Any,
    delta: Any = None,
    delta_color: DeltaColor = "normal",
    *,
    help: str | None = None,
    label_visibility: LabelVisibility = "visible",
    border: bool = False,
    width: Width = "stretch",
    chart_data: Any = None,
    chart_type: ChartType = "line",
) -> Placed:
    """Show one number large, with its change.

    ``delta`` is the change: a number or a text; below zero (or with a minus in front) it points down. ``delta_color``
    "normal" means up is good, "inverse" means down is good, "off" is grey. ``chart_data`` draws a small chart.
    """
    check_choice("delta_color", delta_color, ("normal", "inverse", "off"))
    check_choice("label_visibility", label_visibility, VISIBILITIES)
    check_choice("chart_type", chart_type, ("line", "bar", "area"))
    plain, html = label_parts(str(label))
    text, direction = change(delta)
    message = schema.Metric(
        label=plain,
        label_html=html,
        value="–" if value is None else str(value),
        delta=text,
        direction=direction,
        tone=schema.Metric.Tone.Value(_tone(direction, delta_color)),
        border=border,
        chart=plain_points(chart_data) if chart_data is not None else [],
        help_html=help_html(help or ""),
        chart_type=chart_type,
        label_hidden=label_visibility != "visible",
    )
    return container.add("metric", message, width=wire_width(width))


def change(delta: Any) -> tuple[str, int]:
    """A change's text without its sign, and its direction: -1, 0, 1."""
    text = "" if delta is None else str(delta).strip()
    if not text:
        return "", 0
    if text[0] in MINUS:
        return text[1:].lstrip(), -1
    text = text.removeprefix("+").lstrip()
    is_zero = not isinstance(delta, str) and not delta
    return text, 0 if is_zero else 1


def _tone(direction: int, delta_color: str) -> str:
    if not direction or delta_color == "off":
        return "NEUTRAL"
    return "GOOD" if (direction > 0) == (delta_color == "normal") else "BAD"
