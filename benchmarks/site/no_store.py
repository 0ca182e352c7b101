"""A state store that keeps nothing, to see what keeping costs (`--store none`).

Runs on: script threads of the measured server.
"""

from __future__ import annotations

from collections.abc import Iterable

from scriptapps.runtime.state_journal import Name, StateChange
from scriptapps.store import BaseStateStore


class NoStateStore(BaseStateStore):
    """Says yes to every commit and forgets it."""

    def load(self, session_id: str) -> dict[Name, bytes]:
        return {}

    def commit(self, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        return

    def delete(self, session_ids: Iterable[str]) -> None:
        return
