"""``st.toast``: not part of the page, so a rerun does not take it away."""

from __future__ import annotations

from typing import Literal, cast

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import element
from scriptapps.elements.markdown_directives import icon_text
from scriptapps.elements.markdown_html import clean_text, inline_html
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema
from scriptapps.runtime.run_context import RunContext

Duration = Literal["short", "long", "infinite"] | int
SECONDS = {"short": 4, "long": 10, "infinite": 0}


@element()
def toast(container: Container, body: object, *, icon: str | None = None, duration: Duration = "short") -> None:
    """Show a message in the corner for a few seconds: ``duration`` is "short", "long", "infinite" or seconds."""
    run = cast(RunContext, container.run)
    run.check()
    run.session.post_toast(toast_message(body, icon, duration))


def toast_message(body: object, icon: str | None = None, duration: Duration = "short") -> schema.Toast:
    """The message of the wire. Raises ScriptApiError."""
    return schema.Toast(body_html=inline_html(clean_text(body)), icon=icon_text(icon), seconds=toast_seconds(duration))


def toast_seconds(duration: Duration) -> int:
    """Seconds on the wire, 0 until dismissed. Raises ScriptApiError."""
    if isinstance(duration, str) and duration in SECONDS:
        return SECONDS[duration]
    if isinstance(duration, int) and not isinstance(duration, bool) and 0 < duration <= 3600:
        return duration
    raise ScriptApiError(f'duration must be "short", "long", "infinite" or seconds from 1 to 3600, not {duration!r}.')
