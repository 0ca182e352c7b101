"""``st.tabs``: a strip (kind tabs) of pages (kind tab)."""

from __future__ import annotations

from collections.abc import Sequence

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.elements.markdown_html import label_parts
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema


@container_element("tabs", "tab")
def tabs(
    container: Container,
    tabs: Sequence[str],
    *,
    width: Width = "stretch",
    default: str | None = None,
    key: str | int | None = None,
) -> list[Container]:
    """Place tabs and return one container for each label. ``default`` is the label of the one that is open at first.

    ``key`` is taken and has no effect: tabs are recognised by their place and labels.
    """
    labels = [] if isinstance(tabs, str) else [str(label) for label in tabs]
    if not labels:
        raise ScriptApiError(f"st.tabs takes a list of at least one label, not {tabs!r}.")
    if default is not None and default not in labels:
        raise ScriptApiError(f"default={default!r} is not among the tabs {labels!r}.")
    selected = 0 if default is None else labels.index(default)
    strip = container.add_container("tabs", schema.Tabs(selected=selected), width=wire_width(width))
    pages = []
    for label in labels:
        plain, html = label_parts(label)
        pages.append(strip.add_container("tab", schema.Tab(label=plain, label_html=html)))
    return pages
