"""Where the durable state of sessions is kept: the database, or a cache of the site; others by dotted path.

Runs on: script threads (``commit``), the database executor (``load``, ``delete``). Invariant: a commit is whole or not
at all, and is refused to whoever does not hold the lease.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.core.cache import caches
from django.db import connections, router, transaction
from django.utils.module_loading import import_string

from scriptapps.commit_turns import write_in_turn
from scriptapps.conf import scriptapps_settings
from scriptapps.errors import StoredStateGoneError
from scriptapps.lease import fence
from scriptapps.models import ScriptSession, SessionValue
from scriptapps.runtime.state_journal import Name, StateChange
from scriptapps.state_sql import UPSERT_VENDORS, write_change


class BaseStateStore:
    """What a store does. ``options`` are SCRIPTAPPS["STATE_STORE"]["OPTIONS"]."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def load(self, session_id: str) -> dict[Name, bytes]:
        """All stored values of a session; empty for one that has none.

        Raises StoredStateGoneError when it was given some and does not hold them any more.
        """
        raise NotImplementedError

    def commit(self, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        """Make a change durable together with its event numbers.

        Raises LeaseLostError and changes nothing when ``node`` and ``epoch`` do not own the session any more;
        StoredStateGoneError when the change is a difference to something that is not there any more.
        """
        raise NotImplementedError

    def delete(self, session_ids: Iterable[str]) -> None:
        """Forget everything of these sessions."""
        raise NotImplementedError


def row_fields(change: StateChange) -> dict[str, Any]:
    """What a commit writes behind the fence: to the session's row, and answers to requests."""
    return {
        "seqs": change.seqs,
        "state_keys": change.keys,
        "state_bytes": change.size,
        "not_durable": change.not_durable,
        "requests": change.requests,
    }


def write_alias() -> str:
    """The database that sessions are written to."""
    return router.db_for_write(ScriptSession)


class DatabaseStateStore(BaseStateStore):
    """One row per value, beside the session's row, in one transaction with it."""

    def load(self, session_id: str) -> dict[Name, bytes]:
        rows = SessionValue.objects.filter(session_id=UUID(session_id)).values_list("space", "name", "payload")
        return {(space, name): bytes(payload) for space, name, payload in rows}

    def commit(self, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        alias = write_alias()
        if connections[alias].vendor not in UPSERT_VENDORS:
            self._commit_with_orm(alias, session_id, node, epoch, change)
            return
        # One statement is a transaction of its own.
        is_one_statement = not change.changed and not change.removed and not change.requests
        write_in_turn(
            alias, partial(write_change, alias, session_id, node, epoch, change), is_one_statement=is_one_statement
        )

    @staticmethod
    def _commit_with_orm(alias: str, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        with transaction.atomic(using=alias):
            fence(session_id, node, epoch, **row_fields(change))
            for space, name in {*change.removed, *change.changed}:
                SessionValue.objects.filter(session_id=UUID(session_id), space=space, name=name).delete()
            SessionValue.objects.bulk_create(
                SessionValue(session_id=UUID(session_id), space=space, name=name, payload=data)
                for (space, name), data in change.changed.items()
            )

    def delete(self, session_ids: Iterable[str]) -> None:
        SessionValue.objects.filter(session_id__in=list(session_ids)).delete()


class CacheStateStore(BaseStateStore):
    """All values of a session as one entry of a cache (OPTIONS: "ALIAS", "TIMEOUT" in seconds or None).

    Every commit writes a new entry; the session's row, written behind the fence, says which one holds.
    """

    def _cache(self) -> Any:
        return caches[self.options.get("ALIAS", "default")]

    def load(self, session_id: str) -> dict[Name, bytes]:
        return self._read(self._reference(session_id))

    @staticmethod
    def _reference(session_id: str) -> str:
        rows = ScriptSession.objects.using(write_alias()).filter(pk=session_id)
        return rows.values_list("state_ref", flat=True).first() or ""

    def _read(self, reference: str) -> dict[Name, bytes]:
        if not reference:
            return {}
        text = self._cache().get(reference)
        if text is None:
            raise StoredStateGoneError("the cache does not hold it any more")
        return {(space, name): base64.b64decode(data) for space, name, data in json.loads(text)}

    def commit(self, session_id: str, node: str, epoch: int, change: StateChange) -> None:
        if not change.changed and not change.removed:
            fence(session_id, node, epoch, **row_fields(change))
            return
        before = self._reference(session_id)
        stored = {} if change.is_whole else self._read(before)
        values = {name: data for name, data in stored.items() if name not in change.removed} | change.changed
        reference = f"scriptapps:{session_id}:{epoch}:{secrets.token_hex(8)}"
        self._write(reference, values)
        try:
            fence(session_id, node, epoch, state_ref=reference, **row_fields(change))
        except BaseException:
            self._cache().delete(reference)
            raise
        if before:
            # Inside an atomic callback the old entry holds until the callback's transaction is committed.
            transaction.on_commit(lambda: self._cache().delete(before), using=write_alias())

    def _write(self, reference: str, values: dict[Name, bytes]) -> None:
        text = json.dumps([[*name, base64.b64encode(data).decode()] for name, data in values.items()])
        self._cache().set(reference, text, self.options.get("TIMEOUT"))
        if reference not in self._cache():
            # Some caches drop in silence what is too large for them.
            raise OSError(f"The cache did not take {len(text):,} characters of session state.")

    def delete(self, session_ids: Iterable[str]) -> None:
        rows = ScriptSession.objects.filter(pk__in=list(session_ids)).exclude(state_ref="")
        self._cache().delete_many(list(rows.values_list("state_ref", flat=True)))
        rows.update(state_ref="")


def get_state_store() -> BaseStateStore:
    """The store that SCRIPTAPPS["STATE_STORE"] names. Raises ImportError for a path that leads nowhere."""
    given = scriptapps_settings.STATE_STORE
    store: BaseStateStore = import_string(given["BACKEND"])(dict(given.get("OPTIONS", {})))
    return store
