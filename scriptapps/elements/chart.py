"""``st.line_chart``, ``st.area_chart`` and ``st.bar_chart``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.chart_data import chart_table
from scriptapps.elements.sizes import Height, Width, wire_height, wire_width
from scriptapps.elements.tabular import read_table
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema

Color = str | Sequence[float] | Sequence[str | Sequence[float]] | None
Stack = bool | Literal["normalize", "layered"] | None
COLOR = re.compile(r"#[0-9a-f]{3,8}|[a-z]{3,25}|rgba?\([\d., %/]{5,40}\)", re.IGNORECASE)
STACKS: dict[object, str] = {None: "", True: "", False: "none", "layered": "none", "normalize": "normalize"}
MOST_ROWS = 200_000


@element("chart")
def line_chart(
    container: Container,
    data: Any = None,
    *,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
    color: Color = None,
    width: Width = "stretch",
    height: Height = "content",
    use_container_width: bool | None = None,
) -> Placed:
    """Draw a line for each column of numbers.

    ``x`` is the column along the axis (else the row names, else the row number), ``y`` the columns to draw (else all).
    ``color`` is the column that tells the series of one y apart, or a colour for each series. Points come in x's order.
    """
    message = _message("LINE", data, x, y, color, None, x_label, y_label, height)
    return container.add("chart", message, width=wire_width(width, use_container_width=use_container_width))


@element("chart")
def area_chart(
    container: Container,
    data: Any = None,
    *,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
    color: Color = None,
    stack: Stack = None,
    width: Width = "stretch",
    height: Height = "content",
    use_container_width: bool | None = None,
) -> Placed:
    """Draw a filled area for each column of numbers. ``stack`` as for ``bar_chart``, the rest as for ``line_chart``."""
    message = _message("AREA", data, x, y, color, stack, x_label, y_label, height)
    return container.add("chart", message, width=wire_width(width, use_container_width=use_container_width))


@element("chart")
def bar_chart(
    container: Container,
    data: Any = None,
    *,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
    color: Color = None,
    horizontal: bool = False,
    stack: Stack = None,
    width: Width = "stretch",
    height: Height = "content",
    use_container_width: bool | None = None,
) -> Placed:
    """Draw bars, in the order of the data. ``x``, ``y`` and ``color`` as for ``line_chart``.

    ``horizontal`` lays the bars down. ``stack``: several series on top of each other (usual), ``False`` side by side,
    "normalize" as shares of 100 %.
    """
    message = _message("BAR", data, x, y, color, stack, x_label, y_label, height)
    message.horizontal = horizontal
    if horizontal:
        # Given titles belong to the axis where they stand, columns' names go where the columns go.
        across, down = message.x_label, message.y_label
        message.x_label = down if x_label is None else across
        message.y_label = across if y_label is None else down
    return container.add("chart", message, width=wire_width(width, use_container_width=use_container_width))


def _message(
    mark: str,
    data: Any,
    x: str | None,
    y: str | Sequence[str] | None,
    color: Color,
    stack: Stack,
    x_label: str | None,
    y_label: str | None,
    height: Height,
) -> schema.Chart:
    if not isinstance(stack, bool | str | None) or stack not in STACKS:
        raise ScriptApiError(f'stack must be True, False, "normalize", "layered" or None, not {stack!r}.')
    table = read_table(data, MOST_ROWS)
    group = color if isinstance(color, str) and color in table.names else None
    drawn = chart_table(table, x, y, group, by_x=mark != "BAR")
    return schema.Chart(
        mark=schema.Chart.Mark.Value(mark),
        frame=drawn.frame(),
        x_label=(x or "") if x_label is None else str(x_label),
        y_label=(y if isinstance(y, str) else "") if y_label is None else str(y_label),
        height=wire_height(height),
        stack=STACKS[stack],
        colors=[] if group else series_colors(color, len(drawn.names) - 1),
    )


def series_colors(color: Any, count: int) -> list[str]:
    """CSS colours, one for each series. Raises ScriptApiError."""
    if color is None:
        return []
    is_one = isinstance(color, str) or (len(color) in (3, 4) and all(isinstance(part, int | float) for part in color))
    colors = [color] if is_one else list(color)
    if len(colors) != count:
        raise ScriptApiError(f"color has {len(colors)} colours for {count} series.")
    return [css_color(item) for item in colors]


def css_color(color: Any) -> str:
    """A colour's name, "#rrggbb", "rgb(...)" or a tuple of 3 or 4 numbers as CSS. Raises ScriptApiError."""
    if isinstance(color, str) and COLOR.fullmatch(color):
        return color
    is_tuple = isinstance(color, tuple | list) and len(color) in (3, 4)
    if is_tuple and all(isinstance(part, int | float) and 0 <= part <= 255 for part in color):
        scale = 255 if all(isinstance(part, float) and part <= 1 for part in color[:3]) else 1
        red, green, blue = (round(part * scale) for part in color[:3])
        alpha = color[3] if len(color) == 4 else 1
        return f"rgba({red}, {green}, {blue}, {alpha / 255 if alpha > 1 else alpha:g})"
    raise ScriptApiError(f'{color!r} is neither a column nor a colour such as "red", "#1f77b4" or (31, 119, 180).')
