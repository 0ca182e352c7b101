"""Writing the audit: one function for every way in that acts on sessions of others, or looks into them.

Runs on: request threads and commands, in the transaction of the act. Invariant: what is written are names and counts,
never a value; an act that is rolled back leaves no record of having happened. What a user did to a session is also in
the admin's log of that session, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext_lazy as _

from scriptapps.models import AuditRecord, ScriptSession

DETAIL = 500
FORBIDDEN = "forbidden"
LOG_TEXTS = {
    "rerun": _("Asked to rerun."),
    "stop": _("Asked to stop its run."),
    "close": _("Asked to close."),
    "notify": _("Sent a notice."),
    "event": _("Sent an event."),
    "patch": _("Asked to set a value."),
    "observe": _("Watched its page."),
    "copy": _("Opened a copy of it."),
    "view values": _("Looked at what it holds."),
}
"""What the admin's log says of a session; acts that are not in here are not about sessions."""
LOGGED_AT_ONCE = 500
CHANGE = 2
"""The admin's flag for a change; its module cannot be imported where the admin is not installed."""


def record(
    act: str,
    *,
    by: Any = None,
    via: str,
    token: str = "",
    session: ScriptSession | UUID | None = None,
    sessions: Iterable[UUID | str] = (),
    script_app: str = "",
    count: int = 0,
    outcome: str = "done",
    detail: str = "",
) -> AuditRecord:
    """Note that ``by`` (a user, or None) did ``act`` by way of ``via`` ("API", "admin", "command").

    ``session``: the only one that it was about; a row brings its script app. ``sessions``: the ids of all of them, for
    the admin's log. ``count``: how many there were. ``detail``: on whom, in words. Call it inside the act's own
    transaction.
    """
    person = by if getattr(by, "pk", None) is not None else None
    if isinstance(session, ScriptSession):
        script_app = script_app or session.script_app.slug
        session = session.pk
    ids = list(sessions) or [key for key in (session,) if key is not None]
    if person is not None and outcome != FORBIDDEN and act in LOG_TEXTS:
        way = "" if via == "admin" else f" [{', '.join(filter(None, [via, token]))}]"
        _log(person, ids, f"{LOG_TEXTS[act]}{way}")
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


def _log(person: Any, ids: list[Any], text: str) -> None:
    """The admin's own log of these sessions, where there is an admin."""
    if not ids or not apps.is_installed("django.contrib.admin"):
        return
    entry: Any = apps.get_model("admin", "LogEntry")
    kind = ContentType.objects.get_for_model(ScriptSession)
    entries = [
        entry(
            user_id=person.pk,
            content_type_id=kind.pk,
            object_id=str(key),
            object_repr=str(key),
            action_flag=CHANGE,
            change_message=text,
        )
        for key in ids
    ]
    entry.objects.bulk_create(entries, batch_size=LOGGED_AT_ONCE)
