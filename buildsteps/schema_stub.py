"""Writes the types of scriptapps/protocol/schema.py, whose classes exist only at run time, from the descriptor set.

Runs on: the build machine. Every message and enum of all files is a name of that one module; what schema.py defines
by hand (functions with annotations, annotated constants) is repeated, because a stub hides its module.
"""

import ast
from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet

from buildsteps.errors import BuildError
from buildsteps.handwritten import public_interface

_HEADER = '''\
"""Generated from proto/ by `make generate`. Do not edit."""

import builtins
from collections.abc import Iterable, Mapping
from typing import Literal

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message
'''

_ENUM_BASE = """
class _Enum:
    DESCRIPTOR: EnumDescriptor
    def Name(self, number: builtins.int) -> builtins.str: ...
    def Value(self, name: builtins.str) -> builtins.int: ...
    def keys(self) -> builtins.list[builtins.str]: ...
    def values(self) -> builtins.list[builtins.int]: ...
    def items(self) -> builtins.list[builtins.tuple[builtins.str, builtins.int]]: ...
"""

_F = FieldDescriptorProto
_SCALARS = {
    **dict.fromkeys((_F.TYPE_DOUBLE, _F.TYPE_FLOAT), "builtins.float"),
    _F.TYPE_BOOL: "builtins.bool",
    _F.TYPE_STRING: "builtins.str",
    _F.TYPE_BYTES: "builtins.bytes",
}


def schema_stub(descriptors: FileDescriptorSet, handwritten: str) -> str:
    """The text of schema.pyi. Raises BuildError if two messages or enums share a name."""
    names: dict[str, str] = {}
    parts = [_HEADER, *_handwritten_imports(handwritten), _ENUM_BASE]
    for file in descriptors.file:
        for name in (*(enum.name for enum in file.enum_type), *(message.name for message in file.message_type)):
            if name in names:
                raise BuildError(f"{file.name} and {names[name]} both define {name}: give one another name")
            names[name] = file.name
        parts += ["\n".join(_enum(enum)) + "\n" for enum in file.enum_type]
        parts += ["\n".join(_message(message)) + "\n" for message in file.message_type]
    parts += [text + "\n" for text in public_interface(handwritten).definitions]
    return "\n".join(parts)


def _handwritten_imports(handwritten: str) -> list[str]:
    present = {ast.unparse(node) for node in ast.parse(_HEADER).body}
    lines = [line for line in public_interface(handwritten).imports if line not in present]
    return ["\n".join(lines) + "\n"] if lines else []


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"class _{enum.name}(_Enum):"
    yield from (f"    {value.name}: builtins.int" for value in enum.value)
    yield ""
    yield f"{enum.name}: _{enum.name}"


def _message(message: DescriptorProto) -> Iterator[str]:
    yield f"class {message.name}(Message):"
    body = list(_nested(message)) + list(_members(message))
    yield from (f"    {line}" if line else "" for line in body)


def _nested(message: DescriptorProto) -> Iterator[str]:
    for enum in message.enum_type:
        yield from _enum(enum)
        yield from (f"{value.name}: builtins.int" for value in enum.value)
    for nested in message.nested_type:
        yield from _message(nested)


def _members(message: DescriptorProto) -> Iterator[str]:
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    for field in message.field:
        if field.label == _F.LABEL_REPEATED or field.type == _F.TYPE_MESSAGE:
            yield "@property"
            yield f"def {field.name}(self) -> {_read_type(field, maps)}: ..."
        else:
            yield f"{field.name}: {_single_type(field)}"
    yield "def __init__("
    yield "    self,"
    if message.field:
        yield "    *,"
    yield from (f"    {field.name}: {_given_type(field, maps)} | None = ...," for field in message.field)
    yield ") -> None: ..."
    yield from _presence(message)


def _presence(message: DescriptorProto) -> Iterator[str]:
    with_presence = [f.name for f in message.field if f.HasField("oneof_index") or _is_single_message(f)]
    groups: dict[str, list[str]] = {}
    for field in message.field:
        if field.HasField("oneof_index") and not field.proto3_optional:
            groups.setdefault(message.oneof_decl[field.oneof_index].name, []).append(field.name)
    if with_presence:
        known = ", ".join(repr(name) for name in (*with_presence, *groups))
        yield f"def HasField(self, field_name: Literal[{known}]) -> builtins.bool: ..."
    if message.field:
        clearable = ", ".join(repr(name) for name in (*(f.name for f in message.field), *groups))
        yield f"def ClearField(self, field_name: Literal[{clearable}]) -> None: ..."
    if len(groups) == 1:
        [(group, members)] = groups.items()
        choices = ", ".join(repr(name) for name in members)
        yield f"def WhichOneof(self, oneof_group: Literal[{group!r}]) -> Literal[{choices}] | None: ..."


def _is_single_message(field: FieldDescriptorProto) -> bool:
    return bool(field.type == _F.TYPE_MESSAGE and field.label != _F.LABEL_REPEATED)


def _single_type(field: FieldDescriptorProto) -> str:
    if field.type == _F.TYPE_MESSAGE:
        return _local_name(field.type_name)
    return _SCALARS.get(field.type, "builtins.int")


def _local_name(type_name: str) -> str:
    # ".scriptapps.elements.Exception.Frame" -> "Exception.Frame": packages are lower case, messages are not.
    return ".".join(part for part in type_name.split(".") if part[:1].isupper())


def _map_types(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str | None:
    entry = maps.get(field.type_name.rsplit(".", 1)[-1]) if field.type == _F.TYPE_MESSAGE else None
    return ", ".join(_single_type(part) for part in entry.field) if entry else None


def _read_type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    if of_map := _map_types(field, maps):
        return f"builtins.dict[{of_map}]"
    if field.label != _F.LABEL_REPEATED:
        return _single_type(field)
    container = "RepeatedCompositeFieldContainer" if field.type == _F.TYPE_MESSAGE else "RepeatedScalarFieldContainer"
    return f"{container}[{_single_type(field)}]"


def _given_type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    if of_map := _map_types(field, maps):
        return f"Mapping[{of_map}]"
    return f"Iterable[{_single_type(field)}]" if field.label == _F.LABEL_REPEATED else _single_type(field)
