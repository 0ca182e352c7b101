"""One websocket attached to a live session.

Runs on: created and used by the socket's event loop; ``wake`` and ``close`` may be called from any thread.
Invariant: a viewer never holds state of the session; losing it loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from scriptapps.deltas.page_tree import PageTree
from scriptapps.protocol import schema
from scriptapps.runtime.options import Visitor
from scriptapps.runtime.outbox import OBSERVER_SECONDS, Outbox


@dataclass(eq=False)
class Viewer:
    """``wake(delay)`` asks the socket to drain; ``close_socket(code, reason)`` ends it. Both from any thread.

    ``client_id`` names one page load: the numbers of its events belong to it. ``read_only``: a staff observer.
    ``visitor``: whose browser it is, where that may differ from whom the session answers for. ``dismissed``: the
    socket has been told to end, and what still comes from it does not count.
    """

    wake: Callable[[float], None]
    close_socket: Callable[[int, str], None]
    read_only: bool = False
    client_id: str = ""
    visitor: Visitor | None = None
    dismissed: bool = False
    hidden: bool = False
    outbox: Outbox = field(init=False)

    def open_outbox(self, tree: PageTree) -> None:
        """Begin to gather what this viewer does not have yet."""
        self.outbox = Outbox(tree, self.wake, OBSERVER_SECONDS if self.read_only else 0.0)

    def dismiss(self, code: int, reason: str) -> None:
        """End the socket; from now on nothing that it sends has an effect."""
        self.dismissed = True
        self.close_socket(code, reason)

    def refuse(self, code: str, message: str, *, seq: int = 0, reference: str = "") -> None:
        """Answer a message of the browser with an error; the socket lives on."""
        error = schema.Error(code=code, message=message, reference=reference, seq=seq)
        self.outbox.post(urgent=True, errors=error)
