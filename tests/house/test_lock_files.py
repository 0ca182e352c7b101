"""Locked versions come from whatever registry the machine is set up for; no file of ours names one.

Runs on: pytest, no database.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _locked() -> dict[str, dict[str, object]]:
    packages: dict[str, dict[str, object]] = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]
    return {path: package for path, package in packages.items() if path}


def test_the_lock_file_has_checksums_and_no_addresses() -> None:
    for path, package in _locked().items():
        assert "resolved" not in package, path
        assert package.get("integrity"), path


def test_the_lock_file_belongs_to_the_manifest() -> None:
    manifest = json.loads((ROOT / "frontend/package.json").read_text())
    root = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"][""]
    for group in ("dependencies", "devDependencies"):
        assert root.get(group, {}) == manifest.get(group, {})
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest.get(group, {}).values())


def test_no_set_up_file_chooses_a_registry() -> None:
    choice = re.compile(r"--(extra-)?index-url|--find-links|--registry|^registry\s*=|_authToken", re.MULTILINE)
    names = ("Makefile", ".ci/run", "pyproject.toml", "frontend/.npmrc", "frontend/package.json")
    files = [ROOT / name for name in names if (ROOT / name).is_file()]
    assert not [file.name for file in [*files, *(ROOT / "buildsteps").glob("*.py")] if choice.search(file.read_text())]
