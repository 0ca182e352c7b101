"""Writing to the page between runs: what a background thread keeps up to date.

Runs on: any thread. Invariant: what is written this way stays when the script runs again, as long as the container it
stands in stays; the run that goes on at the same time is not disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scriptapps.deltas.node import Node
from scriptapps.deltas.page_tree import PageTree


class StandingTree:
    """A page tree for writers that are no run: the same methods, under ``number`` instead of the run's."""

    def __init__(self, tree: PageTree, number: int) -> None:
        self._tree = tree
        self.number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tree, name)

    def place(self, run: int, parent: Node, kind: str, props: bytes, **fields: Any) -> Node:
        """See ``PageTree.place``."""
        with self._writing():
            node = self._tree.place(self.number, parent, kind, props, **fields)
            return self._settled(node)

    def replace(self, run: int, node: Node, kind: str, props: bytes, width: str = "") -> Node:
        """See ``PageTree.replace``."""
        with self._writing():
            return self._settled(self._tree.replace(self.number, node, kind, props, width))

    def update_props(self, run: int, node: Node, props: bytes) -> None:
        """See ``PageTree.update_props``."""
        with self._writing():
            self._tree.update_props(self.number, node, props)

    def discard(self, node: Node) -> None:
        """See ``PageTree.discard``."""
        with self._writing():
            self._tree.discard(node)

    def close_block(self, node: Node) -> None:
        """See ``PageTree.close_block``."""
        with self._writing():
            self._tree.close_block(node)

    def begin_part(self, run: int, part: Node) -> None:
        """See ``PageTree.begin_part``."""
        with self._writing():
            self._tree.begin_part(self.number, part)

    def begin_block(self, part: Node) -> None:
        """A block that a run placed is filled anew: what is not placed again until ``end_block`` goes."""
        with self._tree.lock:
            part = part.resolve()
            part.cursor, part.pending = 0, []

    def end_block(self, part: Node) -> None:
        """The block is filled."""
        with self._writing():
            self._tree.settle()
            self._tree._prune(part.resolve(), whole=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        tree = self._tree
        with tree.lock:
            run, tree.run = tree.run, self.number
            try:
                yield
            finally:
                tree.run = run

    def _settled(self, node: Node) -> Node:
        # Nobody else may decide later, under another run's number, what this continues.
        self._tree.settle()
        node = node.resolve()
        node.standing = True
        return node
