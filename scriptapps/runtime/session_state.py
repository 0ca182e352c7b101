"""``st.session_state``: what a script keeps between runs.

Runs on: the script thread; ``snapshot`` on any thread. Invariant: a key that belongs to a widget reads and writes the
widget's value; each access is a safe point.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

from scriptapps.errors import NotDurableError, StateAssignmentError
from scriptapps.runtime.run_context import current_run
from scriptapps.runtime.state_codec import decode_value, encode_value
from scriptapps.runtime.state_journal import IMMUTABLE, Stored
from scriptapps.runtime.widgets import MISSING, WidgetStore


class SessionState(MutableMapping[str, Any]):
    """A mapping by string; attribute access is the same as item access."""

    _values: dict[str, Any]
    _widgets: WidgetStore
    _written_at: dict[str, int]
    _lost: dict[str, str]
    _unplaced: dict[str, tuple[str, Stored | None]]

    def __init__(self, widgets: WidgetStore) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_widgets", widgets)
        object.__setattr__(self, "_written_at", {})
        object.__setattr__(self, "_lost", {})
        # Restored values of keyed widgets, by key, until a run has placed the widget again.
        object.__setattr__(self, "_unplaced", {})

    def __getitem__(self, key: str | int) -> Any:
        _safe_point()
        name = str(key)
        if name in self._values:
            value = self._values[name]
            return value if type(value) is not Stored else self._read_stored(name, value)
        widget_id = self._widgets.keys.get(name)
        if widget_id is None and name in self._unplaced:
            return self._read_unplaced(name)
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
        frame = sys._getframe(1)
        if frame.f_code.co_filename == __file__:
            frame = frame.f_back or frame
        self._written_at[name] = frame.f_lineno

    def __delitem__(self, key: str | int) -> None:
        _safe_point()
        name = str(key)
        if name not in self._names():
            raise KeyError(f"st.session_state has no key {name!r}.")
        self._values.pop(name, None)
        unplaced = self._unplaced.pop(name, None)
        widget_id = self._widgets.keys.pop(name, unplaced[0] if unplaced else None)
        if widget_id is not None:
            self._widgets.current.pop(widget_id, None)

    def __iter__(self) -> Iterator[str]:
        _safe_point()
        return iter([name for name in self._names() if self._is_readable(name)])

    def __len__(self) -> int:
        return sum(self._is_readable(name) for name in self._names())

    def __contains__(self, key: object) -> bool:
        _safe_point()
        return str(key) in self._names() and self._is_readable(str(key))

    def _names(self) -> dict[str, Any]:
        return {**self._values, **self._widgets.keys, **self._unplaced}

    def _is_readable(self, name: str) -> bool:
        """False for what was stored and cannot be read back, so that a script sets it anew like any missing key."""
        value = self._values.get(name)
        if type(value) is not Stored:
            return True
        try:
            self._read_stored(name, value)
        except KeyError:
            return False
        return True

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
        if name in self._values and not self._is_readable(name):
            return MISSING
        return self._values.pop(name, MISSING)

    def is_unplaced(self, name: str) -> bool:
        """Whether the key belongs to a restored widget that no run has placed yet."""
        return name in self._unplaced

    def put(self, name: str, value: Any) -> None:
        """Assign from outside the script: no safe point, no line."""
        self._values[name] = value
        self._written_at.pop(name, None)

    def take_back(self, name: str) -> None:
        """Undo ``put``."""
        self._values.pop(name, None)

    def restore(self, values: dict[str, bytes], widgets: dict[str, tuple[str, bytes | None]] | None = None) -> None:
        """Begin with what a store holds; each value is decoded when it is first read.

        ``widgets`` are keyed widgets that had another value than their default: widget id and the script's value by
        key, as far as it could be stored.
        """
        self.forget_values()
        self._values.update({name: Stored(data) for name, data in values.items()})
        for name, (widget_id, data) in (widgets or {}).items():
            self._unplaced[name] = (widget_id, None if data is None else Stored(data))

    def unplaced_widgets(self) -> dict[str, tuple[str, bytes | None]]:
        """Key and the script's value, still encoded, of restored widgets that no run has placed yet, by widget id."""
        return {
            widget_id: (name, None if stored is None else stored.data)
            for name, (widget_id, stored) in self._unplaced.items()
        }

    def forget_unplaced(self) -> None:
        """A run reached its end: keyed widgets that it did not place are gone."""
        self._unplaced.clear()

    def _read_unplaced(self, name: str) -> Any:
        stored = self._unplaced[name][1]
        try:
            if stored is None:
                raise NotDurableError("the widget's value is of a type that cannot be stored")
            return decode_value(stored.data)
        except NotDurableError as reason:
            raise KeyError(
                f"st.session_state[{name!r}] belongs to a widget that has not been placed since the page was restored, "
                f"and cannot be read before: {reason}."
            ) from None

    def _read_stored(self, name: str, stored: Stored) -> Any:
        try:
            value = decode_value(stored.data)
        except NotDurableError as reason:
            del self._values[name]
            self._lost[name] = str(reason)
            raise KeyError(f"st.session_state[{name!r}] was stored and cannot be read back: {reason}.") from None
        self._values[name] = value
        return value

    def note_lost(self, reason: str) -> None:
        """Everything that was stored is gone."""
        self._lost[""] = reason

    def take_lost(self) -> dict[str, str]:
        """Keys that were stored and could not be read back, with the reason; told once."""
        lost = dict(self._lost)
        self._lost.clear()
        return lost

    def written_at(self, name: str) -> int:
        """The line that assigned a key last, 0 if it was not assigned in this process."""
        return self._written_at.get(name, 0)

    def checkpoint(self) -> dict[str, Any]:
        """What ``roll_back`` needs to come back to this moment, changes inside of values included."""
        saved: dict[str, Any] = {}
        for name, value in self._values.items():
            try:
                saved[name] = value if type(value) in (*IMMUTABLE, Stored) else Stored(encode_value(value))
            except NotDurableError:
                # What cannot be copied is kept itself.
                saved[name] = value
        return saved

    def roll_back(self, saved: dict[str, Any]) -> None:
        """Come back to a checkpoint."""
        self._values.clear()
        self._values.update(saved)

    def forget_values(self) -> None:
        """Forget everything that the script stored."""
        self._values.clear()
        self._unplaced.clear()

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
