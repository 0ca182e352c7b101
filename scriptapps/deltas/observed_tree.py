"""The nodes of a page, and who hears of their changes.

Runs on: any thread; ``lock`` guards everything in here, methods with an underscore need it held. Invariant: no node on
the page changes without every listener being told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Protocol

from scriptapps.deltas.node import Node

MAIN, SIDEBAR = 1, 2
PROPS, VALUE, WIDTH = 1, 2, 4
"""Flags of ``ChangeListener.node_set``: what changed."""


class ChangeListener(Protocol):
    """Hears every change of the tree while its lock is held; must be quick and must not call back."""

    def node_set(self, node: Node, flags: int) -> None: ...
    def node_inserted(self, node: Node) -> None: ...
    def node_removed(self, node: Node) -> None: ...
    def change_pending(self) -> None: ...


class ObservedTree:
    """Nodes by number and by widget id, under two roots: ``main`` and ``sidebar``."""

    def __init__(self) -> None:
        # Guards all nodes, the listeners and what the listeners gather.
        self.lock = threading.RLock()
        self.listeners: list[ChangeListener] = []
        self.widgets: dict[str, Node] = {}
        # How many deltas and bytes viewers have been sent.
        self.sent = (0, 0)
        self._next_number = SIDEBAR + 1
        self.main = self._root(MAIN)
        self.sidebar = self._root(SIDEBAR)
        self.roots = (self.main, self.sidebar)

    @staticmethod
    def _root(number: int) -> Node:
        node = Node("root", b"")
        node.number = number
        return node

    def set_value(self, widget_id: str, value: Any, origin: ChangeListener | None = None) -> None:
        """The widget's value changed outside a run; everybody but ``origin`` is told."""
        with self.lock:
            node = self.widgets.get(widget_id)
            if node is None or node.value == value:
                return
            node.value = value
            for listener in self.listeners:
                if listener is not origin:
                    listener.node_set(node, VALUE)

    def clear(self, node: Node) -> None:
        """Remove all children of a container."""
        with self.lock:
            node = node.resolve()
            if node.gone:
                return
            for child in [*node.children, *node.pending]:
                if child.number:
                    self._remove(child)
                else:
                    self._lost(child)
            node.children, node.pending, node.cursor = [], [], 0

    def walk(self) -> Iterator[Node]:
        """All nodes on the page, depth first. Hold ``lock`` while iterating."""
        stack = [self.sidebar, self.main]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def _update(self, node: Node, props: bytes, value: Any, width: str) -> None:
        flags = (
            (PROPS if node.props != props else 0)
            | (VALUE if node.value != value else 0)
            | (WIDTH if node.width != width else 0)
        )
        node.props, node.value, node.width = props, value, width
        if flags and node.number:
            for listener in self.listeners:
                listener.node_set(node, flags)

    def _force(self, widget_id: str, value: Any) -> None:
        node = self.widgets.get(widget_id)
        if node is not None:
            self._update(node, node.props, value, node.width)

    def _attach(self, node: Node, parent: Node, index: int) -> None:
        parent.children.insert(index, node)
        node.parent = parent
        self._number(node)
        for listener in self.listeners:
            listener.node_inserted(node)

    def _number(self, node: Node) -> None:
        stack = [node]
        while stack:
            current = stack.pop()
            current.number, self._next_number = self._next_number, self._next_number + 1
            if current.widget_id:
                self.widgets[current.widget_id] = current
            current.cursor = len(current.children)
            for child in current.children:
                child.parent = current
            stack.extend(reversed(current.children))

    def _remove(self, node: Node) -> None:
        assert node.parent is not None
        node.parent.children.remove(node)
        for listener in self.listeners:
            listener.node_removed(node)
        self._lost(node)

    def _lost(self, node: Node) -> Node:
        """The node and what is in it are not, or no more, on the page; handles to them have no effect."""
        stack = [node]
        while stack:
            current = stack.pop()
            current.gone = True
            if self.widgets.get(current.widget_id) is current:
                del self.widgets[current.widget_id]
            stack.extend(current.children)
            stack.extend(current.pending)
        return node
