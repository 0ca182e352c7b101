"""Sizes and names that keep a room readable in one sitting.

Runs on: pytest, no database. Invariant: whatever is larger stands in a table here with its reason.
"""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES, CLASS_LINES, FUNCTION_LINES = 400, 250, 50
PYTHON = ("scriptapps", "buildsteps", "project", "benchmarks")
# Names that say nothing about what is inside.
NAMELESS = {"core", "utils", "util", "helpers", "helper", "common", "lib", "base", "manager", "misc"}

# path or path::name -> why it is longer.
LONGER: dict[str, str] = {
    "scriptapps/consumers.py::ScriptConsumer": "one socket from handshake to close, in the order in which it happens",
    "scriptapps/node.py::ServerNode": "opening, steering and ending of sessions share one lock and one table",
    "scriptapps/runtime/live_session.py::LiveSession": "one lock guards all of it: its users stand together",
}


def _python_files() -> list[Path]:
    return [
        file for folder in PYTHON for file in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in file.parts
    ]


def _client_files() -> list[Path]:
    ignored = subprocess.run(
        ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "frontend/src"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    generated = {ROOT / name for name in ignored}
    files = (file for file in sorted((ROOT / "frontend/src").rglob("*")) if file.suffix in {".ts", ".tsx", ".css"})
    return [file for file in files if file not in generated]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body; signature and docstring are not counted, an element's are long on purpose."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _definitions(path: Path) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield f"{_name(path)}::{node.name}", (node.end_lineno or 0) - node.lineno + 1, CLASS_LINES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{_name(path)}::{node.name}", _code_lines(node), FUNCTION_LINES


def test_files_are_short() -> None:
    lengths = {_name(file): len(file.read_text().splitlines()) for file in [*_python_files(), *_client_files()]}
    assert not {name: lines for name, lines in lengths.items() if lines > FILE_LINES and name not in LONGER}


def test_classes_and_functions_are_short() -> None:
    found = [item for file in _python_files() for item in _definitions(file)]
    assert not [f"{name}: {lines} lines" for name, lines, limit in found if lines > limit and name not in LONGER]


def test_the_table_of_longer_ones_is_true() -> None:
    names = {_name(file) for file in [*_python_files(), *_client_files()]}
    names |= {name for file in _python_files() for name, _, _ in _definitions(file)}
    assert LONGER.keys() <= names


def test_modules_say_what_they_are_for() -> None:
    # A demo script is shown to people as it is: its first lines are its own.
    files = (file for file in _python_files() if "scripts" not in file.parts and file.read_text().strip())
    assert not [_name(file) for file in files if not ast.get_docstring(ast.parse(file.read_text()))]


def test_rooms_say_on_which_thread_they_run() -> None:
    rooms = [file for file in _python_files() if _name(file).startswith("scriptapps/")]
    # One element or command is like the other: their folders' __init__ speaks for them.
    alike = ("scriptapps/elements/", "scriptapps/commands/", "scriptapps/management/")
    silent = [
        _name(file)
        for file in rooms
        if "Runs on" not in (ast.get_docstring(ast.parse(file.read_text())) or "")
        and file.read_text().strip()
        and (file.name == "__init__.py" or not _name(file).startswith(alike))
    ]
    assert not silent


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [_name(file) for file in [*_python_files(), *_client_files()] if file.stem in NAMELESS]
