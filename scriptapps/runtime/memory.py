"""How much memory a live session takes, estimated: its page, its state, its values.

Runs on: the thread that writes rows. Invariant: nothing of the script is called, no lock is taken, and however much a
session holds, only so many objects are looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from scriptapps.deltas.node import Node
from scriptapps.runtime.state_journal import Stored

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession

NODE_BYTES = 400
"""An element beside its content: the node and its lists."""
WIDGET_BYTES = 600
"""What the server keeps of a widget beside its value."""
MOST_NODES = 5_000
MOST_OBJECTS = 2_000
MOST_LEVELS = 20
SAMPLE = 50
"""So many items of a collection stand for all of it."""
ARRAYS = frozenset({"numpy", "pandas", "pyarrow", "polars"})
PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None))


def estimated_bytes(session: LiveSession) -> int:
    """Bytes of the page tree, ``st.session_state`` and widget values.

    Not counted: what scripts keep elsewhere (caches, modules, threads), uploaded files, what waits to be sent.
    """
    measure = _Measure()
    values = measure.mapping(session.state.stored_values()) + measure.mapping(session.widgets.current)
    return page_bytes(session.tree.roots) + len(session.widgets.specs) * WIDGET_BYTES + values


def page_bytes(roots: Iterable[Node]) -> int:
    """Bytes of these nodes and what is in them. Of a very large page a part stands for the whole."""
    size = seen = 0
    waiting = list(roots)
    while waiting and seen < MOST_NODES:
        node = waiting.pop()
        seen += 1
        size += NODE_BYTES + len(node.props)
        # The copy is one step: a run may change the list meanwhile.
        waiting += node.children
    return size * (seen + len(waiting)) // seen if seen else 0


class _Measure:
    """Looks at a limited number of objects; each counts once."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._levels = 0

    def mapping(self, values: Mapping[str, Any]) -> int:
        return sum(sys.getsizeof(name) + self.of(value) for name, value in list(values.items()))

    def of(self, value: Any) -> int:
        kind = type(value)
        if kind in PLAIN:
            return sys.getsizeof(value)
        if kind is Stored:
            return object.__sizeof__(value) + len(value.data)
        if id(value) in self._seen or len(self._seen) >= MOST_OBJECTS or self._levels >= MOST_LEVELS:
            return 0
        self._seen.add(id(value))
        self._levels += 1
        try:
            return self._object(value, kind)
        finally:
            self._levels -= 1

    def _object(self, value: Any, kind: type) -> int:
        if kind in (dict, list, tuple, set, frozenset):
            return sys.getsizeof(value) + self._items(value)
        if kind.__module__.partition(".")[0] in ARRAYS:
            return _array_bytes(value)
        try:
            # A class of the script may say anything about its size: it is not asked.
            inside = object.__getattribute__(value, "__dict__")
        except AttributeError:
            inside = None
        return object.__sizeof__(value) + (self._items(inside) if type(inside) is dict else 0)

    def _items(self, collection: Any) -> int:
        is_dict = type(collection) is dict
        try:
            some = list(islice(collection.items() if is_dict else collection, SAMPLE))
        except RuntimeError:
            # A run changes it at this moment; the next row has it.
            return 0
        if not some:
            return 0
        size = sum(self.of(item[0]) + self.of(item[1]) for item in some) if is_dict else sum(map(self.of, some))
        return size * len(collection) // len(some)


def _array_bytes(value: Any) -> int:
    """What an array or table of a known library says it holds, without what its cells point to."""
    try:
        usage = getattr(value, "memory_usage", None)
        if callable(usage):
            used = usage(deep=False)
            return int(used.sum() if hasattr(used, "sum") else used)
        estimate = getattr(value, "estimated_size", None)
        size = estimate() if callable(estimate) else getattr(value, "nbytes", 0)
        return int(size)
    except Exception:
        # These libraries have objects of which nobody can say it; a row is not held up for that.
        return object.__sizeof__(value)
