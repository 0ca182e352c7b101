"""The steps in their order, and which files each reads and writes.

Runs on: the build machine. Invariant: a step's sources include the code of the step itself.
"""

from collections.abc import Iterator
from pathlib import Path

from buildsteps import client, editor_stubs, protocol
from buildsteps.stamps import Step


def _own_code(root: Path) -> Iterator[Path]:
    return (root / "buildsteps").glob("*.py")


def _protocol_sources(root: Path) -> Iterator[Path]:
    yield from protocol.proto_files(root)
    yield root / protocol.SCHEMA_SOURCE
    yield from _own_code(root)


def _stub_sources(root: Path) -> Iterator[Path]:
    yield from editor_stubs.sources(root)
    yield from _own_code(root)


def _client_sources(root: Path) -> Iterator[Path]:
    yield from protocol.proto_files(root)
    yield from client.sources(root)
    yield from _own_code(root)


STEPS = (
    Step("protocol schema", _protocol_sources, protocol.outputs, protocol.make),
    Step("editor stubs", _stub_sources, editor_stubs.outputs, editor_stubs.make),
    Step("browser client", _client_sources, client.outputs, client.make),
)
