"""A few lines about a function, a class or another object, as ``st.write`` shows it.

Runs on: the script thread. Invariant: looks at signature and documentation only; never calls the object.
"""

from __future__ import annotations

import inspect
from typing import Any

MOST_LINES = 30


def object_help(value: Any) -> str:
    """The head of its definition and its documentation, as Python source."""
    head = _head(value)
    text = inspect.getdoc(value) or ""
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], "..."]
    return "\n".join([head, *(f"# {line}".rstrip() for line in lines)])


def _head(value: Any) -> str:
    if inspect.ismodule(value):
        return f"module {value.__name__}"
    if inspect.isclass(value):
        return f"class {value.__qualname__}{_signature(value)}"
    if callable(value) and hasattr(value, "__name__"):
        keyword = "async def" if inspect.iscoroutinefunction(value) else "def"
        return f"{keyword} {value.__name__}{_signature(value)}"
    return f"object of class {type(value).__module__}.{type(value).__qualname__}"


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (ValueError, TypeError):
        # Some builtins have none.
        return "(...)"
