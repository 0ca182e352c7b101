"""Modules that stand beside scripts: imported with safe points, read again when their file changes.

Runs on: any thread. Invariant: only modules under a script root are ever read again, and never while a run executes
(the gate), so that ``isinstance`` holds within a run. Modules of installed Django apps are never touched.
"""

from __future__ import annotations

import ast
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

from scriptapps.runtime.safe_points import inject_safe_points
from scriptapps.runtime.signal import CURRENT_SIGNAL, SIGNAL_NAME

EXCLUSIVE_WAIT = 5.0
"""Seconds that a reload waits for runs to end before it goes ahead."""


class ModuleGate:
    """Runs hold it shared; reading modules again holds it alone."""

    def __init__(self) -> None:
        # Guards the two below.
        self._condition = threading.Condition()
        self._holds: set[object] = set()
        self._exclusive = False

    @contextmanager
    def shared(self) -> Iterator[object]:
        """Held for the length of a run. Yields what ``give_up`` takes."""
        hold = object()
        with self._condition:
            self._condition.wait_for(lambda: not self._exclusive, EXCLUSIVE_WAIT * 2)
            self._holds.add(hold)
        try:
            yield hold
        finally:
            self.give_up(hold)

    def give_up(self, hold: object) -> None:
        """The run that holds it has ended, or will never end. Calling it again does nothing."""
        with self._condition:
            self._holds.discard(hold)
            self._condition.notify_all()

    @contextmanager
    def exclusive(self, meanwhile: Callable[[], None] = lambda: None) -> Iterator[bool]:
        """Held while modules are dropped. Yields False if runs went on for longer than ``EXCLUSIVE_WAIT``.

        ``meanwhile`` is called when no further run can begin, before waiting for those that go on.
        """
        with self._condition:
            self._exclusive = True
        meanwhile()
        with self._condition:
            alone = self._condition.wait_for(lambda: not self._holds, EXCLUSIVE_WAIT)
        try:
            yield alone
        finally:
            with self._condition:
                self._exclusive = False
                self._condition.notify_all()


run_gate = ModuleGate()


class _SafePointLoader(SourceFileLoader):
    """Compiles with safe points; never reads or writes bytecode files, which would hold the plain code."""

    def path_stats(self, path: Any) -> Any:
        raise OSError("bytecode is not used for modules beside scripts")

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> types.CodeType:  # type: ignore[override]
        tree = inject_safe_points(ast.parse(data, path))
        code: types.CodeType = compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)
        return code

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__[SIGNAL_NAME] = CURRENT_SIGNAL
        super().exec_module(module)


class SiblingFinder:
    """Finds modules under the script roots; installed in ``sys.meta_path``."""

    def __init__(self) -> None:
        self.roots: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module under a root, else None."""
        return None if path is not None else self.find_in(name, self.roots, target)

    def find_in(self, name: str, path: Sequence[str], target: types.ModuleType | None) -> ModuleSpec | None:
        """A spec for a module in one of these folders if it stands under a root, else None."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py") or not self.owns(spec.origin):
            return None
        spec.loader = _SafePointLoader(name, spec.origin)
        spec.cached = None
        return spec

    def owns(self, filename: str) -> bool:
        """Whether the file stands under a root."""
        return any(filename == root or filename.startswith(root + "/") for root in self.roots)


class SubmoduleFinder:
    """Comes before Python's own finder for modules inside packages that stand under a root."""

    def __init__(self, siblings: SiblingFinder) -> None:
        self.siblings = siblings

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module of a sibling package, else None."""
        if path is None or not any(self.siblings.owns(entry) for entry in path):
            return None
        return self.siblings.find_in(name, path, target)


sibling_finder = SiblingFinder()
submodule_finder = SubmoduleFinder(sibling_finder)


def install_roots(roots: Sequence[Path]) -> None:
    """Make the modules of these folders importable by scripts, after everything that is importable anyway."""
    for root in map(str, roots):
        if root not in sibling_finder.roots:
            sibling_finder.roots.append(root)
    if sibling_finder not in sys.meta_path:
        sys.meta_path.append(sibling_finder)
        sys.meta_path.insert(0, submodule_finder)


def loaded_modules(root: Path) -> dict[str, Path]:
    """The loaded modules under a root, by name, with their files."""
    prefix = str(root) + "/"
    return {
        name: Path(str(module.__file__))
        for name, module in list(sys.modules.items())
        if isinstance(getattr(module, "__spec__", None), ModuleSpec)
        and isinstance(module.__spec__.loader, _SafePointLoader)  # type: ignore[union-attr]
        and str(getattr(module, "__file__", "")).startswith(prefix)
    }


def forget_modules(*roots: Path, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
    """Drop the loaded modules under these roots so that the next import reads them again. Returns their names.

    ``meanwhile`` is called when no further run can begin, before waiting for those that go on.
    """
    with run_gate.exclusive(meanwhile):
        names = [name for root in roots for name in loaded_modules(root)]
        for name in names:
            del sys.modules[name]
    return names


def imported_files(path: Path, root: Path) -> set[Path]:
    """The files under ``root`` that this file imports, directly or through others of them."""
    found: set[Path] = set()
    todo = [path]
    while todo:
        for candidate in _direct_imports(todo.pop(), root):
            if candidate not in found and candidate != path:
                found.add(candidate)
                todo.append(candidate)
    return found


def _direct_imports(path: Path, root: Path) -> list[Path]:
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return []
    names = _imported_names(path, stamp)
    candidates = []
    for name in names:
        base = root.joinpath(*name.split("."))
        candidates += [base.with_suffix(".py"), base / "__init__.py", base.parent / "__init__.py"]
    return [candidate for candidate in candidates if candidate.is_file() and candidate.parent != root.parent]


@lru_cache(maxsize=512)
def _imported_names(path: Path, _stamp: int) -> tuple[str, ...]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(names))
