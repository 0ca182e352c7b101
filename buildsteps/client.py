"""frontend/ -> scriptapps/static/scriptapps/: TypeScript codecs from proto/, then the client's own build.

Runs on: the build machine. Invariant: the static folder holds nothing but what this build wrote.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from buildsteps import node
from buildsteps.errors import BuildError
from buildsteps.protocol import run_protoc

STATIC = "scriptapps/static/scriptapps"
CODECS = "frontend/src/protocol"
PREBUILT = "SCRIPTAPPS_PREBUILT"

_TS_OPTIONS = (
    "outputJsonMethods=false",
    "outputPartialMethods=false",
    "oneof=unions-value",
    "forceLong=number",
    "unrecognizedEnum=false",
)
# Written by the client's own generate.mjs, which its build runs.
TABLES = ("frontend/src/elements/index.ts", "frontend/src/protocol/schema.ts")
_NOT_SOURCES = {"node_modules", "dec", "enc", "coverage", "tests", "README.md", ".gitignore"}


def sources(root: Path) -> Iterator[Path]:
    """What the built client depends on, apart from proto/."""
    tables = {root / table for table in TABLES}
    for folder, folders, names in os.walk(root / "frontend"):
        folders[:] = [name for name in folders if name not in _NOT_SOURCES]
        yield from {Path(folder, name) for name in names if name not in _NOT_SOURCES} - tables


def outputs(root: Path) -> Iterator[Path]:
    """What stands in the folders this step fills, and the tables that the client's build writes."""
    prebuilt = os.environ.get(PREBUILT)
    for folder in [root / STATIC, *([] if prebuilt else _codec_folders(root))]:
        yield from (file for file in folder.rglob("*") if file.is_file())
    if not prebuilt:
        yield from (root / table for table in TABLES)


def make(root: Path) -> None:
    """Build the client, or take it from the folder that SCRIPTAPPS_PREBUILT names."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(os.environ.get(PREBUILT) or f"{folder}/built")
        if not os.environ.get(PREBUILT):
            _build(root, built)
        if not (built / "app.js").is_file():
            raise BuildError(f"{built} holds no app.js: the client was not built")
        _replace(root / STATIC, built)


def _replace(target: Path, made: Path) -> None:
    """Put a complete folder in the place of an older one: a failed build leaves the older one as it is."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(made, target)


def _build(root: Path, target: Path) -> None:
    frontend = root / "frontend"
    if not (frontend / "package.json").is_file():
        raise BuildError(
            f"{frontend / 'package.json'} is missing: the browser client cannot be built "
            f"(set {PREBUILT} to a folder with a built client to go without it)"
        )
    node.install_packages(frontend)
    generate_codecs(root)
    node.run_node(frontend, "build.mjs", str(target))


def generate_codecs(root: Path) -> None:
    """Write the TypeScript messages: one folder that can only decode, one that can only encode."""
    script = "protoc-gen-ts_proto.cmd" if os.name == "nt" else "protoc-gen-ts_proto"
    plugin = root / "frontend" / "node_modules" / ".bin" / script
    for target, methods in zip(_codec_folders(root), ("decode-only", "encode-only"), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, target.name)
            made.mkdir()
            run_protoc(
                root,
                f"--plugin=protoc-gen-ts_proto={plugin}",
                f"--ts_proto_out={made}",
                f"--ts_proto_opt={','.join((f'outputEncodeMethods={methods}', *_TS_OPTIONS))}",
                environment=node.find_node().environment(),
            )
            _replace(target, made)


def _codec_folders(root: Path) -> list[Path]:
    return [root / CODECS / "dec", root / CODECS / "enc"]
