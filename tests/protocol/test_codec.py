"""Bytes from a browser: whatever they are, the answer is a message or a ProtocolError."""

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptapps.errors import ProtocolError
from scriptapps.protocol import schema
from scriptapps.protocol.codec import (
    DEFLATE_FROM,
    MAX_ITEMS,
    MAX_TEXT,
    decode_client_message,
    deflate_batch,
    to_json,
    unknown_kind,
)


def decode(data: bytes, max_bytes: int = 1_000_000, max_events: int = 100):
    return decode_client_message(data, max_bytes=max_bytes, max_events=max_events)


def events(*values: schema.Value) -> bytes:
    message = schema.ClientMessage(seq=1)
    for value in values:
        message.widget_events.events.add(widget_id="w").value.CopyFrom(value)
    return message.SerializeToString()


@pytest.mark.parametrize(
    "kind",
    [
        "attach", "widget_events", "rerun", "stop", "clear_cache", "set_run_on_save", "request_snapshot", "close",
        "save_snapshot", "ack", "ping",
    ],
)  # fmt: skip
def test_every_kind_arrives(kind):
    message = schema.ClientMessage(seq=7)
    getattr(message, kind).SetInParent()
    assert decode(message.SerializeToString()).WhichOneof("kind") == kind


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xff\xff", "malformed"),
        (b"\x12\x05abc", "malformed"),
        (b"x" * 1001, "too_large"),
        (events(*[schema.Value(flag=True)] * 101), "too_many_events"),
    ],
)
def test_what_cannot_be_accepted(data, code):
    with pytest.raises(ProtocolError) as caught:
        decode(data, max_bytes=1000)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "value",
    [
        schema.Value(text="x" * (MAX_TEXT + 1)),
        schema.Value(texts=schema.Texts(items=["x"] * (MAX_ITEMS + 1))),
        schema.Value(numbers=schema.Numbers(items=[1.0] * (MAX_ITEMS + 1))),
    ],
)
def test_a_value_has_limits_of_its_own(value):
    with pytest.raises(ProtocolError) as caught:
        decode(events(value))
    assert caught.value.code == "too_large"


def test_exactly_the_limit_is_accepted():
    data = events(schema.Value(text="x" * MAX_TEXT))
    assert decode(data, max_bytes=len(data)).widget_events.events[0].value.text == "x" * MAX_TEXT
    with pytest.raises(ProtocolError):
        decode(data, max_bytes=len(data) - 1)
    assert len(decode(events(*[schema.Value(flag=True)] * 100)).widget_events.events) == 100


def test_text_must_be_text():
    data = events(schema.Value(text="ab")).replace(b"ab", b"\xff\xfe")
    with pytest.raises(ProtocolError) as caught:
        decode(data)
    assert caught.value.code == "malformed"


def test_fields_of_a_newer_browser_are_ignored():
    data = schema.ClientMessage(seq=3, ping=schema.Ping(number=4)).SerializeToString() + b"\xa0\x06\x01"
    message = decode(data)
    assert (message.seq, message.ping.number) == (3, 4)


def test_a_kind_of_a_newer_browser_is_named_by_its_number():
    message = decode(b"\x08\x05" + b"\xfa\x06\x00")
    assert message.WhichOneof("kind") is None
    assert unknown_kind(message) == "field 111"
    assert unknown_kind(decode(b"")) == "empty"


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_message_or_a_protocol_error(data):
    try:
        message = decode(data)
    except ProtocolError:
        return
    unknown_kind(message)
    json.loads(to_json(message))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_messages_give_a_message_or_a_protocol_error(data):
    whole = bytearray(events(schema.Value(text="hello"), schema.Value(numbers=schema.Numbers(items=[1.0, 2.0]))))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        json.loads(to_json(decode(bytes(whole[:cut]))))
    except ProtocolError:
        return


# -- to the browser ----------------------------------------------------------------------------------------------------


def test_small_batches_travel_as_they_are():
    assert deflate_batch(b"x" * DEFLATE_FROM) == b"x" * DEFLATE_FROM


def test_large_batches_are_compressed_whole():
    message = schema.ServerMessage(batch=3)
    message.deltas.add().set.props = b"x" * 100_000
    data = message.SerializeToString()
    packed = deflate_batch(data)
    assert len(packed) < len(data) / 10
    outer = schema.ServerMessage.FromString(packed)
    assert [field.name for field, _ in outer.ListFields()] == ["deflated"]
    assert zlib.decompress(outer.deflated) == data


def test_what_does_not_get_smaller_stays():
    import random

    data = random.Random(1).randbytes(DEFLATE_FROM * 2)
    assert deflate_batch(data) == data


def test_a_message_as_one_line_of_json():
    line = to_json(schema.ClientMessage(seq=2, save_snapshot=schema.SaveSnapshot(title="ä\n")))
    assert "\n" not in line
    assert json.loads(line) == {"seq": 2, "save_snapshot": {"title": "ä\n"}}
