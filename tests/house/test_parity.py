"""An element is three files: its message, its Python function, its view. None may be missing, none left over.

Runs on: pytest, no database.
"""

import re
from pathlib import Path

import pytest

import scriptapps.st  # noqa: F401 - registers all elements
from scriptapps.deltas.library import library
from scriptapps.protocol import schema

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto/elements"
VIEWS = (ROOT / "frontend/src/elements", ROOT / "frontend/src/lazy")
KINDS = sorted(file.stem for file in PROTO.glob("*.proto"))


def _message_name(kind: str) -> str:
    return "".join(part.title() for part in kind.split("_"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_is_named_after_its_file(kind: str) -> None:
    text = (PROTO / f"{kind}.proto").read_text()
    assert text.startswith("// "), "the first line says what the element is, and which value a widget has"
    assert re.search(rf"^message {_message_name(kind)} \{{", text, re.MULTILINE)
    assert hasattr(schema, _message_name(kind))


def test_every_kind_is_made_by_an_element_and_no_element_makes_an_unknown_kind() -> None:
    assert set(library.kinds) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_one_view(kind: str) -> None:
    views = [folder / f"{kind}{ending}" for folder in VIEWS for ending in (".tsx", ".ts")]
    assert len([view for view in views if view.is_file()]) == 1


def test_no_view_is_left_over() -> None:
    views = {file.stem for folder in VIEWS for file in folder.glob("*.ts*")} - {"index"}
    assert views <= set(KINDS)
