"""frontend/ -> scriptapps/static/scriptapps/: TypeScript codecs from proto/, then the client's own build.

Runs on: the build machine. Invariant: the static folder holds nothing but what this build wrote.
"""

import os
import shutil
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
_NOT_SOURCES = {"node_modules", "dec", "enc", "coverage", "tests"}


def sources(root: Path) -> Iterator[Path]:
    """What the built client depends on, apart from proto/."""
    for file in (root / "frontend").rglob("*"):
        if file.is_file() and not _NOT_SOURCES.intersection(file.relative_to(root).parts):
            yield file


def outputs(root: Path) -> Iterator[Path]:
    """What stands in the folders this step fills."""
    folders = [root / STATIC] if os.environ.get(PREBUILT) else [root / STATIC, *_codec_folders(root)]
    for folder in folders:
        yield from (file for file in folder.rglob("*") if file.is_file())


def make(root: Path) -> None:
    """Build the client, or take it from the folder that SCRIPTAPPS_PREBUILT names."""
    target = root / STATIC
    shutil.rmtree(target, ignore_errors=True)
    if prebuilt := os.environ.get(PREBUILT):
        if not (Path(prebuilt) / "app.js").is_file():
            raise BuildError(f"{PREBUILT}={prebuilt} holds no app.js")
        shutil.copytree(prebuilt, target)
        return
    frontend = root / "frontend"
    if not (frontend / "package.json").is_file():
        raise BuildError(
            f"{frontend / 'package.json'} is missing: the browser client cannot be built "
            f"(set {PREBUILT} to a folder with a built client to go without it)"
        )
    node.install_packages(frontend)
    generate_codecs(root)
    node.run_node(frontend, "build.mjs")
    if not (target / "app.js").is_file():
        raise BuildError(f"frontend/build.mjs wrote no {STATIC}/app.js")


def generate_codecs(root: Path) -> None:
    """Write the TypeScript messages: one folder that can only decode, one that can only encode."""
    script = "protoc-gen-ts_proto.cmd" if os.name == "nt" else "protoc-gen-ts_proto"
    plugin = root / "frontend" / "node_modules" / ".bin" / script
    for folder, methods in zip(_codec_folders(root), ("decode-only", "encode-only"), strict=True):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run_protoc(
            root,
            f"--plugin=protoc-gen-ts_proto={plugin}",
            f"--ts_proto_out={folder}",
            f"--ts_proto_opt={','.join((f'outputEncodeMethods={methods}', *_TS_OPTIONS))}",
            environment=node.find_node().environment(),
        )


def _codec_folders(root: Path) -> list[Path]:
    return [root / CODECS / "dec", root / CODECS / "enc"]
