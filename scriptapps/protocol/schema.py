"""The message classes of the wire, made from the descriptor set that the build ships.

Runs on: any thread. Invariant: a private descriptor pool, so that other packages' messages of the same name never clash
and every protobuf runtime from 4.25 on can load it. The types stand in the generated ``schema.pyi``.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

DESCRIPTOR_FILE = Path(__file__).with_name("descriptors.pb")


def _load() -> dict[str, object]:
    try:
        data = DESCRIPTOR_FILE.read_bytes()
    except FileNotFoundError:
        raise ImportError(
            f"{DESCRIPTOR_FILE} is missing: it is made when the package is built. "
            "In a clone run `make generate` or `pip install -e .`."
        ) from None
    files = descriptor_pb2.FileDescriptorSet.FromString(data)
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    names: dict[str, object] = {}
    for file in files.file:
        descriptor = pool.FindFileByName(file.name)
        for name, message in descriptor.message_types_by_name.items():
            names[name] = message_factory.GetMessageClass(message)
        for name, enum in descriptor.enum_types_by_name.items():
            names[name] = enum_type_wrapper.EnumTypeWrapper(enum)
    return names


globals().update(_load())
