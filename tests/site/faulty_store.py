"""A state store that dies around its commit when it is told to. Runs on: servers of the fault tests."""

from __future__ import annotations

from typing import Any

from scriptapps import store
from scriptapps.runtime.state_journal import StateChange
from scriptapps.state_sql import write_change
from scriptapps.store import DatabaseStateStore
from tests.site.faults import reach


def _dying_write_change(*args: Any) -> None:
    """Inside the transaction, which several sessions may share."""
    write_change(*args)
    reach("in the commit")


vars(store)["write_change"] = _dying_write_change


class DyingStateStore(DatabaseStateStore):
    """The database store with three places to die at."""

    def commit(self, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        reach("before the commit")
        super().commit(session_id, node, epoch, change)
        reach("after the commit")
