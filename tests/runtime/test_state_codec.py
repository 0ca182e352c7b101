"""The state codec: everything durable comes back equal, everything else says why, hostile bytes do nothing.

Runs on: pytest. Invariant: no value of these tests is pickled.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import sys
import types
import uuid
import zoneinfo
from collections import Counter, OrderedDict, deque
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptapps.errors import NotDurableError
from scriptapps.runtime.state_codec import MAX_DEPTH, TAG, decode_value, encode_value, find_class

SURROGATES = st.characters(exclude_categories=[])


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.StrEnum):
    READ = "r"


@dataclasses.dataclass
class Cart:
    owner: str
    items: list[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: float = 0.0

    def __post_init__(self) -> None:
        assert self.x != 666, "decoding must not run code of the class"


class Pair(NamedTuple):
    left: Any
    right: Any


atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(SURROGATES),
    st.binary(),
    st.binary().map(bytearray),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones(), allow_imaginary=True),
    st.datetimes(timezones=st.just(datetime.timezone(datetime.timedelta(hours=-3, minutes=-17)))),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.complex_numbers(allow_nan=False),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 5)),
    st.sampled_from([*Colour, *Level, *Right]),
    st.builds(Point, st.integers(0, 9), st.floats(allow_nan=False)),
)
hashables = st.one_of(atoms.filter(lambda value: type(value) is not bytearray), st.tuples(st.integers(), st.text()))
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(deque),
        st.dictionaries(st.text(max_size=5) | st.just(TAG), inner, max_size=4),
        st.dictionaries(hashables, inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=4).map(OrderedDict),
        st.sets(hashables, max_size=4),
        st.frozensets(hashables, max_size=4),
        st.builds(Cart, st.text(), st.lists(inner, max_size=3)),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(values)
def test_what_is_encoded_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    decoded = decode_value(encode_value(value))
    assert decoded == value
    assert type(decoded) is type(value)


@settings(max_examples=100, deadline=None)
@given(values)
def test_bytes_are_the_same_every_time(value: Any) -> None:
    data = encode_value(value)
    assert encode_value(decode_value(data)) == data


def test_what_equality_does_not_tell() -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    summer_ends = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1)
    back = decode_value(encode_value(summer_ends))
    assert back.tzinfo is berlin
    assert back.fold == 1
    assert back.utcoffset() == datetime.timedelta(hours=1)
    assert decode_value(encode_value(datetime.time(2, 30, fold=1))).fold == 1
    assert decode_value(encode_value(datetime.time(2, 30, tzinfo=berlin))).tzinfo is berlin
    assert math.isnan(decode_value(encode_value(math.nan)))
    assert math.copysign(1, decode_value(encode_value(-0.0))) == -1
    assert decode_value(encode_value(decimal.Decimal("NaN"))).is_nan()
    assert str(decode_value(encode_value(decimal.Decimal("1.10")))) == "1.10"
    assert decode_value(encode_value(Counter("aab"))) == Counter("aab")
    assert decode_value(encode_value(deque([1, 2], maxlen=2))).maxlen == 2
    assert decode_value(encode_value(berlin)) is berlin
    assert decode_value(encode_value(1)) is not True
    assert type(decode_value(encode_value(1.0))) is float


class Meddler:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "builtins.object cannot be stored"),
        (lambda: None, "function cannot be stored"),
        ((i for i in [0]), "generator cannot be stored"),
        (sys, "module cannot be stored"),
        (Cart, "builtins.type cannot be stored"),
        ({"inside": {"deep": [object()]}}, "builtins.object cannot be stored"),
        ({Meddler()}, "could not be written"),
        (10**5000, "could not be written"),
    ],
    ids=["object", "lambda", "generator", "module", "class", "deep inside", "its repr raises", "too many digits"],
)
def test_what_cannot_be_stored_says_why(value: Any, reason: str) -> None:
    with pytest.raises(NotDurableError, match=reason.replace("(", r"\(")):
        encode_value(value)


def test_a_class_inside_a_function_cannot_be_found_again() -> None:
    @dataclasses.dataclass
    class Local:
        n: int

    with pytest.raises(NotDurableError, match="made inside a function"):
        encode_value(Local(1))


def test_depth_is_bounded_and_a_circle_is_named() -> None:
    value: Any = []
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode_value(encode_value(value)) == value
    with pytest.raises(NotDurableError, match="nested more than"):
        encode_value([value])
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotDurableError, match="contains itself"):
        encode_value(circle)


# -- classes that change -----------------------------------------------------------------------------------------------


def in_module(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec("import dataclasses, enum, typing\n" + source, module.__dict__)
    return module


@pytest.fixture
def changing():
    yield lambda source: in_module("changing_module", source)
    sys.modules.pop("changing_module", None)


def test_fields_that_changed_are_named(changing) -> None:
    before = changing("@dataclasses.dataclass\nclass Box:\n    a: int\n    b: int = 2")
    data = encode_value(before.Box(1))
    same = changing("@dataclasses.dataclass\nclass Box:\n    b: int\n    a: int = 0\n    def area(self): return 1")
    decoded = decode_value(data)
    assert type(decoded) is same.Box
    assert (decoded.a, decoded.b) == (1, 2)
    changing("@dataclasses.dataclass\nclass Box:\n    a: int\n    c: int = 2")
    with pytest.raises(NotDurableError, match="the fields of Box have changed"):
        decode_value(data)
    changing("class Box: pass")
    with pytest.raises(NotDurableError, match="Box is not a dataclass"):
        decode_value(data)
    changing("Box = 3")
    with pytest.raises(NotDurableError, match=r"changing_module\.Box does not exist"):
        decode_value(data)


def test_a_vanished_module_member_or_field_is_named(changing) -> None:
    module = changing("class E(enum.Enum):\n    A = 1\n    B = 2\nclass N(typing.NamedTuple):\n    a: int\n    b: int")
    member, pair = encode_value(module.E.B), encode_value(module.N(1, 2))
    changing("class E(enum.Enum):\n    A = 1\nclass N(typing.NamedTuple):\n    a: int")
    with pytest.raises(NotDurableError, match=r"E\.B is not a member"):
        decode_value(member)
    with pytest.raises(NotDurableError, match="the fields of N have changed"):
        decode_value(pair)
    del sys.modules["changing_module"]
    with pytest.raises(NotDurableError, match="does not exist"):
        decode_value(member)


def test_a_nested_class_is_found_by_its_path(changing) -> None:
    module = changing("class Outer:\n    @dataclasses.dataclass\n    class Inner:\n        a: int")
    assert decode_value(encode_value(module.Outer.Inner(3))) == module.Outer.Inner(3)


def test_a_dataclass_of_the_script_itself_survives_runs(stage) -> None:
    source = """
        from dataclasses import dataclass
        from scriptapps.runtime.state_codec import decode_value, encode_value

        @dataclass
        class Cart:
            n: int

        data = st.session_state.setdefault("data", encode_value(Cart(5)))
        cart = decode_value(data)
        st.text(f"{type(cart) is Cart} {cart}")
    """
    played = stage(source).run()
    assert played.texts == ["True Cart(n=5)"]
    assert played.run().texts == ["True Cart(n=5)"]


# -- hostile bytes -----------------------------------------------------------------------------------------------------

HOSTILE = [
    b"",
    b"\xff\xfe",
    b"{",
    b'{"$type":"tuple"}',
    b'{"$type":"tuple","v":3}',
    b'{"$type":["tuple"],"v":[]}',
    b'{"$type":"no such type","v":1}',
    b'{"$type":"complex","v":[1,2,3]}',
    b'{"$type":"set","v":[[1]]}',
    b'{"$type":"dict","v":[1]}',
    b'{"$type":"zone","v":"../../etc/passwd"}',
    b'{"$type":"uuid","v":"x"}',
    b'{"$type":"enum","v":[["os","system"],"echo"]}',
    b'{"$type":"enum","v":[["os"],"echo"]}',
    b'{"$type":"dataclass","v":[["subprocess","Popen"],{"args":"touch /tmp/x"}]}',
    b'{"$type":"dataclass","v":[["builtins","eval"],{}]}',
    b'{"$type":"dataclass","v":[["lazy_module","Thing"],{}]}',
    b'{"$type":"dataclass","v":[["antigravity","Thing"],{}]}',
    b'{"$type":"namedtuple","v":[["builtins","tuple"],[1]]}',
    b'{"$type":"dataclass","v":[["tests.runtime.test_state_codec","Cart.__init__.__globals__"],{}]}',
    b"[" * 100_000 + b"]" * 100_000,
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: data[:40].decode("latin-1"))
def test_hostile_bytes_only_raise(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = types.ModuleType("lazy_module")
    touched: list[str] = []
    lazy.__getattr__ = touched.append  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "lazy_module", lazy)
    loaded = set(sys.modules)
    with pytest.raises(NotDurableError):
        decode_value(data)
    assert set(sys.modules) == loaded
    assert not touched


def test_decoding_a_dataclass_runs_none_of_its_code() -> None:
    forged = json.loads(encode_value(Point(1)))
    forged["v"][1]["x"] = 666
    assert decode_value(json.dumps(forged).encode()).x == 666


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_decode_or_raise_the_one_error(data: bytes) -> None:
    try:
        decode_value(data)
    except NotDurableError:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([TAG, "v", "x"]), inner | st.sampled_from(["enum", "dataclass", "set"]))
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_any_json_decodes_or_raises_the_one_error(value: Any) -> None:
    try:
        decode_value(json.dumps(value).encode())
    except NotDurableError:
        return


def test_only_classes_are_found() -> None:
    assert find_class(["uuid", "UUID"]) is uuid.UUID
    for path in (["uuid", "uuid4"], ["uuid", "UUID.hex"], ["nothing", "X"], ["uuid", ""]):
        with pytest.raises(NotDurableError):
            find_class(path)
