"""Values of sessions as JSON: what a program may send, and what is stored.

Runs on: request threads. Invariant: of the typed forms of the state codec only those of plain values come in. Rows of
models, classes of the site and text that counts as safe markup do not: a program has no business making those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from scriptapps.api.problems import Problem
from scriptapps.errors import NotDurableError
from scriptapps.runtime.redaction import without_hidden
from scriptapps.runtime.state_codec import TAG, decode_value
from scriptapps.runtime.state_journal import STATE, WIDGET, Name
from scriptapps.runtime.widget_storage import read_widgets

PLAIN_TYPES = (
    "float",
    "dict",
    "tuple",
    "set",
    "frozenset",
    "bytes",
    "date",
    "datetime",
    "time",
    "timedelta",
    "decimal",
    "uuid",
)


def values_from_json(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Python values by key. Raises Problem (400) for a typed form that is none or that may not come in."""
    return {key: value_from_json(value, f"/{name}/{key}") for key, value in given.items()}


def value_from_json(value: Any, pointer: str) -> Any:
    """One Python value. Raises Problem (400)."""
    try:
        if wrong := _foreign_type(value):
            words = f"cannot be sent: {wrong!r} is no type of plain values, which are: {', '.join(PLAIN_TYPES)}"
            raise Problem(400, "A value cannot be read.", errors=[(pointer, words)])
        return decode_value(json.dumps(value).encode())
    except (NotDurableError, RecursionError) as reason:
        words = "nested too deep" if isinstance(reason, RecursionError) else str(reason)
        raise Problem(400, "A value cannot be read.", errors=[(pointer, words)]) from None


def stored_as_json(stored: Mapping[Name, bytes], hidden: re.Pattern[str]) -> dict[str, dict[str, Any]]:
    """``state`` by key, ``values`` of widgets by their key, ``widgets`` without one by id; in typed forms.

    What stands under a name that ``hidden`` is found in is replaced.
    """
    state = {name: _json(data) for (space, name), data in stored.items() if space == STATE}
    wires, keyed = read_widgets({name: data for (space, name), data in stored.items() if space == WIDGET})
    values = {key: wires.pop(widget) if data is None else _json(data) for key, (widget, data) in keyed.items()}
    named = {widget for widget, _data in keyed.values()}
    others = {key: wire for key, wire in wires.items() if key not in named}
    return {
        name: without_hidden(part, hidden, {})
        for name, part in (("state", state), ("values", values), ("widgets", others))
    }


def _json(data: bytes) -> Any:
    # JSON has no NaN; this is how the codec writes one.
    return json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=lambda word: {TAG: "float", "v": word})


def _foreign_type(value: Any) -> str:
    """The first type in it that may not come in, "" for none."""
    if isinstance(value, list):
        return next(filter(None, map(_foreign_type, value)), "")
    if not isinstance(value, dict):
        return ""
    if TAG in value and value[TAG] not in PLAIN_TYPES:
        return str(value[TAG]) or "''"
    return next(filter(None, map(_foreign_type, value.values())), "")
