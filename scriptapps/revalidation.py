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


class Verdict(enum.Enum):
    """What became of a session's right to run, with the close code of its sockets."""

    OK = "ok"
    CHECK_AGAIN = "the sign-in changed"
    SIGNED_OUT = "signed out"
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


def revalidate(sessions: Iterable[LiveSession]) -> dict[LiveSession, Verdict]:
    """A verdict for each session; a handful of queries however many there are."""
    sessions = list(sessions)
    if not sessions:
        return {}
    stored = _load_sessions({s.visitor.session_key for s in sessions if s.visitor.session_key})
    decisions = decide_batch((s.visitor.user_id, s.slug) for s in sessions)
    users = get_user_model()._default_manager.in_bulk({s.visitor.user_id for s in sessions} - {None})
    return {
        session: _verdict(session, stored, users, decisions[session.visitor.user_id, session.slug])
        for session in sessions
    }


def _verdict(session: LiveSession, stored: dict[str, Any], users: dict[Any, Any], decision: Decision) -> Verdict:
    visitor = session.visitor
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
