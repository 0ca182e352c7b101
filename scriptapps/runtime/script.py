"""A script: its source, its compiled code and its version.

Runs on: any thread. Invariant: immutable; another content of the file is another Script.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import os
import threading
import tokenize
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from scriptapps.errors import ScriptCompileError
from scriptapps.runtime.safe_points import inject_safe_points

# Guards trees on their way into and out of CPython, which counts their depth once for all threads of an interpreter and
# raises SystemError when two of them are counted together (3.11.7: "AST constructor recursion depth mismatch").
_ast_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Script:
    """``version`` is a hash of the source; ``root`` is the folder whose modules the script may import as siblings."""

    path: Path
    root: Path
    source: str
    version: str
    code: CodeType

    @classmethod
    def from_file(cls, path: Path, root: Path | None = None) -> Script:
        """Read and compile a file.

        Raises ScriptCompileError when it cannot be read or is not valid Python.
        """
        try:
            with tokenize.open(path) as file:
                source = file.read()
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise ScriptCompileError(f"{path}: {error}") from error
        return cls.from_source(source, path, root)

    @classmethod
    def from_source(cls, source: str, path: Path, root: Path | None = None) -> Script:
        """Compile a text as if it were the file ``path``.

        Raises ScriptCompileError when it is not valid Python.
        """
        code = compile_with_safe_points(source, str(path))
        linecache.checkcache(str(path))
        version = hashlib.sha256(source.encode()).hexdigest()[:16]
        return cls(path, root or path.parent, source, version, code)


def compile_with_safe_points(source: str, filename: str) -> CodeType:
    """Code of a module in which every loop and function can be stopped.

    Raises ScriptCompileError with file, line and caret.
    """
    try:
        with _ast_lock:
            tree = ast.parse(source, filename)
            return compile(inject_safe_points(tree), filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ScriptCompileError(describe_syntax_error(error)) from error
    except (ValueError, RecursionError, MemoryError) as error:  # MemoryError: nested too deeply for the parser
        raise ScriptCompileError(f"{filename}: {error}") from error


def describe_syntax_error(error: SyntaxError) -> str:
    """File, line, the line itself and a caret, as Python's own tracebacks show it."""
    where = f"{os.path.basename(error.filename or '')}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    if not error.text or not error.offset:
        return where
    line = error.text.rstrip("\n")
    stripped = line.lstrip()
    caret = " " * max(error.offset - 1 - (len(line) - len(stripped)), 0) + "^"
    return f"{where}\n{stripped}\n{caret}"
