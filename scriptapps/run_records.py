"""Keeps runs that failed or were slow as rows, and failures together by where they happened.

Runs on: told on the script thread, which only gathers; written on the node's database executor. Invariant: no run waits
for a row; what is hidden is hidden before it leaves the thread; rows have limits, counts do not.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from scriptapps.conf import scriptapps_settings
from scriptapps.models import ErrorGroup, RunRecord
from scriptapps.runtime.error_report import describe_exception
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.redaction import masked, session_secrets, widget_values
from scriptapps.runtime.run_context import RunContext, current_run

logger = logging.getLogger("scriptapps.node")

MAX_WAITING = 1_000
"""Records that wait for a slow database; more are dropped, and that is logged."""
SLOW_SHARE = 10
"""Of the records of a day, slow runs may be one in so many: failures find room."""
MESSAGE_CHARS = 4_000
KEPT_OUTCOMES = frozenset({"FAILED", "NOT_COMPILED", "DEADLINE", "ABANDONED"})

Fields = dict[str, Any]


class RunRecords:
    """``failed`` and ``ended`` are hooks of the runtime. ``submit(text, function, argument)`` calls it elsewhere."""

    def __init__(self, node_name: str, submit: Callable[[str, Callable[[Fields], None], Fields], None]) -> None:
        self._node_name, self._submit = node_name, submit
        # Guards the number of waiting records.
        self._lock = threading.Lock()
        self._waiting = 0

    def failed(self, session: LiveSession, error: BaseException, reference: str) -> None:
        """A script raised: in a run, which is written at its end, or between runs."""
        run = current_run.get(None)
        fields = _about_failure(session, error, reference)
        if run is not None and session.run is run:
            run.failures.append(fields)
            return
        name = run.run_id.rpartition("-")[2] if run is not None else ""
        about = {"trigger": "between runs", "detail": name[:200], "run_id": run.run_id[:100] if run else ""}
        self._write(_about_session(session) | about | fields | {"outcome": "failed"})

    def ended(self, run: RunContext, milliseconds: float) -> None:
        """A run is over; it is kept if it failed or was slow."""
        limit = scriptapps_settings.SLOW_RUN_SECONDS
        is_slow = limit is not None and milliseconds >= limit * 1_000
        if not (is_slow or run.failures or run.outcome in KEPT_OUTCOMES):
            return
        about = _about_session(run.session) | _about_run(run) | {"duration_ms": milliseconds, "is_slow": is_slow}
        failures = run.failures
        if not failures:
            failures = [_about_values(run.session) | {"message": run.error[:MESSAGE_CHARS]}]
        for fields in failures:
            secrets = fields.pop("secrets")
            output = masked(run.measures.output, secrets)
            self._write(about | {"output": output} | fields)

    def _write(self, fields: Fields) -> None:
        fields.pop("secrets", None)
        with self._lock:
            if self._waiting >= MAX_WAITING:
                logger.error("The database is too slow: run %s is not recorded", fields["run_id"])
                return
            self._waiting += 1
        # The node has ended otherwise.
        with contextlib.suppress(RuntimeError):
            self._submit("A run could not be recorded", self._written, fields | {"node": self._node_name[:100]})

    def _written(self, fields: Fields) -> None:
        with self._lock:
            self._waiting -= 1
        write_record(fields)


def _about_session(session: LiveSession) -> Fields:
    with contextlib.suppress(ValueError):
        return {
            "session_id": uuid.UUID(session.session_id),
            "script_app": session.slug[:64],
            "user_id": session.visitor.user_id,
        }
    return {"session_id": None, "script_app": session.slug[:64], "user_id": session.visitor.user_id}


def _about_run(run: RunContext) -> Fields:
    measures = run.measures
    return {
        "run_id": run.run_id[:100],
        "trigger": run.trigger[:30],
        "detail": run.detail[:200],
        "fragments": list(run.fragment_names),
        "outcome": run.outcome.lower(),
        "queries": measures.queries,
        "query_ms": measures.seconds * 1_000,
        "duplicates": [list(pair) for pair in measures.duplicates],
    }


def _about_values(session: LiveSession) -> Fields:
    pattern = redact_pattern()
    secrets = session_secrets(session, pattern)
    return {"values": widget_values(session.widgets, pattern, secrets), "secrets": secrets}


def _about_failure(session: LiveSession, error: BaseException, reference: str) -> Fields:
    fields = _about_values(session)
    told = describe_exception(error, session.script_root, show_details=True, reference=reference)
    return fields | {
        "reference": reference,
        "error_type": told.type[:200],
        "message": masked(told.message, fields["secrets"])[:MESSAGE_CHARS],
        "frames": [
            {"file": frame.file, "line": frame.line, "function": frame.function, "source": frame.source[:500]}
            for frame in told.frames
        ],
    }


def redact_pattern() -> re.Pattern[str]:
    """Names of values that are never shown."""
    return re.compile("|".join(scriptapps_settings.REDACT_KEYS) or r"(?!)", re.IGNORECASE)


# -- on the executor ---------------------------------------------------------------------------------------------------


def write_record(fields: Fields) -> None:
    """Count the failure and keep the run, within the limits of its error and of the day."""
    with transaction.atomic():
        if not get_user_model()._default_manager.filter(pk=fields["user_id"]).exists():
            fields = fields | {"user_id": None}
        group = _counted(fields) if fields.get("error_type") else None
        if _is_day_full(fields["script_app"], SLOW_SHARE if group is None else 1):
            return
        RunRecord._default_manager.create(group=group, **fields)
        if group is not None:
            _limit(group)


def _counted(fields: Fields) -> ErrorGroup:
    frames = fields["frames"]
    at = frames[-1] if frames else None
    location = f"{at['file']}:{at['line']} in {at['function']}"[:300] if at else ""
    # Lines move with every edit above them; what stands there stays.
    place = f"{at['file']} {at['function']} {at['source'] or at['line']}" if at else ""
    groups = ErrorGroup._default_manager
    group, _ = groups.get_or_create(
        digest=ErrorGroup.digest_of(fields["script_app"], fields["error_type"], place),
        defaults={"script_app": fields["script_app"], "error_type": fields["error_type"], "location": location},
    )
    user_id = fields["user_id"]
    groups.filter(pk=group.pk).update(
        count=F("count") + 1,
        anonymous_count=F("anonymous_count") + int(user_id is None),
        last_seen=timezone.now(),
        location=location,
    )
    groups.filter(pk=group.pk, resolved__isnull=False).update(resolved=None, came_back=True)
    if user_id is not None:
        group.users.add(user_id)
    return group


def _is_day_full(script_app: str, share: int) -> bool:
    since = timezone.now() - timedelta(days=1)
    today = RunRecord._default_manager.filter(script_app=script_app, created__gte=since)
    if share > 1:
        today = today.filter(group=None)
    return today.count() >= max(scriptapps_settings.RUN_RECORDS_PER_DAY // share, 1)


def _limit(group: ErrorGroup) -> None:
    """Of what was long ago the reference stays, so that it is still found."""
    detailed = RunRecord._default_manager.filter(group=group, has_details=True).order_by("-pk")
    old = list(detailed.values_list("pk", flat=True)[scriptapps_settings.RUN_RECORDS_PER_ERROR :][:100])
    if old:
        RunRecord._default_manager.filter(pk__in=old).update(
            has_details=False, message="", frames=[], values={}, output="", duplicates=[]
        )
