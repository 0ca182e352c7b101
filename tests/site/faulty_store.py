"""A state store that dies around its commit when it is told to. Runs on: servers of the fault tests."""

from __future__ import annotations

from django.db import transaction

from scriptapps.runtime.state_journal import StateChange
from scriptapps.store import DatabaseStateStore, write_alias
from tests.site.faults import reach


class DyingStateStore(DatabaseStateStore):
    """The database store with three places to die at."""

    def commit(self, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        reach("before the commit")
        with transaction.atomic(using=write_alias()):
            super().commit(session_id, node, epoch, change)
            reach("in the commit")
        reach("after the commit")
