"""``st.status``: a container that tells how far its work has come."""

from __future__ import annotations

from types import TracebackType
from typing import Literal

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.elements.markdown_html import label_parts
from scriptapps.elements.sizes import Width, check_choice, wire_width
from scriptapps.errors import ScriptControl, StopScript
from scriptapps.protocol import schema

State = Literal["running", "complete", "error"]
STATES = ("running", "complete", "error")


class StatusContainer(Container):
    """A container with ``update``. When its ``with`` block ends it is complete, in error if that was broken off."""

    __slots__ = ("_closed", "_message")

    def __init__(self, place: Container, message: schema.Status) -> None:
        super().__init__(place.run, place.node, place.form_id)
        self._message = message
        self._closed = False

    def update(self, *, label: str | None = None, state: State | None = None, expanded: bool | None = None) -> None:
        """Change what is given; the rest stays."""
        self.run.check()
        if label is not None:
            self._message.label, self._message.label_html = label_parts(str(label))
        if state is not None:
            check_choice("state", state, STATES)
            self._message.state = state
            self._closed = state != "running"
        if expanded is not None:
            self._message.expanded = expanded
        self._show()

    def _show(self) -> None:
        self.run.tree.update_props(self.run.number, self.node, self._message.SerializeToString())

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        stopped = exc.reason if isinstance(exc, StopScript) else ""
        # The run that follows draws it anew; a run that was stopped must not seem to go on.
        is_followed = stopped == "SUPERSEDED" or (isinstance(exc, ScriptControl) and not stopped)
        if self._closed or is_followed:
            return
        self._message.state = "complete" if exc is None or stopped == "COMPLETED" else "error"
        self._show()


@container_element("status")
def status(
    container: Container, label: str, *, expanded: bool = False, state: State = "running", width: Width = "stretch"
) -> StatusContainer:
    """Place a container for the steps of long work: ``with st.status("Importing") as status:``.

    ``status.update(label=..., state=..., expanded=...)`` changes it; ``state`` is "running", "complete" or "error".
    """
    check_choice("state", state, STATES)
    plain, html = label_parts(str(label))
    message = schema.Status(label=plain, label_html=html, state=state, expanded=expanded)
    return StatusContainer(container.add_container("status", message, width=wire_width(width)), message)
