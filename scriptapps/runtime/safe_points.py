"""Safe points: places in a script where it may be stopped.

Runs on: whoever compiles. Invariant: line numbers stay true; no safe point stands in a ``finally`` block, in
``__exit__``, ``__aexit__`` or ``__del__``, so that cleaning up is never cut short.
"""

from __future__ import annotations

import ast
from typing import Any

from scriptapps.runtime.signal import SIGNAL_NAME

CLEAN_UP = frozenset({"__exit__", "__aexit__", "__del__"})


def _check(at: ast.AST) -> ast.If:
    signal = ast.Name(SIGNAL_NAME, ast.Load())
    act = ast.Call(ast.Attribute(signal, "act", ast.Load()), [], [])
    check = ast.If(ast.Attribute(ast.Name(SIGNAL_NAME, ast.Load()), "set", ast.Load()), [ast.Expr(act)], [])
    for node in ast.walk(check):
        ast.copy_location(node, at)
    return check


class _Injector(ast.NodeTransformer):
    """Puts a check at the head of loop bodies, functions and bare handlers, and before a comprehension's first test."""

    def _loop(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body.insert(0, _check(node.body[0]))
        return node

    visit_For = visit_While = visit_AsyncFor = _loop

    def _function(self, node: Any) -> Any:
        if node.name in CLEAN_UP:
            return node
        self.generic_visit(node)
        first = node.body[0]
        has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        node.body.insert(int(has_docstring), _check(first))
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        catches_all = node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "BaseException")
        if catches_all:
            node.body.insert(0, _check(node.body[0]))
        return node

    def _try(self, node: Any) -> Any:
        for part in ("body", "handlers", "orelse"):
            setattr(node, part, [self.visit(child) for child in getattr(node, part)])
        return node

    visit_Try = visit_TryStar = _try

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        signal = ast.Name(SIGNAL_NAME, ast.Load())
        act = ast.Call(ast.Attribute(signal, "act", ast.Load()), [], [])
        is_clear = ast.UnaryOp(ast.Not(), ast.Attribute(ast.Name(SIGNAL_NAME, ast.Load()), "set", ast.Load()))
        passes = ast.BoolOp(ast.Or(), [is_clear, ast.Compare(act, [ast.Is()], [ast.Constant(None)])])
        for part in ast.walk(passes):
            ast.copy_location(part, node.iter)
        node.ifs.insert(0, passes)
        return node


def inject_safe_points(tree: ast.Module) -> ast.Module:
    """The same module with safe points."""
    return ast.fix_missing_locations(_Injector().visit(tree))
