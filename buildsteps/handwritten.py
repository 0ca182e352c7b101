"""What a hand-written module offers to others, read without importing it, for stubs that stand in front of it.

Runs on: the build machine. Invariant: only names without a leading underscore are offered.
"""

import ast
from dataclasses import dataclass, field


@dataclass
class PublicInterface:
    """Import lines and definitions as stub text, in the order of the source."""

    imports: list[str] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)


def public_interface(source: str) -> PublicInterface:
    """Annotated constants and functions of a module, and the imports it makes at its top level."""
    found = PublicInterface()
    for node in ast.parse(source).body:
        match node:
            case ast.Import() | ast.ImportFrom():
                found.imports.append(ast.unparse(node))
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                found.definitions.append(f"{name}: {ast.unparse(node.annotation)}")
            case ast.FunctionDef(name=name) if not name.startswith("_"):
                found.definitions.append(stub_function(node))
            case _:
                continue
    return found


def stub_function(node: ast.FunctionDef, *, indent: str = "") -> str:
    """Signature and docstring without the body; defaults that are not plain constants become `...`."""
    docstring = ast.get_docstring(node)
    body: list[ast.stmt] = [ast.Expr(ast.Constant(docstring))] if docstring else [ast.Expr(ast.Constant(...))]
    arguments = node.args
    arguments.defaults = [_plain(default) for default in arguments.defaults]
    arguments.kw_defaults = [default and _plain(default) for default in arguments.kw_defaults]
    decorators = [item for item in node.decorator_list if isinstance(item, ast.Name) and item.id == "overload"]
    stub = ast.FunctionDef(
        name=node.name, args=arguments, body=body, decorator_list=list(decorators), returns=node.returns
    )
    text = ast.unparse(ast.fix_missing_locations(stub))
    return "\n".join(f"{indent}{line}" if line else "" for line in text.splitlines())


def _plain(default: ast.expr) -> ast.expr:
    negative = isinstance(default, ast.UnaryOp) and isinstance(default.operand, ast.Constant)
    return default if isinstance(default, ast.Constant) or negative else ast.Constant(...)
