"""Writing the audit: one function for every way in that acts on sessions of others, or looks into them.

Runs on: request threads and commands, in the transaction of the act. Invariant: what is written are names and counts,
never a value; an act that is rolled back leaves no record of having happened.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from scriptapps.models import AuditRecord, ScriptSession

DETAIL = 500


def record(
    act: str,
    *,
    by: Any = None,
    via: str,
    token: str = "",
    session: ScriptSession | UUID | None = None,
    script_app: str = "",
    count: int = 0,
    outcome: str = "done",
    detail: str = "",
) -> AuditRecord:
    """Note that ``by`` (a user, or None) did ``act`` by way of ``via`` ("API", "admin", "command").

    ``session``: the only one that it was about; a row brings its script app. ``count``: how many sessions. ``detail``:
    on whom, in words. Call it inside the act's own transaction.
    """
    person = by if getattr(by, "pk", None) is not None else None
    if isinstance(session, ScriptSession):
        script_app = script_app or session.script_app.slug
        session = session.pk
    return AuditRecord._default_manager.create(
        actor_id=person.pk if person else None,
        actor_name=person.get_username()[:150] if person else "",
        token=token[:120],
        via=via[:20],
        act=act[:30],
        session_id=session,
        script_app=script_app[:64],
        count=count or int(session is not None),
        outcome=outcome[:30],
        detail=detail[:DETAIL],
    )
