"""``st.expander``."""

from __future__ import annotations

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.elements.markdown_directives import icon_text
from scriptapps.elements.markdown_html import label_parts
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.protocol import schema


@container_element("expander")
def expander(
    container: Container,
    label: str,
    expanded: bool = False,
    *,
    icon: str | None = None,
    key: str | int | None = None,
    width: Width = "stretch",
) -> Container:
    """Place a container that folds away. ``expanded`` is how it stands at first; then the person decides.

    ``key`` is taken and has no effect: a folded part is recognised by its place and label.
    """
    plain, html = label_parts(str(label))
    message = schema.Expander(label=plain, label_html=html, expanded=expanded, icon=icon_text(icon))
    return container.add_container("expander", message, width=wire_width(width))
