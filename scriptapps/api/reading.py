"""The endpoints that look: sessions, what one of them holds, and what became of a request.

Runs on: request threads. Invariant: looking at values leaves a record, in the transaction that reads them; what an
actor may not see is answered as if it did not exist.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import JsonResponse

from scriptapps.api.call import Call
from scriptapps.api.problems import Problem
from scriptapps.api.schemas import LARGEST_NUMBER, PAGE_SIZE, WAITING
from scriptapps.api.selection import select
from scriptapps.api.values import stored_as_json
from scriptapps.errors import StoredStateGoneError
from scriptapps.models import ScriptSession, SessionRequest
from scriptapps.run_records import redact_pattern
from scriptapps.store import get_state_store, write_alias

ASKED_BY = {
    "rerun": ("rerun", "patch"),
    "stop": ("stop",),
    "close": ("close",),
    "notify": ("notify",),
    "event": ("event",),
    "inspect": ("view",),
}
"""The acts by which a request of a kind comes about."""


def list_sessions(call: Call) -> JsonResponse:
    """One page of the sessions that fit, by their ids."""
    size = call.params.get("limit", PAGE_SIZE)
    found = select(call.sessions(), call.params)
    if "cursor" in call.params:
        found = found.filter(pk__gt=UUID(call.params["cursor"]))
    rows = list(found.order_by("pk").select_related("user", "script_app")[: size + 1])
    more = rows[size - 1].pk if len(rows) > size else None
    return JsonResponse({"sessions": [session_as_json(row) for row in rows[:size]], "next": more and str(more)})


def one_session(call: Call) -> JsonResponse:
    """One session."""
    return JsonResponse(session_as_json(_session(call)))


def session_values(call: Call) -> JsonResponse:
    """What one session holds, as far as it is stored."""
    session = _session(call)
    with transaction.atomic(using=write_alias()):
        call.record("view values", session=session)
        try:
            stored = get_state_store().load(str(session.pk))
        except StoredStateGoneError as gone:
            raise Problem(404, f"Nothing is stored of this session any more: {gone}.") from None
    return JsonResponse(
        {
            "session": str(session.pk),
            **stored_as_json(stored, redact_pattern()),
            "not_stored": session.not_durable or {},
        }
    )


def one_request(call: Call) -> JsonResponse:
    """What became of one request: for who may view sessions, and for who asked."""
    number = int(call.target) if call.target.isascii() and call.target.isdigit() else LARGEST_NUMBER + 1
    rows = SessionRequest.objects.filter(session__in=call.sessions().values("pk"))
    row = rows.filter(pk=number).first() if number <= LARGEST_NUMBER else None
    may_see, may_see_values = _may_see(call, row) if row else (False, False)
    if row is None or not may_see:
        raise Problem(404, "There is no such request, or it is not yours. Requests are kept for a while only.")
    return JsonResponse(request_as_json(row, may_see_values))


def _may_see(call: Call, row: SessionRequest) -> tuple[bool, bool]:
    """Whether this actor may see the request, and errors that may quote a value."""
    may = call.actor.may
    is_own = row.requested_by_id is not None and row.requested_by_id == call.actor.user.pk
    is_own = is_own and any(map(may, ASKED_BY[row.kind]))
    return is_own or may("view"), is_own or may("view values")


def _session(call: Call) -> ScriptSession:
    try:
        key = UUID(call.target)
    except ValueError:
        key = None
    rows = call.sessions().select_related("user", "script_app")
    session = rows.filter(pk=key).first() if key else None
    if session is None:
        raise Problem(404, "There is no such session. Rows of sessions that ended are kept for a while only.")
    return session


def session_as_json(session: ScriptSession) -> dict[str, Any]:
    """What may be known about a session without seeing what it holds."""
    return {
        "id": str(session.pk),
        "script_app": session.script_app.slug,
        "user": session.user.get_username() if session.user else None,
        "scope": session.scope,
        "liveness": session.liveness.value,
        "viewers": session.viewers,
        "runs": session.runs,
        "last_run_ms": session.last_run_ms,
        "last_outcome": session.last_outcome,
        "node": session.node,
        "created": _moment(session.created),
        "connected_at": _moment(session.connected_at),
        "last_seen": _moment(session.last_seen),
        "closed_at": _moment(session.closed_at),
        "close_reason": session.close_reason,
        "stored_values": session.state_keys,
        "stored_bytes": session.state_bytes,
    }


def request_as_json(row: SessionRequest, show_error: bool) -> dict[str, Any]:
    """What was asked and how it ended, never with which values."""
    return {
        "id": row.pk,
        "session": str(row.session_id),
        "kind": row.kind,
        "outcome": row.outcome or WAITING,
        "error": row.error if show_error else "",
        "trigger": row.trigger,
        "by": row.detail,
        "created": _moment(row.created),
        "finished": _moment(row.finished),
        "run_id": row.run_id,
    }


def _moment(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
