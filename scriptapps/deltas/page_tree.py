"""The page as the browser shows it, kept on the server; only differences leave.

Runs on: the script thread places, the event loop settles and reads; ``lock`` guards everything in here.
Invariant: an element that a run places again with the same bytes at the same place changes nothing. Children whose
predecessor is not certain wait in ``pending`` until a later sibling, a flush or the run's end decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scriptapps.deltas.matching import match_siblings
from scriptapps.deltas.node import Node
from scriptapps.deltas.observed_tree import ObservedTree
from scriptapps.errors import ScriptApiError, StopScript


class PageTree(ObservedTree):
    """The nodes of one script session."""

    def __init__(self) -> None:
        super().__init__()
        self.run = 0
        self._unsettled: dict[Node, None] = {}

    # -- a run -----------------------------------------------------------------------------------------------------

    def begin_run(self, run: int, parts: Sequence[Node] | None = None) -> None:
        """From now on children are placed by run number ``run``; writes of other runs are refused.

        ``parts`` are the only containers that are filled anew, None for the whole page.
        """
        with self.lock:
            self.run = run
            self._unsettled.clear()
            for part in self.roots if parts is None else parts:
                self.begin_part(run, part)

    def begin_part(self, run: int, part: Node) -> None:
        """A container is filled anew."""
        with self.lock:
            self._accept(run)
            part = part.resolve()
            part.run, part.cursor, part.pending = run, 0, []

    def end_run(self, run: int, *, prune: bool, parts: Sequence[Node] | None = None) -> None:
        """Settle everything; with ``prune`` remove what this run did not place, of the whole page or of ``parts``."""
        with self.lock:
            if run != self.run:
                return
            self._settle_all()
            if prune:
                for part in self.roots if parts is None else parts:
                    self._prune(part.resolve())

    def abandon_run(self) -> None:
        """No write of the current run is accepted any more."""
        with self.lock:
            self._settle_all()
            self.run = -abs(self.run) - 1

    def place(
        self,
        run: int,
        parent: Node,
        kind: str,
        props: bytes,
        *,
        widget_id: str = "",
        value: Any = None,
        force_value: bool = False,
        width: str = "",
    ) -> Node:
        """Put an element (or an empty container) at the parent's next place and return its node.

        ``value`` is used for a node that is new on the page; a node that is already there keeps its value unless
        ``force_value`` says that the script changed it.
        """
        with self.lock:
            self._accept(run)
            parent = parent.resolve()
            if parent.gone:
                return self._lost(Node(kind, props, widget_id, value, width))
            old = self._next_old(parent)
            if old is not None and old.continues(kind, props, widget_id):
                self._continue(old, props, value if force_value else old.value, width)
                parent.cursor += 1
                return old
            node = Node(kind, props, widget_id, value, width)
            if force_value:
                self._force(widget_id, value)
            self._put(parent, node)
            return node.resolve()

    def replace(self, run: int, node: Node, kind: str, props: bytes, width: str = "") -> Node:
        """Put another element where ``node`` is."""
        with self.lock:
            self._accept(run)
            node = node.resolve()
            if node.kind == kind and not node.is_container and not node.widget_id:
                self._update(node, props, node.value, width)
                return node
            fresh = Node(kind, props, width=width)
            fresh.run = run
            parent = node.parent
            if node.gone or parent is None:
                return self._lost(fresh)
            siblings = parent.pending if node in parent.pending else parent.children
            index = siblings.index(node)
            if node.number:
                self._remove(node)
                self._attach(fresh, parent, index)
            else:
                siblings[index], fresh.parent = fresh, parent
                self._lost(node)
            return fresh

    def update_props(self, run: int, node: Node, props: bytes) -> None:
        """Give a container that is placed other properties; what is in it stays."""
        with self.lock:
            self._accept(run)
            node = node.resolve()
            if not node.gone:
                self._update(node, props, node.value, node.width)

    def discard(self, node: Node) -> None:
        """Take an element off the page now, without waiting for the run's end."""
        with self.lock:
            node = node.resolve()
            parent = node.parent
            if node.gone or parent is None:
                return
            if node in parent.pending:
                parent.pending.remove(self._lost(node))
            elif node.number:
                self._settle(parent)
                index = parent.children.index(node)
                self._remove(node)
                parent.cursor -= index < parent.cursor
            elif node in parent.children:
                parent.children.remove(self._lost(node))
                parent.cursor -= 1

    def close_block(self, node: Node) -> None:
        """A block that was opened a second time in one run ends: what it did not place again goes."""
        with self.lock:
            node = node.resolve()
            if node.reopened:
                node.reopened = False
                self._settle(node)
                self._prune(node)

    def settle(self) -> None:
        """Decide what is still open with what is known now; called before changes are sent in the middle of a run."""
        with self.lock:
            self._settle_all()

    # -- placing, with the lock held -------------------------------------------------------------------------------

    def _accept(self, run: int) -> None:
        """Raises unless ``run`` is the one that may write."""
        if run == self.run:
            return
        if self.run < 0:
            raise StopScript("ABANDONED")
        raise ScriptApiError("The run that placed this is over: place it again in each run instead of keeping it.")

    @staticmethod
    def _next_old(parent: Node) -> Node | None:
        """The last run's node at the place that comes next, if that place is certain."""
        if parent.pending or parent.single or not parent.number or parent.cursor >= len(parent.children):
            return None
        return parent.children[parent.cursor]

    def _put(self, parent: Node, node: Node) -> None:
        """Place a node that this run made; afterwards ``node.resolve()`` is what stands for it."""
        node.run, node.parent = self.run, parent
        if parent.single:
            self._put_single(parent, node)
            return
        old = self._next_old(parent)
        if old is not None and old.key == node.key and old.kind == node.kind:
            self._merge(node, old)
            parent.cursor += 1
        elif not parent.number:
            parent.children.append(node)
            parent.cursor += 1
        elif parent.cursor >= len(parent.children) and not parent.pending:
            self._attach(node, parent, parent.cursor)
            parent.cursor += 1
        else:
            parent.pending.append(node)
            self._unsettled[parent] = None
            for listener in self.listeners:
                listener.change_pending()

    def _put_single(self, parent: Node, node: Node) -> None:
        old = parent.children[0] if parent.children else None
        if old is None:
            pass
        elif old.kind == node.kind and old.widget_id == node.widget_id and (not node.is_container or old.number):
            reopened = node.is_container and old.run == self.run
            self._merge(node, old)
            if reopened:
                old.reopen()
            return
        elif old.number:
            self._remove(old)
        else:
            parent.children.remove(self._lost(old))
        if parent.number:
            self._attach(node, parent, 0)
        else:
            parent.children.append(node)

    def _continue(self, old: Node, props: bytes, value: Any, width: str) -> None:
        old.run = self.run
        if old.is_container and not old.keeps:
            for child in old.pending:
                self._lost(child)
            old.cursor, old.pending, old.reopened = 0, [], False
        if old.props != props or old.value != value or old.width != width:
            self._update(old, props, value, width)

    def _merge(self, node: Node, old: Node) -> None:
        node.forward = old
        self._continue(old, node.props, old.value, node.width)
        children, node.children = node.children + node.pending, []
        for child in children:
            self._put(old, child)

    # -- settling, with the lock held ------------------------------------------------------------------------------

    def _settle_all(self) -> None:
        while self._unsettled:
            parent = next(iter(self._unsettled))
            self._settle(parent)

    def _settle(self, parent: Node) -> None:
        self._unsettled.pop(parent, None)
        if not parent.pending or parent.gone:
            return
        placed, parent.pending = parent.pending, []
        start = parent.cursor
        old = parent.children[start:]
        position = start
        shift = 0
        for node, match in zip(placed, match_siblings(old, placed), strict=True):
            if match is None:
                self._attach(node, parent, position)
                shift += 1
                position += 1
            else:
                position = start + match + shift + 1
                self._merge(node, old[match])
        parent.cursor = position

    def _prune(self, parent: Node, *, whole: bool = False) -> None:
        """Remove what the run did not place; with ``whole`` also what stands between runs."""
        for child in list(parent.children):
            if child.standing and not whole:
                continue
            if child.run != self.run:
                self._remove(child)
            elif child.is_container and (whole or not child.keeps):
                self._prune(child, whole=whole)
