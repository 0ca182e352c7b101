"""The import direction, checked by import-linter, and what it cannot see: imports inside functions.

Runs on: pytest, no database.
"""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS_WITHOUT_DJANGO = {"st", "elements", "commands", "runtime", "deltas", "protocol", "errors"}

# Optional packages are imported where they are used; models need the app registry, which is ready only later.
OPTIONAL = {
    "opentelemetry",
    "pandas",
    "numpy",
    "pyarrow",
    "polars",
    "sympy",
    "matplotlib",
    "psycopg",
    "redis",
    "websockets",
    "cronsim",
}
MODELS = {"scriptapps.models", "django.contrib.auth.models", "django.contrib.sessions.models"}
ALLOWED = {
    ("scriptapps/routing.py", "scriptapps.health"): "asgi.py imports the routing before Django is set up",
    ("scriptapps/routing.py", "scriptapps.recycling"): "asgi.py imports the routing before Django is set up",
    # (file, module): reason
    ("scriptapps/routing.py", "scriptapps.consumers"): "asgi.py imports the routing before Django is set up",
    ("scriptapps/routing.py", "scriptapps.views"): "asgi.py imports the routing before Django is set up",
    ("scriptapps/routing.py", "scriptapps.node"): "asgi.py imports the routing before Django is set up",
}


def test_import_linter_contracts_hold() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())",
    ]
    done = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_plain_room_is_under_the_contract_that_keeps_django_out() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [plain] = (contract for contract in contracts if contract["id"] == "plain-core")
    assert set(plain["source_modules"]) == {f"scriptapps.{room}" for room in ROOMS_WITHOUT_DJANGO}


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "."] if isinstance(node, ast.ImportFrom) else []


def _inner_imports(tree: ast.Module) -> list[tuple[int, str]]:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [
        (inner.lineno, name)
        for function in functions
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
        for name in _imported(inner)
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "scriptapps").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_stand_at_the_top(path: Path) -> None:
    file = path.relative_to(ROOT).as_posix()
    # AppConfig.ready() is Django's own place for imports that need the registry.
    found = [] if file == "scriptapps/apps.py" else _inner_imports(ast.parse(path.read_text()))
    hidden = [
        f"{file}:{line} imports {name} inside a function"
        for line, name in found
        if name.split(".")[0] not in OPTIONAL and name not in MODELS and (file, name) not in ALLOWED
    ]
    assert not hidden


def test_the_table_of_allowed_imports_is_true() -> None:
    there = {(file, name) for file, _ in ALLOWED for _, name in _inner_imports(ast.parse((ROOT / file).read_text()))}
    assert ALLOWED.keys() <= there
