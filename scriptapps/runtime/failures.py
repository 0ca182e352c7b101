"""What happens with an exception of a script: the log, the host, the page.

Runs on: the script thread, or the thread that the script started. Invariant: whatever the exception does, it is logged
under a reference and described for the page.
"""

from __future__ import annotations

import logging
import types
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scriptapps.protocol import schema
from scriptapps.runtime.error_report import describe_exception
from scriptapps.runtime.redaction import MARKED, masked

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession

logger = logging.getLogger("scriptapps.runs")


@dataclass(frozen=True, slots=True)
class Failure:
    """``summary`` is one line for staff, ``shown`` one line for the person, ``element`` goes on the page."""

    reference: str
    summary: str
    shown: str
    element: schema.Exception


def report_failure(session: LiveSession, run_id: str, error: BaseException) -> Failure:
    """Log an exception that a script raised, tell the host of it, and describe it."""
    reference = uuid.uuid4().hex[:12]
    options = session.options
    summary = masked(f"{type(error).__name__}: {error}", dict.fromkeys(session.history.secrets, MARKED))[:200]
    logger.error(
        "%s: run %s of session %s raised (reference %s)",
        session.slug, run_id, session.session_id, reference,
        exc_info=(type(error), error, _script_traceback(session, error)),
    )  # fmt: skip
    options.on_error(session, error, reference)
    element = describe_exception(error, session.script_root, show_details=options.show_tracebacks, reference=reference)
    shown = summary if options.show_tracebacks else f"Reference {reference}"
    return Failure(reference, summary, shown, element)


def _script_traceback(session: LiveSession, error: BaseException) -> types.TracebackType | None:
    """The traceback from the script's first frame on: what is above it is ours."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename != str(session.script_path):
        traceback = traceback.tb_next
    return traceback or error.__traceback__
