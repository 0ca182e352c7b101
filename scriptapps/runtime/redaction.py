"""What of a page's values may leave its process for people other than its own.

Runs on: any thread. Invariant: what is hidden is hidden here, before anything is stored or sent; sizes are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scriptapps.runtime.widgets import WidgetSpec, WidgetStore

HIDDEN = "(hidden)"
VALUE_CHARS = 1_000
VALUES_SHOWN = 200
SHORTEST_MASKED = 4
"""A hidden text that is shorter is not looked for in other texts: it would be found in every second word."""


def is_hidden(names: Iterable[str], pattern: re.Pattern[str]) -> bool:
    """Whether a value with one of these names (a key, a label) is hidden."""
    return any(pattern.search(name) for name in names)


def widget_values(widgets: WidgetStore, pattern: re.Pattern[str]) -> dict[str, Any]:
    """The values of the page's widgets by key, or label, fit for JSON; what is hidden is replaced."""
    found: dict[str, Any] = {}
    for spec in list(widgets.specs.values())[:VALUES_SHOWN]:
        if spec.trigger:
            continue
        name = spec.key or spec.label or spec.kind
        name = name if name not in found else f"{name} ({spec.widget_id})"
        value = widgets.current.get(spec.widget_id, spec.default)
        found[name] = HIDDEN if _is_secret(spec, pattern) else shortened(value)
    return found


def secrets_of(widgets: WidgetStore, pattern: re.Pattern[str]) -> list[str]:
    """The texts that hidden widgets hold."""
    specs = [spec for spec in list(widgets.specs.values()) if _is_secret(spec, pattern)]
    values = [widgets.current.get(spec.widget_id, spec.default) for spec in specs]
    return [value for value in values if isinstance(value, str) and len(value) >= SHORTEST_MASKED]


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without these."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def shortened(value: Any) -> Any:
    """The value, or the beginning of it as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) > VALUE_CHARS:
        return f"{text[:VALUE_CHARS]}… ({len(text)} characters)"
    return value if isinstance(value, str | list) else text


def _is_secret(spec: WidgetSpec, pattern: re.Pattern[str]) -> bool:
    return spec.secret or is_hidden((spec.key or "", spec.label), pattern)
