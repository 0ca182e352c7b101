"""What scripts can call is described, and what is described can be called.

Runs on: pytest, no database.
"""

import re
from pathlib import Path

import scriptapps.st  # noqa: F401 - registers all elements
from scriptapps.deltas.library import library

ROOT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"^#{2,4} `st\.(\w+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:|[#/])([^)#\s]+)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def _pages() -> list[Path]:
    return sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def test_every_name_of_st_has_an_entry_and_every_entry_a_name() -> None:
    entries = {name for page in (ROOT / "docs").rglob("*.md") for name in ENTRY.findall(page.read_text())}
    assert entries == library.functions.keys() | library.attributes.keys()


def test_links_between_pages_and_files_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _pages()
        for target in LINK.findall(CODE.sub("", page.read_text()))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_every_target_of_the_makefile_is_listed_by_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
