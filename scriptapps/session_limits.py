"""How many live sessions of a script app one person may have, across all processes.

Runs on: request threads and the database executor. Invariant: whoever counts holds the script app's row locked until
the new session's row is committed, so that two who come at once do not both take the last place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import ngettext

from scriptapps.conf import scriptapps_settings
from scriptapps.errors import TooManySessionsError
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.options import Visitor
from scriptapps.store import write_alias

if TYPE_CHECKING:
    from scriptapps.node import ServerNode
    from scriptapps.runtime.live_session import LiveSession

NEW_SECONDS = 10.0
"""A session younger than this may still wait for its socket."""
AT_WORK = (ScriptSession.State.RUNNING, ScriptSession.State.QUEUED)


class SessionLimits:
    """``room`` is entered by whoever makes a session live."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node

    @contextmanager
    def room(self, row: ScriptApp, limit: int | None, visitor: Visitor, but: str = "") -> Iterator[None]:
        """A transaction in which one more session of this person, or the session ``but``, may become live.

        Sessions that nobody looks at and that do nothing are parked for it: their state stays, their tab comes back to
        it. Raises TooManySessionsError when that is not enough.
        """
        with transaction.atomic(using=write_alias()):
            parked: list[str] = []
            if limit is not None:
                # A write that changes nothing: it holds the row on every database, SQLite too.
                ScriptApp.objects.using(write_alias()).filter(pk=row.pk).update(source_path=F("source_path"))
                parked = self._surplus(row, limit, visitor, but)
            yield
        if parked:
            self._park(parked)

    def _surplus(self, row: ScriptApp, limit: int, visitor: Visitor, but: str) -> list[str]:
        """Sessions that have to be parked, those of which nothing was seen longest first."""
        rows = ScriptSession.objects.using(write_alias()).live().filter(script_app=row)
        if visitor.user_id is None:
            rows = rows.filter(user=None, binding=visitor.binding)
        else:
            rows = rows.filter(user_id=visitor.user_id)
        found = [session for session in rows.order_by("last_seen", "pk") if str(session.pk) != but]
        surplus = len(found) + 1 - limit
        if surplus <= 0:
            return []
        resting = [str(session.pk) for session in found if not self._is_used(session)]
        if len(resting) < surplus:
            raise TooManySessionsError(text_of(limit))
        return resting[:surplus]

    def _is_used(self, row: ScriptSession) -> bool:
        for live in self.node.select([str(row.pk)]):
            return self._is_used_here(live)
        waits = row.connected_at is None and row.created > _since(scriptapps_settings.PREHEAT_TTL)
        return bool(row.viewers) or row.state in AT_WORK or waits

    def _is_used_here(self, live: LiveSession) -> bool:
        is_at_rest = live.state_of_life is LifecycleState.IDLE and not live.people
        is_new = live.session_id in self.node.unclaimed or (
            # Nobody has come yet.
            live.last_seen <= live.opened and time.time() - live.opened < NEW_SECONDS
        )
        return not is_at_rest or is_new

    def _park(self, ids: list[str]) -> None:
        elsewhere = []
        for key in ids:
            if here := self.node.select([key]):
                self.node.release(here[0])
            else:
                elsewhere.append(key)
        if elsewhere:
            # The mark is the request, the hint only makes it quick.
            ScriptSession.objects.filter(pk__in=elsewhere).update(release_wanted=F("release_wanted") + 1)
            self.node.beat.bus.tell_others("release", elsewhere)


def _since(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def text_of(limit: int) -> str:
    """What a person is told who has as many as are allowed."""
    text = ngettext(
        "You have this page open already, and one at a time is allowed. Close the other one, then start again.",
        "You have %d of these pages open already, as many as are allowed. Close one of them, then start again.",
        limit,
    )
    return text % limit if "%d" in text else text
