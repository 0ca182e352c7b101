"""A widget's value survives the wire in both directions."""

import math

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from scriptapps.errors import ProtocolError
from scriptapps.protocol import schema
from scriptapps.protocol.values import from_value, to_value

numbers = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
texts = st.text()
wires = st.none() | st.booleans() | numbers | texts | st.lists(texts) | st.lists(numbers)


@given(wires)
def test_there_and_back(wire):
    data = to_value(wire).SerializeToString()
    again = from_value(schema.Value.FromString(data))
    assert again == wire
    assert isinstance(again, bool) == isinstance(wire, bool)


@pytest.mark.parametrize(
    ("wire", "kind"),
    [(None, "none"), (True, "flag"), (1, "number"), (1.5, "number"), ("x", "text"), (["x"], "texts"), ([1], "numbers")],
)
def test_each_kind_has_its_field(wire, kind):
    assert to_value(wire).WhichOneof("kind") == kind


def test_a_click_is_true():
    assert from_value(schema.Value(trigger=True)) is True
    assert from_value(schema.Value(trigger=False)) is False


def test_not_a_number_travels_as_such():
    again = from_value(to_value(math.nan))
    assert isinstance(again, float)
    assert math.isnan(again)


def test_a_value_without_a_kind_is_refused():
    with pytest.raises(ProtocolError) as caught:
        from_value(schema.Value())
    assert caught.value.code == "invalid_value"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(data):
    try:
        value = schema.Value.FromString(data)
    except DecodeError:
        return
    try:
        from_value(value)
    except ProtocolError:
        assert value.WhichOneof("kind") is None
