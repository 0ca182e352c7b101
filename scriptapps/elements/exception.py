"""``st.exception``."""

from __future__ import annotations

import logging
import uuid
from typing import cast

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.runtime.error_report import describe_exception
from scriptapps.runtime.run_context import RunContext

logger = logging.getLogger("scriptapps.runs")


@element("exception")
def exception(container: Container, exception: BaseException, width: Width = "stretch") -> Placed:
    """Show an exception with the script's own frames. In production only a reference, under which the log has it."""
    if not isinstance(exception, BaseException):
        raise ScriptApiError(f"st.exception takes an exception, not {type(exception).__name__}: {exception!r}.")
    session = cast(RunContext, container.run).session
    details = session.options.show_tracebacks
    reference = "" if details else uuid.uuid4().hex[:12]
    if not details:
        logger.error("%s: shown by st.exception (reference %s)", session.slug, reference, exc_info=exception)
    message = describe_exception(exception, session.script_root, show_details=details, reference=reference)
    return container.add("exception", message, width=wire_width(width))
