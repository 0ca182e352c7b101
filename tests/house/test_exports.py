"""What a script can import, and that editors and type checkers are told the same.

Runs on: pytest, no database. Invariant: `st` at run time, `st.pyi` and the containers' methods have the same names and
parameters.
"""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from scriptapps import st
from scriptapps.deltas.element_methods import ElementMethods
from scriptapps.deltas.library import library

ROOT = Path(__file__).resolve().parents[2]
ST_STUB = ROOT / "scriptapps/st.pyi"
METHODS_STUB = ROOT / "scriptapps/deltas/element_methods.pyi"


def _functions(body: list[ast.stmt]) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def _attributes(body: list[ast.stmt]) -> set[str]:
    return {node.target.id for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}


def _parameters(node: ast.FunctionDef) -> list[str]:
    arguments = node.args
    everyone = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    return [argument.arg for argument in everyone if argument]


def test_the_library_is_what_st_offers() -> None:
    names = library.functions.keys() | library.attributes.keys()
    assert names, "no element is registered"
    assert names <= set(dir(st))
    assert all(callable(getattr(st, name)) for name in library.functions)


def test_the_stub_of_st_has_the_same_names() -> None:
    body = ast.parse(ST_STUB.read_text()).body
    assert _functions(body).keys() == library.functions.keys()
    assert _attributes(body) == library.attributes.keys()


def test_the_stub_of_containers_has_the_same_methods() -> None:
    [methods] = (node for node in ast.parse(METHODS_STUB.read_text()).body if isinstance(node, ast.ClassDef))
    stub = _functions(methods.body)
    runtime = {name: value for name, value in vars(ElementMethods).items() if inspect.isfunction(value)}
    assert stub.keys() == runtime.keys()
    for name, function in runtime.items():
        assert _parameters(stub[name])[1:] == list(inspect.signature(function).parameters)[1:], name


def test_stub_and_function_have_the_same_parameters() -> None:
    stub = _functions(ast.parse(ST_STUB.read_text()).body)
    for name, function in library.functions.items():
        assert _parameters(stub[name]) == list(inspect.signature(function).parameters), name


def test_every_name_is_documented_in_place() -> None:
    undocumented = [name for name, function in library.functions.items() if not inspect.getdoc(function)]
    assert not undocumented


def test_importing_st_loads_neither_django_nor_anything_heavy() -> None:
    code = "import sys; from scriptapps import st; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    heavy = {"django", "channels", "asgiref", "asyncio", "pandas", "numpy", "pyarrow"}
    assert not heavy.intersection(done.stdout.split())
