"""``__main__`` as a script sees it: the namespace of the script that is running.

Runs on: any thread. Invariant: outside runs ``sys.modules["__main__"]`` behaves as the program's own main module, so
pickle, dataclasses, enums and ``if __name__ == "__main__"`` work in scripts and everything else is as before.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from scriptapps.runtime.run_context import current_run


class MainModule(types.ModuleType):
    """Hands every access to the running script's module, or to the program's own."""

    def __init__(self, real: types.ModuleType) -> None:
        super().__init__("__main__")
        object.__setattr__(self, "_scriptapps_real", real)

    def __getattribute__(self, name: str) -> Any:
        return getattr(_target(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_target(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_target(self), name)

    def __dir__(self) -> list[str]:
        return dir(_target(self))


def _target(module: types.ModuleType) -> types.ModuleType:
    run = current_run.get(None)
    if run is not None:
        return (run.in_callbacks and run.session.callbacks_main) or run.main_module
    real: types.ModuleType = object.__getattribute__(module, "_scriptapps_real")
    return real


def install_main_module() -> None:
    """Put the dispatching module in place. Calling it twice does nothing."""
    current = sys.modules["__main__"]
    if type(current) is not MainModule:
        sys.modules["__main__"] = MainModule(current)
