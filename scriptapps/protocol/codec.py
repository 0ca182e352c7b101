"""Bytes to messages and back, with limits.

Runs on: any thread (pure functions). Invariant: whatever arrives, the answer is a message or a ProtocolError.
"""

from __future__ import annotations

import zlib

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from scriptapps.errors import ProtocolError
from scriptapps.protocol import schema

PROTOCOL_VERSION = 1
SUBPROTOCOL = "scriptapps.v1"
DEFLATE_FROM = 16 * 1024
"""Batches larger than this many bytes are compressed here, because not every server compresses."""
MAX_TEXT = 200_000
MAX_ITEMS = 20_000


def decode_client_message(data: bytes, *, max_bytes: int, max_events: int) -> schema.ClientMessage:
    """Read one message of the browser.

    Raises ProtocolError: "too_large", "malformed" (not this protocol), "too_many_events".
    """
    if len(data) > max_bytes:
        raise ProtocolError("too_large", f"A message may have {max_bytes} bytes, this one has {len(data)}.")
    try:
        message = schema.ClientMessage.FromString(data)
    except DecodeError:
        raise ProtocolError("malformed", "The message is not one of this protocol.") from None
    if message.WhichOneof("kind") == "widget_events":
        _check_events(message.widget_events, max_events)
    return message


def _check_events(events: schema.WidgetEvents, max_events: int) -> None:
    if len(events.events) > max_events:
        raise ProtocolError("too_many_events", f"A message may have {max_events} events.")
    for event in events.events:
        value = event.value
        if len(value.text) > MAX_TEXT or len(value.texts.items) > MAX_ITEMS or len(value.numbers.items) > MAX_ITEMS:
            raise ProtocolError("too_large", "A value of a widget is too large.")


def unknown_kind(message: schema.ClientMessage) -> str:
    """How to name a message whose kind this side does not know."""
    numbers = sorted({field.field_number for field in UnknownFieldSet(message)})  # type: ignore[attr-defined]
    return ", ".join(f"field {number}" for number in numbers) or "empty"


def deflate_batch(data: bytes) -> bytes:
    """A serialised ServerMessage, compressed if that is worth it."""
    if len(data) <= DEFLATE_FROM:
        return data
    packed = schema.ServerMessage(deflated=zlib.compress(data, 1)).SerializeToString()
    return packed if len(packed) < len(data) else data


def to_json(message: object) -> str:
    """A message on one line of JSON, for the log."""
    return json_format.MessageToJson(message, indent=None, preserving_proto_field_name=True)  # type: ignore[arg-type]
