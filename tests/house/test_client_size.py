"""The built client: small, self-contained, and nothing in it that a strict content security policy refuses.

Runs on: pytest, no database; reads scriptapps/static/scriptapps (`make generate`).
"""

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "scriptapps/static/scriptapps"
FIRST_VIEW_BYTES = 40_000
# Bytes after gzip -9 of what is loaded when a page first shows the kind.
LAZY_BYTES: dict[str, int] = {"code": 30_000, "dataframe": 12_000, "chart": 14_000}
LAZY_FILES = sorted((STATIC / "elements").glob("*.js"))
IMPORT = re.compile(
    rb"""(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{][^;"']*?\sfrom\s*|)["'][^"']+["']|\bimport\(\s*["'`]"""
)


def _zipped(file: Path) -> int:
    return len(gzip.compress(file.read_bytes(), 9, mtime=0))


def test_the_first_view_fits_its_budget() -> None:
    first = [file for file in STATIC.glob("*") if file.suffix in {".js", ".css"}]
    assert STATIC / "app.js" in first
    sizes = {file.name: _zipped(file) for file in first}
    assert sum(sizes.values()) <= FIRST_VIEW_BYTES, sizes


def test_every_lazy_kind_has_a_budget() -> None:
    assert {file.stem for file in LAZY_FILES} == LAZY_BYTES.keys()


@pytest.mark.parametrize("file", LAZY_FILES, ids=lambda file: file.stem)
def test_lazy_kinds_fit_their_budgets(file: Path) -> None:
    assert _zipped(file) <= LAZY_BYTES[file.stem]


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.js")), ids=lambda file: file.name)
def test_no_built_file_imports_another(file: Path) -> None:
    found = IMPORT.search(file.read_bytes())
    assert found is None, found


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.js")), ids=lambda file: file.name)
def test_nothing_evaluates_text_as_code(file: Path) -> None:
    assert not re.search(rb"\beval\(|new Function\(", file.read_bytes())
