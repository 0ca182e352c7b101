"""The rows of scriptapps; one module for each kind of thing they tell of.

Runs on: request threads, the database executor and script threads, never on the event loop.
"""

from scriptapps.models.saved_snapshot import SavedSnapshot
from scriptapps.models.script_app import SLUG_PATTERN, ScriptApp
from scriptapps.models.script_session import (
    BEATS_UNTIL_GONE,
    CLOSED_BY_STAFF,
    ScriptSession,
    ScriptSessionQuerySet,
    live_since,
)
from scriptapps.models.server_process import ServerProcess, ServerProcessQuerySet
from scriptapps.models.session_file import SessionFile
from scriptapps.models.session_value import SessionValue

__all__ = [
    "BEATS_UNTIL_GONE",
    "CLOSED_BY_STAFF",
    "SLUG_PATTERN",
    "SavedSnapshot",
    "ScriptApp",
    "ScriptSession",
    "ScriptSessionQuerySet",
    "ServerProcess",
    "ServerProcessQuerySet",
    "SessionFile",
    "SessionValue",
    "live_since",
]
