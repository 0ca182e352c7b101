"""The table of endpoints: address, method, act, what goes in and out. Everything else is made from it.

Runs on: start-up and request threads. Invariant: what is not in the table is not served, and not documented.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import JsonResponse

from scriptapps.api import acts, openapi, reading, schemas
from scriptapps.api.call import Call
from scriptapps.api.checking import Schema
from scriptapps.api.endpoint import Endpoint
from scriptapps.api.selection import LIVENESS

LIST_PARAMS: dict[str, Schema] = {
    "script_app": schemas.SCRIPT_APP,
    "user": schemas.USER,
    "scope": schemas.SCOPE,
    "liveness": schemas.choice("What is true of the session now. Without it: live.", LIVENESS),
    "cursor": {"type": "string", "format": "uuid", "description": "`next` of the page before."},
    "limit": {"type": "integer", "minimum": 1, "maximum": schemas.LARGEST_PAGE, "default": schemas.PAGE_SIZE},
}
FRAGMENT = schemas.text("The only part of the page that has to run, by its key or its function's name.", most=200)
MESSAGE = schemas.text("What the page says about its end.", most=500)
NOTICE = schemas.text("Markdown.", least=1, most=2_000)
ICON = schemas.text("An emoji.", most=20)
EVENT = schemas.text("The name that pages listen for.", least=1, most=100)
RUN: Schema = {"type": "boolean", "description": "Whether the script runs for it at once.", "default": True}
PAYLOAD: Schema = {"description": "Any JSON; typed forms of session state are understood."}


def _body(properties: dict[str, Any] | None = None, *required: str) -> partial[dict[str, Any]]:
    return partial(schemas.act, properties, required)


def _openapi(call: Call) -> JsonResponse:
    return JsonResponse(openapi.document(ENDPOINTS))


ENDPOINTS = (
    Endpoint(
        "listSessions",
        "GET",
        "api/sessions",
        "view",
        "Sessions that fit, a page at a time",
        reading.list_sessions,
        "SessionList",
        params=LIST_PARAMS,
    ),
    Endpoint(
        "rerunSessions",
        "POST",
        "api/sessions/rerun",
        "rerun",
        "Run scripts again, with other values; those need the right to change values, too",
        acts.rerun,
        "Report",
        body=_body({"values": schemas.VALUES, "state": schemas.STATE, "fragment": FRAGMENT}),
    ),
    Endpoint(
        "stopSessions",
        "POST",
        "api/sessions/stop",
        "stop",
        "Stop the runs that are going on",
        acts.stop,
        "Report",
        body=_body(),
    ),
    Endpoint(
        "closeSessions",
        "POST",
        "api/sessions/close",
        "close",
        "End sessions for good",
        acts.close,
        "Report",
        body=_body({"message": MESSAGE}),
    ),
    Endpoint(
        "notifySessions",
        "POST",
        "api/sessions/notify",
        "notify",
        "Show a message on pages that are open, without a run",
        acts.notify,
        "Report",
        body=_body({"text": NOTICE, "icon": ICON}, "text"),
    ),
    Endpoint(
        "updateState",
        "POST",
        "api/sessions/state",
        "patch",
        "Assign keys of session_state",
        acts.state,
        "Report",
        body=_body({"state": schemas.STATE, "rerun": RUN}, "state"),
    ),
    Endpoint(
        "sessionValues",
        "GET",
        "api/sessions/<path:session_id>/values",
        "view values",
        "What a session holds, as it is stored; looking is on record",
        reading.session_values,
        "SessionValues",
    ),
    Endpoint(
        "getSession",
        "GET",
        "api/sessions/<path:session_id>",
        "view",
        "One session",
        reading.one_session,
        "Session",
    ),
    Endpoint(
        "sendEvent",
        "POST",
        "api/events",
        "event",
        "Send an event to the pages that listen for it",
        acts.event,
        "Report",
        body=_body({"name": EVENT, "payload": PAYLOAD}, "name"),
    ),
    Endpoint(
        "getRequest",
        "GET",
        "api/requests/<path:request_id>",
        "",
        "What became of something that was asked; one's own, or any with the right to view sessions",
        reading.one_request,
        "Request",
    ),
    Endpoint("getDocument", "GET", "api/openapi.json", "", "This document", _openapi, "Document"),
)
"""In the order in which addresses are matched."""
