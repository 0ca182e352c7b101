"""Events by name: who listens on a page, and what has arrived.

Runs on: the script thread; ``listeners`` on any thread. Invariant: an event is heard by exactly one run, which is not
given up for a newer one after that; what nobody listens for is dropped at the end of the run that brought it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scriptapps.runtime.fragments import current_fragment_id
from scriptapps.runtime.schedules import PREFIX

if TYPE_CHECKING:
    from scriptapps.runtime.run_context import RunContext


class EventInbox:
    """The events of one live session."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Any]] = {}
        # Ids of the fragments that listen, "" for the script outside of fragments, by the event's name.
        self._listening: dict[str, frozenset[str]] = {}

    @property
    def names(self) -> list[str]:
        """The names that the page listens for, without the times of its schedules."""
        return sorted(name for name in self._listening if not name.startswith(PREFIX))

    @property
    def schedules(self) -> list[str]:
        """The cron expressions at whose times the page runs."""
        return sorted(name.removeprefix(PREFIX) for name in self._listening if name.startswith(PREFIX))

    def listeners(self, name: str) -> frozenset[str]:
        """Ids of the fragments that listen, "" for the whole script; empty if nobody does."""
        return self._listening.get(name, frozenset())

    def put(self, name: str, payload: Any) -> None:
        """An event has arrived, for the run that begins."""
        self._waiting.setdefault(name, []).append(payload)

    def take(self, run: RunContext, name: str) -> list[Any]:
        """What arrived under this name for this run. From now on this place of the script listens."""
        run.listening.add((name, current_fragment_id()))
        if name in self._waiting:
            run.session.shield(run)
            run.heard.setdefault(name, []).extend(self._waiting.pop(name))
        return list(run.heard.get(name, []))

    def end_run(self, run: RunContext) -> None:
        """A run is over, and no other takes its place."""
        self._waiting.clear()
        if not run.reached_end:
            return
        kept: set[tuple[str, str]] = set()
        if run.fragments is not None:
            ran = run.session.fragments.within(run.fragments)
            kept = {(name, key) for name, keys in self._listening.items() for key in keys if key not in ran}
        listening: dict[str, set[str]] = {}
        for name, key in kept | run.listening:
            listening.setdefault(name, set()).add(key)
        self._listening = {name: frozenset(keys) for name, keys in listening.items()}
