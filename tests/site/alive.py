"""Counts the objects of a class that are alive, from ``watch`` on. Runs on: servers of the fault tests.

By weak references: to ask the garbage collector for all objects breaks tuples that other threads are building.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any
from weakref import WeakSet

PLACES = {
    "LiveSession": "scriptapps.runtime.live_session",
    "RunContext": "scriptapps.runtime.run_context",
    "RunGuard": "scriptapps.runtime.run_guard",
    "StateJournal": "scriptapps.runtime.state_journal",
    "PageTree": "scriptapps.deltas.page_tree",
    "Viewer": "scriptapps.runtime.viewer",
    "Outbox": "scriptapps.runtime.outbox",
    "ScriptConsumer": "scriptapps.consumers",
}
_alive: dict[str, WeakSet[Any]] = {}


def watch() -> None:
    """Begin to count, once for the process."""
    for name, place in PLACES.items():
        if name not in _alive:
            _alive[name] = WeakSet()
            _note_births(getattr(import_module(place), name), _alive[name])


def counted() -> dict[str, int]:
    """How many there are of each class."""
    return {name: len(found) for name, found in _alive.items()}


def _note_births(kind: Any, found: WeakSet[Any]) -> None:
    begin = kind.__init__

    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        found.add(self)
        begin(self, *args, **kwargs)

    kind.__init__ = noting
