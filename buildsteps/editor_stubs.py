"""elements/ and commands/ -> scriptapps/st.pyi and deltas/element_methods.pyi, for editors and type checkers.

Runs on: the build machine, reading sources only. At run time `st` and the containers collect the same functions by
importing them; a stub says the same without importing. Invariant: one signature, the one beside the implementation.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from buildsteps.errors import BuildError
from buildsteps.handwritten import stub_function

ST_STUB = "scriptapps/st.pyi"
METHODS_STUB = "scriptapps/deltas/element_methods.pyi"
FOLDERS = ("scriptapps/elements", "scriptapps/commands")
CALLABLE = {"element", "widget", "container_element", "command"}
ATTRIBUTE = "attribute"
PLACE = "container"

_HEADER = '"""Generated from scriptapps/elements and scriptapps/commands by `make generate`. Do not edit."""\n'


@dataclass
class StubModule:
    """The text of one stub under construction."""

    imports: dict[str, str] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)

    def bring_in(self, name: str, line: str, file: Path) -> str:
        """Import by `line`; the name under which the stub has it, another one where two files use one name."""
        if self.imports.setdefault(name, line) == line:
            return name
        other = f"{file.stem}_{name}"
        self.imports[other] = f"{line.partition(' as ')[0]} as {other}"
        return other


def sources(root: Path) -> list[Path]:
    """The modules that are read."""
    return [file for folder in FOLDERS for file in sorted((root / folder).rglob("*.py"))]


def outputs(root: Path) -> list[Path]:
    """What `make` writes."""
    return [root / ST_STUB, root / METHODS_STUB]


def make(root: Path) -> None:
    """Write both stubs."""
    st, methods = StubModule(), StubModule()
    for file in sources(root):
        _collect(root, file, st, methods)
    _write(root / ST_STUB, st.imports, st.definitions)
    _write(root / METHODS_STUB, methods.imports, ["class ElementMethods:\n    __slots__ = ()\n", *methods.definitions])


def _write(target: Path, imports: dict[str, str], definitions: list[str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join([_HEADER, *_grouped(set(imports.values())), "", *definitions]))


def _grouped(lines: set[str]) -> list[str]:
    """One import line for each module."""
    names: dict[str, list[str]] = {}
    for line in sorted(lines):
        module, _, name = line.partition(" import ")
        names.setdefault(module, []).append(name)
    return [f"{module} import {', '.join(parts)}" if parts != [""] else module for module, parts in names.items()]


def _collect(root: Path, file: Path, st: StubModule, methods: StubModule) -> None:
    tree = ast.parse(file.read_text(), str(file))
    module = ".".join(file.relative_to(root).with_suffix("").parts)
    known = dict(_bindings(tree, module))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    registered = {node.name for node in functions if _role(node) in CALLABLE}
    overloaded = {node.name for node in functions if _is_overload(node)}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        if _role(node) == ATTRIBUTE:
            _add_attribute(node, st, known, file)
        elif node.name in registered and (node.name not in overloaded or _is_overload(node)):
            _add_function(node, st, methods, known, file)


def _role(node: ast.FunctionDef) -> str:
    """Name of the decorator that registers a function, "" for an ordinary one."""
    for item in node.decorator_list:
        called = item.func if isinstance(item, ast.Call) else item
        if isinstance(called, ast.Name) and called.id in CALLABLE | {ATTRIBUTE}:
            return called.id
    return ""


def _is_overload(node: ast.FunctionDef) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "overload" for item in node.decorator_list)


def _bindings(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Every name the module has at its top level, with the import that brings it into a stub."""
    for node in _top_level(tree.body):
        match node:
            case ast.Import():
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    yield name, f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
            case ast.ImportFrom():
                for alias in node.names:
                    suffix = f" as {alias.asname}" if alias.asname else ""
                    yield alias.asname or alias.name, f"from {node.module} import {alias.name}{suffix}"
            case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, f"from {module} import {name}"
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name, f"from {module} import {name}"


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If):
            yield from _top_level(node.body)
        else:
            yield node


def _add_attribute(node: ast.FunctionDef, st: StubModule, known: dict[str, str], file: Path) -> None:
    if node.returns is None:
        raise BuildError(f"{file}:{node.lineno}: {node.name} needs a return annotation: it is the attribute's type")
    _import_names(node, st, known, file)
    st.definitions.append(f"{node.name}: {ast.unparse(node.returns)}\n")


def _add_function(
    node: ast.FunctionDef, st: StubModule, methods: StubModule, known: dict[str, str], file: Path
) -> None:
    for_st, method = copy.deepcopy(node), copy.deepcopy(node)
    # The place an element goes to is said differently to each reader: the container itself, or not at all.
    if (positional := _positional(for_st)) and positional[0].arg == PLACE:
        del positional[0]
        _positional(method)[0] = ast.arg(arg="self")
        _import_names(method, methods, known, file)
        methods.definitions.append(stub_function(method, indent="    ") + "\n")
    _import_names(for_st, st, known, file)
    st.definitions.append(stub_function(for_st) + "\n")


def _positional(node: ast.FunctionDef) -> list[ast.arg]:
    return node.args.posonlyargs or node.args.args


def _import_names(node: ast.FunctionDef, stub: StubModule, known: dict[str, str], file: Path) -> None:
    """Import what annotations and kept decorators name."""
    for part in _annotations(node):
        for inner in ast.walk(part):
            if isinstance(inner, ast.Name) and inner.id in known:
                inner.id = stub.bring_in(inner.id, known[inner.id], file)


def _annotations(node: ast.FunctionDef) -> Iterator[ast.AST]:
    arguments = node.args
    everyone = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    yield from (argument.annotation for argument in everyone if argument and argument.annotation)
    yield from (item for item in node.decorator_list if isinstance(item, ast.Name) and item.id == "overload")
    if node.returns:
        yield node.returns
