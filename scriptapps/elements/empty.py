"""``st.empty``."""

from __future__ import annotations

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import container_element
from scriptapps.protocol import schema


@container_element("empty")
def empty(container: Container) -> Container:
    """Place room for one element: each write replaces the one before. On such a place it clears it."""
    node = container.node.resolve()
    if node.single and not isinstance(container, Placed):
        container.run.check()
        container.run.tree.clear(node)
        return container
    return container.add_container("empty", schema.Empty())
