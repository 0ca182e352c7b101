"""``st.session_state``: what a script keeps between runs.

Runs on: the script thread; ``snapshot`` on any thread. Invariant: a key that belongs to a widget reads and writes the
widget's value; each access is a safe point.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from scriptapps.errors import StateAssignmentError
from scriptapps.runtime.run_context import current_run
from scriptapps.runtime.widgets import MISSING, WidgetStore


class SessionState(MutableMapping[str, Any]):
    """A mapping by string; attribute access is the same as item access."""

    _values: dict[str, Any]
    _widgets: WidgetStore

    def __init__(self, widgets: WidgetStore) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_widgets", widgets)

    def __getitem__(self, key: str | int) -> Any:
        _safe_point()
        name = str(key)
        if name in self._values:
            return self._values[name]
        widget_id = self._widgets.keys.get(name)
        if widget_id is None:
            raise KeyError(
                f"st.session_state has no key {name!r}. Set it before it is read: "
                f"st.session_state.setdefault({name!r}, ...)"
            )
        run = current_run.get(None)
        if run is not None and self._widgets.specs[widget_id].trigger:
            return widget_id in run.fired
        return self._widgets.value(widget_id)

    def __setitem__(self, key: str | int, value: Any) -> None:
        _safe_point()
        name = _valid_key(key)
        run = current_run.get(None)
        if run is not None and (name in run.keys or name in run.forms):
            raise StateAssignmentError(
                f"st.session_state[{name!r}] was assigned after the widget with this key was placed in this run. "
                "Assign it before the widget, or in a callback."
            )
        self._values[name] = value

    def __delitem__(self, key: str | int) -> None:
        _safe_point()
        name = str(key)
        if name not in self._values and name not in self._widgets.keys:
            raise KeyError(f"st.session_state has no key {name!r}.")
        self._values.pop(name, None)
        widget_id = self._widgets.keys.pop(name, None)
        if widget_id is not None:
            self._widgets.current.pop(widget_id, None)

    def __iter__(self) -> Iterator[str]:
        _safe_point()
        return iter({**self._values, **self._widgets.keys})

    def __len__(self) -> int:
        return len({**self._values, **self._widgets.keys})

    def __contains__(self, key: object) -> bool:
        _safe_point()
        return str(key) in self._values or str(key) in self._widgets.keys

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __repr__(self) -> str:
        return f"session_state({self.to_dict()!r})"

    def to_dict(self) -> dict[str, Any]:
        """A plain copy."""
        return {name: self[name] for name in self}

    def take_assignment(self, name: str) -> Any:
        """What the script assigned to a widget's key since the widget was last placed, or MISSING; handed over once."""
        return self._values.pop(name, MISSING)

    def forget_values(self) -> None:
        """Forget everything that the script stored."""
        self._values.clear()

    def stored_values(self) -> dict[str, Any]:
        """A copy of what the script stored itself, without widget values."""
        return dict(self._values)


def _valid_key(key: str | int) -> str:
    name = str(key)
    if not name:
        raise StateAssignmentError("A key of st.session_state must not be empty.")
    return name


def _safe_point() -> None:
    run = current_run.get(None)
    if run is not None:
        run.check()
