"""The other side of the wire, as strict as can be: it applies batches and refuses whatever does not fit exactly.

Runs on: pytest. Invariant: knows only bytes; after each batch it must equal what a fresh snapshot of the tree shows.
"""

from __future__ import annotations

from typing import Any

from scriptapps.deltas.page_tree import PageTree
from scriptapps.protocol import schema
from scriptapps.runtime.outbox import Outbox, compose_node


class Mirror:
    """Holds the page as nested messages, by number."""

    def __init__(self, tree: PageTree) -> None:
        self.tree = tree
        self.wakes: list[float] = []
        self.outbox = Outbox(tree, self.wakes.append)
        self.nodes: dict[int, Any] = {}
        self.children: dict[int, list[int]] = {}
        self.parents: dict[int, int] = {}
        self.deltas: list[Any] = []
        self.batches = 0
        tree.listeners.append(self.outbox)
        for root in (tree.main, tree.sidebar):
            message = schema.Node()
            compose_node(message, root)
            self._build(message, 0)

    def drain(self) -> list[Any]:
        """Apply what the outbox has; returns the deltas of this batch."""
        data = self.outbox.drain(lambda: (0, 0))
        if data is None:
            return []
        message = schema.ServerMessage.FromString(data)
        self.batches += 1
        assert message.batch > 0
        self.outbox.acknowledge(message.batch)
        for delta in message.deltas:
            self._apply(delta)
        self.deltas += message.deltas
        return list(message.deltas)

    def _apply(self, delta: Any) -> None:
        change = delta.WhichOneof("change")
        if change == "set":
            node = self.nodes[delta.set.node]
            if delta.set.HasField("props"):
                node.props = delta.set.props
            if delta.set.HasField("value"):
                node.value.CopyFrom(delta.set.value)
            if delta.set.HasField("width"):
                node.width = delta.set.width
        elif change == "insert":
            siblings = self.children[delta.insert.parent]
            assert 0 <= delta.insert.index <= len(siblings)
            siblings.insert(delta.insert.index, delta.insert.node.number)
            self._build(delta.insert.node, delta.insert.parent)
        else:
            assert change == "remove"
            self.children[self.parents[delta.remove.node]].remove(delta.remove.node)
            self._forget(delta.remove.node)

    def _build(self, message: Any, parent: int) -> None:
        assert message.number not in self.nodes, "a node came twice"
        self.parents[message.number] = parent
        self.children[message.number] = [child.number for child in message.children]
        flat = schema.Node()
        flat.CopyFrom(message)
        del flat.children[:]
        self.nodes[message.number] = flat
        for child in message.children:
            self._build(child, message.number)

    def _forget(self, number: int) -> None:
        del self.nodes[number]
        del self.parents[number]
        for child in self.children.pop(number):
            self._forget(child)

    def shown(self, number: int = 1) -> Any:
        """The page from this node on, as one message."""
        message = schema.Node()
        message.CopyFrom(self.nodes[number])
        for child in self.children[number]:
            message.children.add().CopyFrom(self.shown(child))
        return message

    def assert_equal(self) -> None:
        """The mirror shows what a snapshot taken now shows."""
        self.tree.settle()
        self.drain()
        for root in (self.tree.main, self.tree.sidebar):
            message = schema.Node()
            compose_node(message, root)
            assert self.shown(root.number) == message


def kinds(deltas: list[Any]) -> list[str]:
    """What the deltas are, in order."""
    return [delta.WhichOneof("change") for delta in deltas]


class Run:
    """A pass over a page, written by hand: places text by content and widgets by id."""

    count = 0

    def __init__(self, tree: PageTree) -> None:
        Run.count += 1
        self.number = Run.count
        self.tree = tree
        tree.begin_run(self.number)

    def text(self, body: str, parent: Any = None, width: str = "") -> Any:
        return self.tree.place(self.number, parent or self.tree.main, "text", body.encode(), width=width)

    def widget(self, name: str, value: Any = 0, parent: Any = None, *, props: str = "", forced: bool = False) -> Any:
        return self.tree.place(
            self.number,
            parent or self.tree.main,
            "slider",
            props.encode(),
            widget_id=name,
            value=value,
            force_value=forced,
        )

    def container(self, parent: Any = None, kind: str = "container", props: str = "") -> Any:
        return self.tree.place(self.number, parent or self.tree.main, kind, props.encode())

    def end(self, *, prune: bool = True) -> None:
        self.tree.end_run(self.number, prune=prune)
