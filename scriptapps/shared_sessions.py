"""Which session several pages look at together, by the rows.

Runs on: request threads and the database executor. Invariant: of one scope key and script app at most one session is
open, the database sees to that; nobody is led to a session of another person.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from scriptapps import lease
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.runtime.options import Visitor
from scriptapps.scope import Scope
from scriptapps.store import write_alias

CLOSED = ScriptSession.State.CLOSED


def scope_of(declared: Scope, user_id: Any) -> Scope:
    """The scope for this person. Somebody who is not signed in is nobody elsewhere: `user` means `browser` then."""
    return Scope.BROWSER if declared is Scope.USER and user_id is None else declared


def scope_key(scope: Scope, visitor: Visitor) -> str:
    """What a shared session is found by; "" in scope `tab`."""
    if scope is Scope.USER:
        return f"user:{visitor.user_id}"
    return f"browser:{visitor.binding}" if scope is Scope.BROWSER else ""


def may_join(row: ScriptSession, binding: str, user_id: Any) -> bool:
    """Whether somebody may go on with a session: the same user, or the same browser with that user or none yet.

    ``binding`` is the hash that rows hold.
    """
    is_theirs = row.user_id is not None and row.user_id == user_id
    if row.scope == Scope.USER:
        return is_theirs
    return row.binding == binding and (row.user_id is None or is_theirs)


def find_shared(script_app: ScriptApp, scope: Scope, visitor: Visitor) -> str:
    """The id of the session that is open for this person's scope, "" while there is none."""
    if not scope.is_shared:
        return ""
    rows = ScriptSession.objects.filter(script_app=script_app).exclude(state=CLOSED)
    wanted = rows.filter(scope_key=scope_key(scope, visitor))
    row = wanted.first()
    if row is None and scope is Scope.USER and _take_along(rows, visitor):
        row = wanted.first()
    if row is None:
        return ""
    if not may_join(row, visitor.binding, visitor.user_id):
        # The browser has passed to another person without a sign-out.
        wanted.close()
        return ""
    return str(row.pk)


def _take_along(rows: Any, visitor: Visitor) -> bool:
    """What a guest did in this browser belongs to the person who signs in, unless there is a session of theirs."""
    guests = rows.filter(scope_key=scope_key(Scope.BROWSER, visitor), user=None)
    fields = {"scope": Scope.USER, "scope_key": scope_key(Scope.USER, visitor), "user_id": visitor.user_id}
    try:
        with transaction.atomic(using=write_alias()):
            return bool(guests.update(**fields))
    except IntegrityError:
        # Another browser of this person was quicker.
        return True


def is_watched_elsewhere(session_id: str, node: str) -> bool:
    """Whether a shared session is looked at in another living process, which therefore keeps it."""
    rows = ScriptSession.objects.filter(pk=session_id, viewers__gt=0, lease_expires__gt=Now())
    rows = rows.exclude(state=CLOSED).exclude(scope=Scope.TAB).exclude(node__in=("", node))
    owner = rows.values_list("node", flat=True).first()
    return owner is not None and not lease.is_dead(owner)
