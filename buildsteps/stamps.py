"""Remembers which sources and outputs belong together, so that a step runs only when something changed.

Runs on: the build machine. The stamps travel in the sdist: a wheel built from it needs neither protoc nor Node.
Invariant: a stamp is written only after its step has succeeded.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

STAMP_FILE = ".generated.json"


@dataclass(frozen=True)
class Step:
    """One generator. `sources` and `outputs` list files, `make` writes the outputs; all take the project's root."""

    name: str
    sources: Callable[[Path], Iterable[Path]]
    outputs: Callable[[Path], Iterable[Path]]
    make: Callable[[Path], None]


def digest(root: Path, files: Iterable[Path]) -> str:
    """Hash of the names and contents of `files`, whatever their order; a missing file counts as missing."""
    total = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing"
        total.update(f"{file.relative_to(root).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def stale(root: Path, steps: Iterable[Step]) -> list[Step]:
    """The steps whose sources or outputs differ from their stamp."""
    stamps = _read(root)
    return [step for step in steps if stamps.get(step.name) != _stamp(root, step)]


def run(root: Path, steps: Iterable[Step], *, force: bool = False, report: Callable[[str], None] = print) -> None:
    """Run the stale steps in their order, or all of them."""
    for step in list(steps) if force else stale(root, steps):
        report(f"generating: {step.name}")
        step.make(root)
        stamps = _read(root) | {step.name: _stamp(root, step)}
        (root / STAMP_FILE).write_text(json.dumps(stamps, indent=1, sort_keys=True) + "\n")


def clean(root: Path, steps: Iterable[Step]) -> None:
    """Remove what the steps have written, and their stamps."""
    for step in steps:
        for file in list(step.outputs(root)):
            file.unlink(missing_ok=True)
    (root / STAMP_FILE).unlink(missing_ok=True)


def _stamp(root: Path, step: Step) -> dict[str, str]:
    return {"sources": digest(root, step.sources(root)), "outputs": digest(root, step.outputs(root))}


def _read(root: Path) -> dict[str, dict[str, str]]:
    file = root / STAMP_FILE
    return json.loads(file.read_text()) if file.is_file() else {}
