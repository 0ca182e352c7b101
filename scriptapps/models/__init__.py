"""The rows of scriptapps; one module for each kind of thing they tell of.

Runs on: request threads, the database executor and script threads, never on the event loop.
"""

from scriptapps.models.api_answer import ApiAnswer
from scriptapps.models.api_token import ApiToken
from scriptapps.models.audit_record import AuditRecord
from scriptapps.models.error_group import ErrorGroup
from scriptapps.models.liveness import BEATS_UNTIL_GONE, live_since
from scriptapps.models.run_record import RunRecord
from scriptapps.models.saved_snapshot import SavedSnapshot
from scriptapps.models.script_app import SLUG_PATTERN, ScriptApp
from scriptapps.models.script_session import ScriptSession, ScriptSessionQuerySet
from scriptapps.models.script_usage import ScriptUsage
from scriptapps.models.script_version import ScriptVersion
from scriptapps.models.server_process import ServerProcess, ServerProcessQuerySet
from scriptapps.models.session_file import SessionFile
from scriptapps.models.session_request import SessionRequest, SessionRequestQuerySet
from scriptapps.models.session_value import SessionValue
from scriptapps.models.steering import CLOSED_BY_STAFF
from scriptapps.models.steering_report import SteeringReport
from scriptapps.models.table_version import TableVersion

__all__ = [
    "BEATS_UNTIL_GONE",
    "CLOSED_BY_STAFF",
    "SLUG_PATTERN",
    "ApiAnswer",
    "ApiToken",
    "AuditRecord",
    "ErrorGroup",
    "RunRecord",
    "SavedSnapshot",
    "ScriptApp",
    "ScriptSession",
    "ScriptSessionQuerySet",
    "ScriptUsage",
    "ScriptVersion",
    "ServerProcess",
    "ServerProcessQuerySet",
    "SessionFile",
    "SessionRequest",
    "SessionRequestQuerySet",
    "SessionValue",
    "SteeringReport",
    "TableVersion",
    "live_since",
]
