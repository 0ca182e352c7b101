"""``st.container``."""

from __future__ import annotations

from typing import Literal

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.elements.sizes import Gap, Height, Width, check_choice, wire_gap, wire_height, wire_width
from scriptapps.protocol import schema

HorizontalAlignment = Literal["left", "center", "right", "distribute"]
VerticalAlignment = Literal["top", "center", "bottom"]
HORIZONTAL = ("left", "center", "right", "distribute")
VERTICAL = ("top", "center", "bottom")


@container_element("container")
def container(
    container: Container,
    *,
    border: bool | None = None,
    key: str | int | None = None,
    width: Width = "stretch",
    height: Height = "content",
    horizontal: bool = False,
    horizontal_alignment: HorizontalAlignment = "left",
    vertical_alignment: VerticalAlignment = "top",
    gap: Gap = "small",
) -> Container:
    """Place a container. Write to it with ``with`` or by its methods, also later than what stands below it.

    A ``height`` in pixels makes it scroll, with a border unless ``border=False``. ``key`` becomes a style-sheet part.
    """
    check_choice("horizontal_alignment", horizontal_alignment, HORIZONTAL)
    check_choice("vertical_alignment", vertical_alignment, VERTICAL)
    pixels = wire_height(height)
    message = schema.Container(
        border=bool(pixels) if border is None else border,
        height=pixels,
        horizontal=horizontal,
        gap=wire_gap(gap),
        key="" if key is None else str(key),
        align=horizontal_alignment,
        vertical_align=vertical_alignment,
    )
    return container.add_container("container", message, width=wire_width(width))
