"""Widget values as the store holds them.

Runs on: the script thread, and the database executor for reading. Invariant: only values other than the default are
stored; a keyed widget's also as the script sees it, because the script may ask for it before it places the widget.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from scriptapps.errors import InvalidWidgetValueError, NotDurableError
from scriptapps.protocol.values import Wire
from scriptapps.runtime.state_codec import encode_value
from scriptapps.runtime.widgets import WidgetSpec, WidgetStore

logger = logging.getLogger("scriptapps.runs")

# Keys of the stored object of a keyed widget; any other widget is stored as its bare wire value, never an object.
WIRE, KEY, VALUE = "wire", "key", "value"


def widgets_to_store(widgets: WidgetStore, unplaced: Mapping[str, tuple[str, bytes | None]]) -> dict[str, Any]:
    """What to store of each widget, by id. ``unplaced``: key and the script's value of restored ones, by id."""
    found: dict[str, Any] = {}
    for widget_id, wire in widgets.current.items():
        spec = widgets.specs.get(widget_id)
        if spec is not None and wire == spec.default:
            continue
        if spec is not None and spec.key is not None:
            found[widget_id] = {WIRE: wire, KEY: spec.key, VALUE: _seen_by_script(spec, wire)}
        elif spec is None and widget_id in unplaced:
            key, data = unplaced[widget_id]
            found[widget_id] = {WIRE: wire, KEY: key, VALUE: None if data is None else _text(data)}
        else:
            found[widget_id] = wire
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _seen_by_script(spec: WidgetSpec, wire: Wire) -> str | None:
    try:
        return _text(encode_value(spec.deserialize(wire)))
    except (NotDurableError, InvalidWidgetValueError):
        # Placing the widget gives the value all the same; only asking before that does not.
        return None


def read_widgets(
    stored: Mapping[str, bytes],
) -> tuple[dict[str, Any], dict[str, tuple[str, bytes | None]]]:
    """Wire values by widget id; and, by key, widget id and the script's value, still encoded. Skips damaged rows."""
    wires: dict[str, Any] = {}
    keyed: dict[str, tuple[str, bytes | None]] = {}
    for widget_id, data in stored.items():
        try:
            content = json.loads(data)
        except ValueError:
            logger.warning("What was stored of widget %s cannot be read; it begins with its default", widget_id)
            continue
        if isinstance(content, dict):
            value = content.get(VALUE)
            keyed[str(content.get(KEY))] = (
                widget_id,
                None if value is None else value.encode("utf-8", "surrogatepass"),
            )
            content = content.get(WIRE)
        wires[widget_id] = content
    return wires, keyed
