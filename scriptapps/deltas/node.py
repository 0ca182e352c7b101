"""One node of the page tree.

Runs on: any thread that holds the tree's lock. Invariant: ``number`` is 0 until the node is on the page; a node that
turned out to be one of the last run's nodes forwards to it.
"""

from __future__ import annotations

from typing import Any

CONTAINER_KINDS = frozenset(
    {
        "root",
        "container",
        "columns",
        "column",
        "empty",
        "expander",
        "tabs",
        "tab",
        "form",
        "status",
        "fragment",
        "background",
    }
)


class Node:
    """An element or container as the browser shows it.

    ``run`` is the run that placed it last; ``cursor`` says how many children this run has placed; ``pending`` are
    children placed by this run of which it is not yet known which of the last run's nodes they are. ``standing``: it
    was written between runs, and a run that does not place it leaves it. ``keeps``: what is in it is.
    """

    __slots__ = (
        "children",
        "cursor",
        "forward",
        "gone",
        "is_container",
        "keeps",
        "kind",
        "number",
        "parent",
        "pending",
        "props",
        "reopened",
        "run",
        "single",
        "standing",
        "value",
        "widget_id",
        "width",
    )

    def __init__(self, kind: str, props: bytes, widget_id: str = "", value: Any = None, width: str = "") -> None:
        self.kind = kind
        self.props = props
        self.widget_id = widget_id
        self.value = value
        self.width = width
        self.number = 0
        self.run = 0
        self.parent: Node | None = None
        self.is_container = kind in CONTAINER_KINDS
        self.single = kind == "empty"
        self.children: list[Node] = []
        self.pending: list[Node] = []
        self.cursor = 0
        self.forward: Node | None = None
        self.gone = False
        self.reopened = False
        self.standing = False
        self.keeps = kind == "background"

    def resolve(self) -> Node:
        """The node that is (or will be) on the page for this one."""
        node = self
        while node.forward is not None:
            node = node.forward
        return node

    def continues(self, kind: str, props: bytes, widget_id: str) -> bool:
        """Whether an element of a new run, at this one's place, is certainly this one."""
        return self.kind == kind and self.widget_id == widget_id and bool(widget_id or self.props == props)

    def reopen(self) -> None:
        """A block begins again in the same run: what is in it counts as not placed yet."""
        stack = list(self.children)
        while stack:
            child = stack.pop()
            child.run = 0
            stack.extend(child.children)
        self.reopened = True

    @property
    def key(self) -> object:
        """What makes two nodes the same across runs: the widget id, else kind and content."""
        return self.widget_id or (self.kind, self.props)

    def __repr__(self) -> str:
        return f"<Node {self.number} {self.kind} {self.widget_id or len(self.props)}>"
