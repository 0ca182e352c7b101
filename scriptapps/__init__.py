"""Interactive pages from plain Python scripts, inside a Django site.

Runs on: any thread. Invariant: importing this package loads nothing else; scripts write `from scriptapps import st`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
LATER = {"send_event": "scriptapps.events", "asend_event": "scriptapps.events", "sessions_of": "scriptapps.visitors"}


def __getattr__(name: str) -> Any:
    """What needs the site's models, loaded when it is first asked for."""
    if name not in LATER:
        raise AttributeError(f"module 'scriptapps' has no attribute {name!r}")
    return getattr(importlib.import_module(LATER[name]), name)
