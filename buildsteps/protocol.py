"""proto/ -> scriptapps/protocol/descriptors.pb, the schema that Python loads, and schema.pyi, its types.

Runs on: the build machine. Python reads the descriptor set in a pool of its own instead of generated code, so the
result depends on no particular protobuf release.
"""

import subprocess
import sys
from pathlib import Path

from buildsteps.errors import BuildError

DESCRIPTORS = "scriptapps/protocol/descriptors.pb"
SCHEMA_STUB = "scriptapps/protocol/schema.pyi"
SCHEMA_SOURCE = "scriptapps/protocol/schema.py"


def proto_files(root: Path) -> list[Path]:
    """Every file of the wire contract, in the order in which protoc is given them."""
    return sorted((root / "proto").rglob("*.proto"))


def outputs(root: Path) -> list[Path]:
    """What `make` writes."""
    return [root / DESCRIPTORS, root / SCHEMA_STUB]


def run_protoc(root: Path, *options: str, environment: dict[str, str] | None = None) -> None:
    """Compile all of proto/ with the protoc inside grpcio-tools. Raises BuildError with its message."""
    names = [file.relative_to(root / "proto").as_posix() for file in proto_files(root)]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{root / 'proto'}", *options, *names]
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"protoc failed:\n{done.stderr}{done.stdout}")


def make(root: Path) -> None:
    """Write the descriptor set and its type stub."""
    # These come with grpcio-tools: only the environment of the build has them.
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    from buildsteps.schema_stub import schema_stub

    target = root / DESCRIPTORS
    target.parent.mkdir(parents=True, exist_ok=True)
    run_protoc(root, f"--descriptor_set_out={target}", "--include_imports")
    descriptors = FileDescriptorSet.FromString(target.read_bytes())
    source = root / SCHEMA_SOURCE
    handwritten = source.read_text() if source.is_file() else ""
    (root / SCHEMA_STUB).write_text(schema_stub(descriptors, handwritten))
