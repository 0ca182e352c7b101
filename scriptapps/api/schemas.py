"""What goes in and out, as JSON Schema: checked on the way in, shown in the OpenAPI document.

Runs on: any thread; pure data. Limits that a site may set are filled in when asked for.
"""

from __future__ import annotations

from typing import Any

from scriptapps.api.checking import Schema
from scriptapps.api.selection import ENDED, LIVENESS
from scriptapps.conf import scriptapps_settings
from scriptapps.models import ScriptApp, ScriptSession, SessionRequest
from scriptapps.runtime.state_journal import MAX_NAME
from scriptapps.scope import Scope

TEXT_PATTERN = r"^[^\u0000]*$"
IDS = 1_000
PAGE_SIZE, LARGEST_PAGE = 50, 200
WAITING = "waiting"
LARGEST_NUMBER = 2**63 - 1


def text(description: str, *, least: int = 0, most: int) -> dict[str, Any]:
    """The schema of a text that any database takes."""
    schema = {"type": "string", "description": description, "maxLength": most, "pattern": TEXT_PATTERN}
    return {**schema, "minLength": least} if least else schema


def choice(description: str, words: Any) -> dict[str, Any]:
    """The schema of one word out of a few."""
    return {"type": "string", "description": description, "enum": list(words)}


def closed_object(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """The schema of an object that has nothing else."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**schema, "required": required} if required else schema


NUMBER: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER}
UUID_TEXT: dict[str, Any] = {"type": "string", "format": "uuid"}
SCRIPT_APP = text("The slug of a script app.", least=1, most=64)
USER = text("A user's name, as it is used for signing in.", least=1, most=254)
SCOPE = choice("Who shares the session.", Scope)
LIVENESS_TEXT = "What is true of the session now. Without it: live, and with ids any that is open."


def liveness(words: Any) -> dict[str, Any]:
    """The schema of a liveness."""
    return choice(LIVENESS_TEXT, words)


OPEN = [word for word in LIVENESS if word not in ENDED]
REFINING = {"liveness": liveness(OPEN), "scope": SCOPE}
SELECTION: Schema = {
    "description": "Which sessions: all that fit everything that is said. Nothing said is an error, not everybody.",
    "oneOf": [
        closed_object(
            {
                "ids": {"type": "array", "items": UUID_TEXT, "minItems": 1, "maxItems": IDS, "uniqueItems": True},
                "script_app": SCRIPT_APP,
                "user": USER,
                **REFINING,
            },
            anyOf=[{"required": ["ids"]}, {"required": ["script_app"]}, {"required": ["user"]}],
        ),
        closed_object({"all": {"type": "boolean", "const": True}, **REFINING}, ["all"]),
    ],
}


def values(description: str) -> dict[str, Any]:
    """The schema of values by key."""
    name = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": TEXT_PATTERN}
    return {"type": "object", "description": description, "propertyNames": name, "additionalProperties": True}


VALUES = values("Values of widgets by their key; typed forms of session state are understood.")
STATE = values("Values of session_state by key; typed forms of session state are understood.")


def waiting() -> dict[str, Any]:
    """The two properties of every act: whether to wait for how it ends, and how long."""
    return {
        "wait": {"type": "boolean", "description": "Answer when it has ended everywhere.", "default": False},
        "timeout": {
            "type": "number",
            "description": "Seconds to wait at most.",
            "minimum": 0,
            "maximum": scriptapps_settings.API_WAIT_SECONDS,
        },
    }


def act(properties: dict[str, Any] | None = None, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema of the body of an act on sessions."""
    return closed_object({"sessions": SELECTION, **(properties or {}), **waiting()}, ["sessions", *required])


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


MOMENT = {"type": "string", "format": "date-time"}
OUTCOMES = [outcome.value for outcome in SessionRequest.Outcome]
SESSION: Schema = closed_object(
    {
        "id": UUID_TEXT,
        "script_app": {"type": "string"},
        "user": _nullable({"type": "string", "description": "null: nobody is signed in."}),
        "scope": {"type": "string", "enum": ScriptApp.Scope.values[1:]},
        "liveness": {"type": "string", "enum": ScriptSession.Liveness.values},
        "viewers": {"type": "integer"},
        "runs": {"type": "integer"},
        "last_run_ms": _nullable({"type": "number"}),
        "last_outcome": {"type": "string"},
        "node": {"type": "string", "description": "The process that holds it."},
        "created": MOMENT,
        "connected_at": _nullable(MOMENT),
        "last_seen": MOMENT,
        "closed_at": _nullable(MOMENT),
        "close_reason": {"type": "string"},
        "stored_values": {"type": "integer"},
        "stored_bytes": {"type": "integer"},
    },
)
SESSION_LIST: Schema = closed_object(
    {
        "sessions": {"type": "array", "items": {"$ref": "#/components/schemas/Session"}},
        "next": _nullable({"type": "string", "description": "The cursor of the next page; null: this is the last."}),
    },
    ["sessions", "next"],
)
SESSION_VALUES: Schema = closed_object(
    {
        "session": UUID_TEXT,
        "state": {"type": "object", "description": "session_state, as it was stored at the end of the last run."},
        "values": {"type": "object", "description": "Values of widgets that have a key."},
        "widgets": {"type": "object", "description": "What the other widgets sent, by their id."},
        "not_stored": {"type": "object", "description": "Keys that cannot be stored, each with the reason."},
    },
    ["session", "state", "values", "widgets", "not_stored"],
)
REPORT: Schema = closed_object(
    {
        "asked": {"type": "integer", "description": "How many sessions it reached."},
        "outcomes": {"type": "object", "additionalProperties": {"type": "string", "enum": OUTCOMES}},
        "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        "waiting": {"type": "array", "items": UUID_TEXT, "description": "Sessions that have not ended with it yet."},
        "requests": {
            "type": "array",
            "items": closed_object({"id": {"type": "integer"}, "session": UUID_TEXT}, ["id", "session"]),
        },
    },
    ["asked", "outcomes", "errors", "waiting", "requests"],
)
REQUEST: Schema = closed_object(
    {
        "id": {"type": "integer"},
        "session": UUID_TEXT,
        "kind": {"type": "string", "enum": SessionRequest.Kind.values},
        "outcome": {"type": "string", "enum": [WAITING, *OUTCOMES]},
        "error": {"type": "string"},
        "trigger": {"type": "string"},
        "by": {"type": "string"},
        "created": MOMENT,
        "finished": _nullable(MOMENT),
        "run_id": {"type": "string"},
    },
)
PROBLEM: Schema = closed_object(
    {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, and what to do."},
        "errors": {
            "type": "array",
            "items": closed_object(
                {"pointer": {"type": "string"}, "detail": {"type": "string"}}, ["pointer", "detail"]
            ),
        },
    },
    ["type", "title", "status", "detail"],
)
