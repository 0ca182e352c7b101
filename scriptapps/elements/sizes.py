"""Widths, heights and gaps as scripts write them, checked and put on the wire.

Runs on: any thread (pure). Invariant: "" and 0 on the wire mean "as the kind likes".
"""

from __future__ import annotations

from typing import Literal

from scriptapps.errors import ScriptApiError

Width = Literal["stretch", "content"] | int
Height = Literal["stretch", "content", "auto"] | int
Gap = Literal["none", "xxsmall", "xsmall", "small", "medium", "large", "xlarge", "xxlarge"] | None

GAPS = {
    None: "none", "none": "none", "xxsmall": "small", "xsmall": "small", "small": "small", "medium": "medium",
    "large": "large", "xlarge": "large", "xxlarge": "large",
}  # fmt: skip
LARGEST = 100_000


def wire_width(width: Width, usual: str = "stretch", *, use_container_width: bool | None = None) -> str:
    """A width on the wire; ``usual`` is what the kind does by itself. Raises ScriptApiError."""
    if use_container_width is not None:
        width = "stretch" if use_container_width else "content"
    if width == usual:
        return ""
    if width in ("stretch", "content") or _is_pixels(width):
        return str(width)
    raise ScriptApiError(f'width must be "stretch", "content" or a number of pixels, not {width!r}.')


def wire_height(height: Height | None) -> int:
    """A height in pixels, 0 for as tall as the content. Raises ScriptApiError."""
    if height in ("stretch", "content", "auto", None):
        return 0
    if _is_pixels(height):
        return int(height)
    raise ScriptApiError(f'height must be "content" or a number of pixels, not {height!r}.')


def wire_gap(gap: Gap) -> str:
    """The space between elements. Raises ScriptApiError."""
    if gap not in GAPS:
        raise ScriptApiError(f"gap must be one of {', '.join(map(repr, GAPS))}, not {gap!r}.")
    return GAPS[gap]


def check_choice(parameter: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ScriptApiError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ScriptApiError(f"{parameter} must be one of {', '.join(map(repr, choices))}, not {value!r}.")


def _is_pixels(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 0 < size <= LARGEST
