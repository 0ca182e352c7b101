"""The built client: small, self-contained, and nothing in it that a strict content security policy refuses.

Runs on: pytest, no database; reads scriptapps/static/scriptapps (`make generate`).
"""

import gzip
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "scriptapps/static/scriptapps"
PAGES = ROOT / "scriptapps/static/scriptapps_pages"
FIRST_VIEW_BYTES = 40_000
# Bytes after gzip -9 of what is loaded when a page first shows the kind.
LAZY_BYTES = {"json": 3_400, "chart": 9_000, "dataframe": 7_000, "file_uploader": 7_000}
BUILT = sorted(STATIC.rglob("*.js"))
LAZY_FILES = sorted((STATIC / "elements").glob("*.js"))
IMPORT = re.compile(
    rb"""(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{][^;"']*?\sfrom\s*|)["'][^"']+["']|\bimport\(\s*["'`]"""
)


def _zipped(file: Path) -> int:
    return len(gzip.compress(file.read_bytes(), 9, mtime=0))


def test_the_first_view_fits_its_budget() -> None:
    first = [STATIC / "app.js", *STATIC.glob("*.css"), PAGES / "pages.css"]
    sizes = {file.name: _zipped(file) for file in first}
    assert sum(sizes.values()) <= FIRST_VIEW_BYTES, sizes


def test_every_lazy_kind_has_a_budget() -> None:
    assert {file.stem for file in LAZY_FILES} == LAZY_BYTES.keys()


def test_lazy_kinds_fit_their_budgets() -> None:
    sizes = {file.stem: _zipped(file) for file in LAZY_FILES}
    assert not {kind: size for kind, size in sizes.items() if size > LAZY_BYTES.get(kind, 0)}


def test_no_built_file_imports_another() -> None:
    found = {file.name: match[0] for file in BUILT if (match := IMPORT.search(file.read_bytes()))}
    assert not found


def test_nothing_evaluates_text_as_code() -> None:
    assert not [file.name for file in BUILT if re.search(rb"\beval\(|new Function\(", file.read_bytes())]
