"""Session state as bytes that another process, another day, can read: JSON with named types, never pickle.

Runs on: the script thread. Invariant: ``decode_value(encode_value(v))`` equals ``v`` for every durable value; what is
not durable raises NotDurableError and says why. Decoding imports nothing and calls no code but the registered types.
"""

from __future__ import annotations

import base64
import collections
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
from collections.abc import Callable
from typing import Any

from scriptapps.errors import NotDurableError

TAG = "$type"
MAX_DEPTH = 64

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class ValueType:
    """How values of one kind travel: ``encode`` to something that is encodable again, ``decode`` back.

    ``matches`` says whether a value is of this kind; ``encode`` raises NotDurableError for one that cannot travel.
    """

    name: str
    matches: Callable[[Any], bool]
    encode: Encode
    decode: Decode


_types: dict[str, ValueType] = {}


def register_value_type(value_type: ValueType) -> None:
    """Teach the codec another type. Raises ValueError when the name is taken."""
    if value_type.name in _types:
        raise ValueError(f"The value type {value_type.name!r} is registered twice.")
    _types[value_type.name] = value_type


def encode_value(value: Any) -> bytes:
    """The value as UTF-8 JSON. Raises NotDurableError."""
    try:
        text = json.dumps(_encode(value, 0), ensure_ascii=False, separators=(",", ":"))
    except NotDurableError:
        raise
    except Exception as error:  # a value's own methods may raise anything, and only this value must suffer
        raise NotDurableError(f"it could not be written ({type(error).__name__}: {error})") from error
    # A str of Python may hold half a surrogate pair, which strict UTF-8 refuses.
    return text.encode("utf-8", "surrogatepass")


def decode_value(data: bytes) -> Any:
    """The value of these bytes.

    Raises NotDurableError when a type in it is not known here or no longer fits (a class that changed), and for bytes
    that this codec did not write.
    """
    try:
        return _decode(json.loads(data))
    except NotDurableError:
        raise
    except Exception as error:
        raise NotDurableError(f"its stored bytes do not fit ({type(error).__name__}: {error})") from error


def _encode(value: Any, depth: int) -> Any:
    if value is None or value is True or value is False or type(value) in (str, int):
        return value
    if depth > MAX_DEPTH:
        raise NotDurableError(f"it is nested more than {MAX_DEPTH} levels deep or contains itself")
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "v": repr(value)}
    if kind is list:
        return [_encode(item, depth + 1) for item in value]
    if kind is dict:
        return _encode_dict(value, depth)
    for value_type in _types.values():
        if value_type.matches(value):
            return {TAG: value_type.name, "v": _encode(value_type.encode(value), depth + 1)}
    raise NotDurableError(f"values of type {kind.__module__}.{kind.__qualname__} cannot be stored")


def _encode_dict(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str for key in value) and TAG not in value:
        return {key: _encode(item, depth + 1) for key, item in value.items()}
    pairs = [[_encode(key, depth + 1), _encode(item, depth + 1)] for key, item in value.items()]
    return {TAG: "dict", "v": pairs}


def _decode(stored: Any) -> Any:
    if isinstance(stored, list):
        return [_decode(item) for item in stored]
    if not isinstance(stored, dict):
        return stored
    if TAG not in stored:
        return {key: _decode(item) for key, item in stored.items()}
    name, content = stored[TAG], _decode(stored["v"])
    if name == "float":
        return float(content)
    if name == "dict":
        return dict(content)
    value_type = _types.get(name)
    if value_type is None:
        raise NotDurableError(f"its type {name!r} is not known here")
    return value_type.decode(content)


# -- types of Python itself --------------------------------------------------------------------------------------------


def _simple(name: str, kind: type, encode: Encode, decode: Decode) -> None:
    register_value_type(ValueType(name, lambda value: type(value) is kind, encode, decode))


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text)


def _to_base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode("ascii")


def _ordered_dict(pairs: list[Any]) -> Any:
    return collections.OrderedDict((key, item) for key, item in pairs)


def _counter(pairs: list[Any]) -> Any:
    return collections.Counter(dict(pairs))


