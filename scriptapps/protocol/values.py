"""A widget's value on the wire: plain Python to ``Value`` and back.

Runs on: any thread. Invariant: ``from_value(to_value(w)) == w`` for every Wire value; a trigger
is ``True`` and never stored.
"""

from __future__ import annotations

from typing import cast

from scriptapps.errors import ProtocolError
from scriptapps.protocol import schema

Wire = None | bool | float | int | str | list[str] | list[float]
"""What a widget's value is while it travels or is stored."""


def to_value(wire: Wire) -> schema.Value:
    """The ``Value`` message for a plain value."""
    if wire is None:
        return schema.Value(none=True)
    if isinstance(wire, bool):
        return schema.Value(flag=wire)
    if isinstance(wire, int | float):
        return schema.Value(number=wire)
    if isinstance(wire, str):
        return schema.Value(text=wire)
    if wire and not isinstance(wire[0], str):
        return schema.Value(numbers=schema.Numbers(items=wire))
    return schema.Value(texts=schema.Texts(items=cast("list[str]", wire)))


def from_value(value: schema.Value) -> Wire:
    """The plain value of a ``Value`` message.

    Raises ProtocolError (``invalid_value``) when no kind is set or this side does not know it.
    """
    kind = value.WhichOneof("kind")
    if kind == "none":
        return None
    if kind in ("flag", "trigger"):
        return bool(getattr(value, kind))
    if kind in ("number", "text"):
        return getattr(value, kind)
    if kind == "texts":
        return list(value.texts.items)
    if kind == "numbers":
        return list(value.numbers.items)
    raise ProtocolError("invalid_value", "The widget's value has no kind that this server knows.")
