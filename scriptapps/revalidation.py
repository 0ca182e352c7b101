"""Whether the people behind live sessions may still be here, asked for many at once.

Runs on: the beat's thread, the database executor, or a script thread. Invariant: reads only; the answer comes from
Django's session store, the user rows and the one policy in ``permissions``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from scriptapps import identity
from scriptapps.permissions import Decision, decide_batch
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.options import Visitor


class Verdict(enum.Enum):
    """What became of a session's right to run, with the close code of its sockets."""

    OK = "ok"
    CHECK_AGAIN = "the sign-in changed"
    SIGNED_OUT = "signed out"
    DELETED = "the account was deleted"
    PASSWORD_CHANGED = "the password changed"
    FORBIDDEN = "not permitted any more"
    GONE = "the script app is gone or disabled"

    @property
    def code(self) -> int:
        """The close code for the browser."""
        return _CODES[self]


_CODES = {
    Verdict.OK: 1000,
    Verdict.CHECK_AGAIN: 4002,
    Verdict.SIGNED_OUT: 4401,
    Verdict.DELETED: 4401,
    Verdict.PASSWORD_CHANGED: 4401,
    Verdict.FORBIDDEN: 4403,
    Verdict.GONE: 4404,
}
_FROM_DECISION = {
    Decision.ALLOW: Verdict.OK,
    Decision.SIGN_IN: Verdict.SIGNED_OUT,
    Decision.FORBIDDEN: Verdict.FORBIDDEN,
    Decision.GONE: Verdict.GONE,
}


def people_of(session: LiveSession) -> list[Visitor]:
    """Whom the session answers for and, if it is shared, everybody who works in it."""
    sharing = [viewer.visitor for viewer in session.viewers if viewer.visitor and not viewer.read_only]
    return [*(sharing if session.is_shared else ()), session.visitor]


def revalidate(sessions: Iterable[LiveSession]) -> dict[LiveSession, dict[Visitor, Verdict]]:
    """A verdict for each person of each session; a handful of queries however many there are."""
    people = {session: people_of(session) for session in sessions}
    if not people:
        return {}
    visitors = [visitor for those in people.values() for visitor in those]
    stored = _load_sessions({visitor.session_key for visitor in visitors if visitor.session_key})
    decisions = decide_batch((visitor.user_id, session.slug) for session, those in people.items() for visitor in those)
    users = get_user_model()._default_manager.in_bulk({visitor.user_id for visitor in visitors} - {None})
    return {
        session: {
            visitor: _verdict(visitor, stored, users, decisions[visitor.user_id, session.slug]) for visitor in those
        }
        for session, those in people.items()
    }


def _verdict(visitor: Visitor, stored: dict[str, Any], users: dict[Any, Any], decision: Decision) -> Verdict:
    if visitor.user_id is not None and visitor.user_id not in users:
        return Verdict.DELETED
    if decision is not Decision.ALLOW:
        return _FROM_DECISION[decision]
    if visitor.session_key is None:
        return Verdict.OK
    data = stored.get(visitor.session_key)
    if data is None:
        # The key is gone: signed out, or cycled by a sign-in. A fresh handshake tells.
        return Verdict.CHECK_AGAIN
    if identity.binding_hash(data.get(identity.BINDING_KEY) or "") != visitor.binding:
        return Verdict.SIGNED_OUT
    user = users.get(visitor.user_id)
    if str(data.get(SESSION_KEY) or "") != ("" if visitor.user_id is None else str(visitor.user_id)):
        return Verdict.CHECK_AGAIN
    if user is not None and not identity.is_auth_hash(user, data.get("_auth_user_hash") or ""):
        return Verdict.PASSWORD_CHANGED
    return Verdict.OK


def _load_sessions(keys: set[str]) -> dict[str, Any]:
    """Session data by key for the keys that exist; database engines in one query."""
    if not keys:
        return {}
    sample = identity.session_store(None)
    if isinstance(sample, DatabaseStore):
        rows = sample.model.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
        return {row.session_key: sample.decode(row.session_data) for row in rows}
    found = {}
    for key in keys:
        data = identity.session_store(key).load()
        if data:
            found[key] = data
    return found
