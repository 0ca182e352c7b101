"""What a live session tells staff about itself: its last runs, its page, and what it holds if they may see that.

Runs on: the database executor. Invariant: what is hidden is hidden here, before anything is stored; sizes are bounded;
nothing of the script is called and nothing is queried.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from scriptapps.deltas.node import Node
from scriptapps.models import SessionRequest
from scriptapps.run_records import redact_pattern
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.redaction import masked, session_secrets, state_values, widget_values
from scriptapps.runtime.run_history import RunEntry

ANSWERED_WITHIN = timedelta(seconds=5)
"""Who asked has gone after that, and nobody would take the answer away again."""


def answer_inspection(session: LiveSession, row: SessionRequest) -> str:
    """The answer to a request of the kind "inspect" as ASCII JSON, which every database takes; "" if it is too late."""
    if timezone.now() - row.created > ANSWERED_WITHIN:
        return ""
    session.history.inspect()
    return json.dumps(describe(session, with_values=bool(row.payload.get("values"))))


def describe(session: LiveSession, *, with_values: bool) -> dict[str, Any]:
    """What the session is doing, its runs (latest first), and with ``with_values`` what it holds."""
    pattern = redact_pattern()
    secrets = session_secrets(session, pattern)
    # Also without values: what is hidden there is masked in whatever is told.
    state = state_values(session.state.stored_values(), pattern, secrets)
    run, waiting = session.run, session.queue.pending
    with session.tree.lock:
        elements, size = _measure(session.tree.roots)
        sent = session.tree.sent
    document: dict[str, Any] = {
        "now": None if run is None else {"trigger": run.trigger, "seconds": round(time.time() - run.started, 1)},
        "waiting": None if waiting is None else waiting.reason,
        "viewers": len(session.viewers),
        "elements": elements,
        "page_bytes": size,
        "widgets": len(session.widgets.specs),
        "runs": [_entry(entry, secrets, with_values) for entry in session.history.entries(sent)],
    }
    if with_values:
        document["values"] = widget_values(session.widgets, pattern, secrets)
        document["state"] = state
        document["last_error"] = masked(session.last_error, secrets)
    return document


def _entry(entry: RunEntry, secrets: dict[str, str], with_values: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "run_id": entry.run_id,
        "number": entry.number,
        "trigger": entry.trigger,
        "detail": masked(entry.detail, secrets),
        "fragments": list(entry.fragments),
        "started": entry.started,
        "duration_ms": entry.duration_ms,
        "outcome": entry.outcome.lower(),
        "error_type": type_of(entry.error),
        "reference": entry.reference,
        "queries": entry.queries,
        "query_ms": entry.query_ms,
        "repeated": sum(count for _, count in entry.duplicates),
        "deltas": entry.deltas,
        "bytes": entry.bytes,
        "elements": [[element.kind, element.line, element.milliseconds] for element in entry.elements],
    }
    if with_values:
        told["error"] = masked(entry.error, secrets)
        told["output"] = masked(entry.output, secrets)
        told["duplicates"] = [[masked(text, secrets), count] for text, count in entry.duplicates]
    return told


def type_of(error: str) -> str:
    """The exception's type; what it said may be a value."""
    kind = error.partition(":")[0]
    return kind if kind.isidentifier() else ""


def _measure(nodes: Any) -> tuple[int, int]:
    """How many elements there are below, and how large they are."""
    count = size = 0
    waiting: list[Node] = list(nodes)
    while waiting:
        node = waiting.pop()
        count += 1
        size += len(node.props)
        waiting += node.children
    return count - len(nodes), size
