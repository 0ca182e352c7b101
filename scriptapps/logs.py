"""For the site's LOGGING: which session, run, script app and person a log record belongs to, and records as JSON.

Runs on: whatever thread logs. Invariant: asks nobody, reads no value of a page, and never keeps a record from being
logged.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from scriptapps.runtime.run_context import current_run

RUN_FIELDS = ("session_id", "run_id", "script_app", "user_id")


class RunContextFilter(logging.Filter):
    """Gives each record ``session_id``, ``run_id``, ``script_app`` and ``user_id``; all None outside runs.

    What a script, a library it calls, Django's database log or scriptapps itself logs during a run belongs to that run;
    so does what a thread logs that was started with ``st.with_run_context`` or ``st.background``. Put it on handlers: a
    logger's own filters do not see what comes from the loggers below it. Fields that a record has already are kept.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything pass."""
        run = current_run.get(None)
        if run is None:
            found = dict.fromkeys(RUN_FIELDS)
        else:
            session = run.session
            values = (session.session_id, run.run_id, session.slug, session.visitor.user_id)
            found = dict(zip(RUN_FIELDS, values, strict=True))
        for name, value in found.items():
            record.__dict__.setdefault(name, value)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object in one line for each record; of the run's fields those that it has."""

    def format(self, record: logging.LogRecord) -> str:
        """``time`` is UTC in ISO 8601; ``exception`` and ``stack`` are there when the record has them."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name in RUN_FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        # An id may be anything that a model's primary key can be.
        return json.dumps(entry, ensure_ascii=False, default=str)
