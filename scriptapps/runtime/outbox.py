"""What still has to reach one viewer.

Runs on: filled by any thread under the page tree's lock, drained by the viewer's event loop. Invariant: it holds which
nodes are dirty, never a history of updates, so its size is bounded by the page; at most ``WINDOW_BATCHES`` batches or
``WINDOW_BYTES`` bytes are on the way unacknowledged, and after each of them one message that changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from scriptapps.deltas.node import Node
from scriptapps.deltas.observed_tree import PROPS, VALUE, WIDTH
from scriptapps.deltas.page_tree import PageTree
from scriptapps.protocol import schema
from scriptapps.protocol.values import to_value

WINDOW_BATCHES = 32
WINDOW_BYTES = 8 * 1024 * 1024
TICK_SECONDS = 0.008
"""Changes in the middle of a run are gathered this long; the end of a run leaves at once."""
OBSERVER_SECONDS = 0.1
"""Who only watches is served this much later, beside the run that changed something and not in the midst of it."""
MAX_NOTES = 50
"""Toasts and errors that wait for a viewer; older ones are dropped."""


class Outbox:
    """A change listener of the tree that composes ``ServerMessage`` batches.

    ``wake(delay)`` asks the viewer to drain in ``delay`` seconds; called with the tree's lock held. ``pace``: nothing
    leaves sooner than so many seconds after it changed.
    """

    def __init__(self, tree: PageTree, wake: Callable[[float], None], pace: float = 0.0) -> None:
        self.tree = tree
        self.pace = pace
        self._wake = wake
        self._armed: float | None = None
        self._dirty: dict[Node, int] = {}
        self._inserted: dict[Node, None] = {}
        self._removed: dict[int, None] = {}
        self._message = schema.ServerMessage()
        self._has_message = False
        self._snapshot: schema.Snapshot | None = None
        self._batch = 0
        # The message before only told something and had no number; so this one gets one.
        self._owes_number = True
        # Number, size and time of sending of each batch that is not acknowledged.
        self._in_flight: deque[tuple[int, int, float]] = deque()
        self._bytes_in_flight = 0
        # Set when the changes that somebody waits for have left: those still here, and those that were drained.
        self._leaving: threading.Event | None = None
        self._drained: threading.Event | None = None

    # -- ChangeListener, under the tree's lock ---------------------------------------------------------------------

    def node_set(self, node: Node, flags: int) -> None:
        if not self._is_inserted(node):
            self._dirty[node] = self._dirty.get(node, 0) | flags
            self._arm(TICK_SECONDS)

    def node_inserted(self, node: Node) -> None:
        if node.parent is None or not self._is_inserted(node.parent):
            self._inserted[node] = None
        self._arm(TICK_SECONDS)

    def node_removed(self, node: Node) -> None:
        if node in self._inserted:
            del self._inserted[node]
        elif not self._is_inserted(node):
            self._removed[node.number] = None
            self._arm(TICK_SECONDS)

    def change_pending(self) -> None:
        self._arm(TICK_SECONDS)

    def _is_inserted(self, node: Node | None) -> bool:
        if not self._inserted:
            return False
        while node is not None:
            if node in self._inserted:
                return True
            node = node.parent
        return False

    # -- notes, any thread -----------------------------------------------------------------------------------------

    def post(self, *, urgent: bool = False, **fields: object) -> None:
        """Set fields of the next message; a list field is appended to, any other replaces an older one."""
        with self.tree.lock:
            for name, value in fields.items():
                if name in ("toasts", "errors"):
                    notes = getattr(self._message, name)
                    notes.append(value)
                    del notes[:-MAX_NOTES]
                else:
                    getattr(self._message, name).CopyFrom(value)
            self._has_message = True
            self._arm(0.0 if urgent else TICK_SECONDS)

    def ask_for_sign(self) -> None:
        """The next message has to be acknowledged, and comes also if there is nothing to say."""
        with self.tree.lock:
            self._owes_number = self._has_message = True
            self._arm(0.0)

    def post_snapshot(self, build: Callable[[], schema.Snapshot]) -> None:
        """The next message begins with the whole page; ``build`` is called now, under the lock."""
        with self.tree.lock:
            self._snapshot = build()
            self._dirty.clear()
            self._inserted.clear()
            self._removed.clear()
            self._arm(0.0)

    def _arm(self, delay: float) -> None:
        delay = max(delay, self.pace)
        if self._armed is None or delay < self._armed:
            self._armed = delay
            self._wake(delay)

    # -- the viewer's event loop -----------------------------------------------------------------------------------

    def acknowledge(self, batch: int) -> None:
        """The browser applied all batches up to this one."""
        with self.tree.lock:
            while self._in_flight and self._in_flight[0][0] <= batch:
                self._bytes_in_flight -= self._in_flight.popleft()[1]
            if self._has_work() and self._armed is None:
                self._arm(0.0)

    @property
    def waiting_since(self) -> float | None:
        """When (``time.monotonic()``) the oldest batch was sent that is not acknowledged; None if all are."""
        with self.tree.lock:
            return self._in_flight[0][2] if self._in_flight else None

    def hurry(self) -> threading.Event | None:
        """If there are changes, they leave now, not together with what comes next; the event is set when they have."""
        with self.tree.lock:
            if self.pace or not self._has_changes():
                return None
            self._leaving = self._leaving or threading.Event()
            self._arm(0.0)
            return self._leaving

    def expect(self) -> bool:
        """A change is likely in a moment. True: the caller, who is the event loop, is to drain in ``TICK_SECONDS``.

        The script thread then need not wake the loop when the run begins, only when there is something urgent.
        """
        with self.tree.lock:
            if self._armed is not None:
                return False
            self._armed = TICK_SECONDS
            return True

    def drain(self, seqs: Callable[[], tuple[int, int]]) -> bytes | None:
        """The next batch as bytes, or None if there is nothing to say or the window is full.

        ``seqs`` gives (acknowledged, seen) event numbers of this viewer.
        """
        with self.tree.lock:
            self._armed = None
            if len(self._in_flight) >= WINDOW_BATCHES or self._bytes_in_flight >= WINDOW_BYTES:
                self._let_go()
                return None
            self.tree.settle()
            acked, seen = seqs()
            if not self._has_work():
                self._let_go()
                return None
            # What only tells how a run ended follows its changes; acknowledging those is enough.
            is_numbered = self._owes_number or self._has_changes()
            self._owes_number = not is_numbered
            message = self._compose(acked, seen)
            if is_numbered:
                self._batch += 1
                message.batch = self._batch
            data: bytes = message.SerializeToString()
            self._drained, self._leaving = self._leaving, None
            if is_numbered:
                self._in_flight.append((self._batch, len(data), time.monotonic()))
                self._bytes_in_flight += len(data)
            self._armed = None
            deltas, size = self.tree.sent
            self.tree.sent = (deltas + len(message.deltas), size + len(data))
            return data

    def sent(self, soon: Callable[..., object]) -> None:
        """The server has what was drained. ``soon`` calls a function in the loop's next round: it is written then."""
        if self._drained is not None:
            drained, self._drained = self._drained, None
            soon(soon, drained.set)

    def _let_go(self) -> None:
        if self._leaving is not None:
            self._leaving.set()
            self._leaving = None

    def _has_changes(self) -> bool:
        return bool(self._snapshot or self._dirty or self._inserted or self._removed)

    def _has_work(self) -> bool:
        return self._has_message or self._has_changes()

    def _compose(self, acked: int, seen: int) -> schema.ServerMessage:
        message, self._message, self._has_message = self._message, schema.ServerMessage(), False
        message.acked_seq, message.seen_seq = acked, seen
        if self._snapshot is not None:
            message.snapshot.CopyFrom(self._snapshot)
            self._snapshot = None
        for number in self._removed:
            message.deltas.add().remove.node = number
        for node, flags in self._dirty.items():
            if not node.gone:
                _compose_set(message.deltas.add().set, node, flags)
        self._compose_inserts(message)
        self._dirty.clear()
        self._inserted.clear()
        self._removed.clear()
        return message

    def _compose_inserts(self, message: schema.ServerMessage) -> None:
        waiting = dict.fromkeys(node for node in self._inserted if not node.gone)
        parents = dict.fromkeys(node.parent for node in waiting if node.parent is not None)
        for parent in parents:
            for index, child in enumerate(parent.children):
                # Children before it are on the viewer's page by now, so its index here is its index there.
                if child in waiting:
                    insert = message.deltas.add().insert
                    insert.parent, insert.index = parent.number, index
                    compose_node(insert.node, child)


def _compose_set(target: schema.Set, node: Node, flags: int) -> None:
    target.node = node.number
    if flags & PROPS:
        target.props = node.props
    if flags & VALUE:
        target.value.CopyFrom(to_value(node.value))
    if flags & WIDTH:
        target.width = node.width


def compose_node(target: schema.Node, node: Node) -> None:
    """Fill in a ``Node`` message with the node and all that stands in it."""
    target.number, target.kind, target.props = node.number, node.kind, node.props
    if node.width:
        target.width = node.width
    if node.widget_id:
        target.widget_id = node.widget_id
        target.value.CopyFrom(to_value(node.value))
    for child in node.children:
        compose_node(target.children.add(), child)
