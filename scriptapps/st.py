"""What a script imports: ``from scriptapps import st``.

Runs on: any thread; the calls themselves on the script thread. Invariant: nothing is listed here by hand: every name
comes from a declaration in ``elements`` or ``commands``; ``st.pyi`` says the same to editors.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from typing import Any

from scriptapps import commands, elements
from scriptapps.deltas.library import library

for _package in (elements, commands):
    for _module in pkgutil.iter_modules(_package.__path__, f"{_package.__name__}."):
        importlib.import_module(_module.name)

_names = sorted({*library.functions, *library.attributes})
globals().update(library.functions)
__all__ = _names  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    look_up = library.attributes.get(name)
    if look_up is not None:
        return look_up()
    close = difflib.get_close_matches(name, _names, n=1)
    hint = f" Did you mean st.{close[0]}?" if close else ""
    raise AttributeError(f"module 'scriptapps.st' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return list(_names)