_simple("tuple", tuple, list, tuple)
_simple("set", set, lambda value: sorted(value, key=repr), set)
_simple("frozenset", frozenset, lambda value: sorted(value, key=repr), frozenset)
_simple("bytes", bytes, _to_base64, _from_base64)
_simple("bytearray", bytearray, _to_base64, lambda text: bytearray(_from_base64(text)))
_simple("date", datetime.date, datetime.date.isoformat, datetime.date.fromisoformat)
_simple(
    "timedelta",
    datetime.timedelta,
    lambda value: [value.days, value.seconds, value.microseconds],
    lambda parts: datetime.timedelta(*parts),
)
_simple("decimal", decimal.Decimal, str, decimal.Decimal)
_simple("uuid", uuid.UUID, str, uuid.UUID)
_simple("complex", complex, lambda value: [value.real, value.imag], lambda parts: complex(*parts))
_simple("ordered dict", collections.OrderedDict, lambda value: [list(item) for item in value.items()], _ordered_dict)
_simple("counter", collections.Counter, lambda value: [list(item) for item in value.items()], _counter)
_simple("deque", collections.deque, lambda value: [list(value), value.maxlen], lambda parts: collections.deque(*parts))
_simple("range", range, lambda value: [value.start, value.stop, value.step], lambda parts: range(*parts))


def _encode_moment(value: Any) -> Any:
    """A zone by its name, because an offset alone forgets daylight saving; ``fold`` tells the hour that comes twice."""
    zone = getattr(value.tzinfo, "key", None) if isinstance(value.tzinfo, zoneinfo.ZoneInfo) else None
    if zone is None and not value.fold:
        return value.isoformat()
    return [(value.replace(tzinfo=None) if zone else value).isoformat(), zone, value.fold]


def _decode_moment(kind: Any) -> Decode:
    def decode(content: Any) -> Any:
        if isinstance(content, str):
            return kind.fromisoformat(content)
        text, zone, fold = content
        value = kind.fromisoformat(text)
        return value.replace(tzinfo=zoneinfo.ZoneInfo(zone) if zone else value.tzinfo, fold=fold)

    return decode


_simple("datetime", datetime.datetime, _encode_moment, _decode_moment(datetime.datetime))
_simple("time", datetime.time, _encode_moment, _decode_moment(datetime.time))
_simple("zone", zoneinfo.ZoneInfo, lambda value: value.key, zoneinfo.ZoneInfo)


def class_path(kind: type) -> list[str]:
    """Where a class is found again. Raises NotDurableError for one that was made inside a function."""
    if "<locals>" in kind.__qualname__:
        raise NotDurableError(f"its class {kind.__qualname__} was made inside a function; move it to the top level")
    return [kind.__module__, kind.__qualname__]


def find_class(path: list[str]) -> type:
    """The class at a path, in modules that are loaded already. Raises NotDurableError."""
    module_name, qualified = path
    found: Any = sys.modules.get(module_name)
    for part in qualified.split("."):
        # Not by getattr, which may run code of the module or of a class on the way.
        found = vars(found).get(part) if isinstance(found, types.ModuleType | type) else None
    if not isinstance(found, type):
        raise NotDurableError(f"its class {module_name}.{qualified} does not exist (any more)")
    return found


def _encode_enum(value: enum.Enum) -> Any:
    return [class_path(type(value)), value.name]


def _decode_enum(content: Any) -> enum.Enum:
    kind = find_class(content[0])
    if not issubclass(kind, enum.Enum) or content[1] not in kind.__members__:
        raise NotDurableError(f"{content[0][1]}.{content[1]} is not a member of an Enum (any more)")
    return kind[content[1]]


def _encode_dataclass(value: Any) -> Any:
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return [class_path(type(value)), fields]


def _decode_dataclass(content: Any) -> Any:
    kind = find_class(content[0])
    if not dataclasses.is_dataclass(kind):
        raise NotDurableError(f"{content[0][1]} is not a dataclass (any more)")
    names = {field.name for field in dataclasses.fields(kind)}
    if names != set(content[1]):
        raise NotDurableError(f"the fields of {content[0][1]} have changed")
    # As pickle and copy do: the fields as they were, without running __init__ again.
    made = object.__new__(kind)
    for name, item in content[1].items():
        object.__setattr__(made, name, item)
    return made


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


def _decode_namedtuple(content: Any) -> Any:
    kind: Any = find_class(content[0])
    if not (issubclass(kind, tuple) and hasattr(kind, "_make") and len(kind._fields) == len(content[1])):
        raise NotDurableError(f"the fields of {content[0][1]} have changed")
    return kind._make(content[1])


register_value_type(ValueType("enum", lambda value: isinstance(value, enum.Enum), _encode_enum, _decode_enum))
register_value_type(
    ValueType(
        "dataclass",
        lambda value: dataclasses.is_dataclass(value) and not isinstance(value, type),
        _encode_dataclass,
        _decode_dataclass,
    )
)
register_value_type(
    ValueType("namedtuple", _is_namedtuple, lambda value: [class_path(type(value)), list(value)], _decode_namedtuple)
)
