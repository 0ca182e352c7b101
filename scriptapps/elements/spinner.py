"""``st.spinner``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import element
from scriptapps.elements.markdown_html import clean_text, inline_html
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.protocol import schema


@element("spinner")
def spinner(
    container: Container, text: str = "In progress...", *, show_time: bool = False, width: Width = "content"
) -> AbstractContextManager[None]:
    """Show that something is going on while a block runs: ``with st.spinner("Loading"):``. Gone when the block ends."""
    return _spin(container, text, show_time, width)


@contextmanager
def _spin(container: Container, text: str, show_time: bool, width: Width) -> Iterator[None]:
    message = schema.Spinner(text_html=inline_html(clean_text(text)), show_time=show_time)
    placed = container.add("spinner", message, width=wire_width(width, "content"))
    try:
        yield
    finally:
        # Not placed.discard(): that is a safe point, and a stopped run has to clean up as well.
        run = container.run
        if run.tree.run == run.number:
            run.tree.discard(placed.node)
