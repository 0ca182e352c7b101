"""Which events of the browser have arrived, which are finished, and which wait for the page to come back.

Runs on: any thread, under the live session's lock. Invariant: an event counts once, however often it is sent; what is
acknowledged need not be sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

MAX_PAGE_LOADS = 64
"""Page loads of one session whose numbers are remembered, and stored with every commit."""


class Inbox:
    """Event numbers by page load (``client_id``).

    ``seen`` is the highest number that arrived, ``acked`` the highest up to which everything is finished.
    ``is_holding``: the session was restored and does not know its widgets before it has run once.
    """

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.acked: dict[str, int] = {}
        # Up to these numbers everything is finished as soon as nothing runs or waits.
        self.idle: dict[str, int] = {}
        self.is_holding = False
        self._held: list[Callable[[], None]] = []

    def note(self, client_id: str, seq: int) -> bool:
        """An event arrives. False for one that was seen before; number 0 is no event and always new."""
        if not seq:
            return True
        if seq <= self.seen.get(client_id, 0):
            return False
        # The page load that acted last stands last, so that the first ones are those that nobody uses any more.
        self.seen.pop(client_id, None)
        self.seen[client_id] = seq
        for old in list(self.seen)[:-MAX_PAGE_LOADS]:
            del self.seen[old]
            self.acked.pop(old, None)
        return True

    def finish(self, seqs: Mapping[str, int]) -> None:
        """Events up to these numbers are finished."""
        for client_id, seq in seqs.items():
            self.acked[client_id] = max(seq, self.acked.get(client_id, 0))

    def of(self, client_id: str) -> tuple[int, int]:
        """(acknowledged, seen) of one page load."""
        return self.acked.get(client_id, 0), self.seen.get(client_id, 0)

    def restored(self, seqs: Mapping[str, int]) -> None:
        """These events are part of the state that was restored; hold what arrives before the first run."""
        self.seen.update(seqs)
        self.acked.update(seqs)
        self.is_holding = True

    def hold(self, handle: Callable[[], None]) -> bool:
        """Keep an event for later. False: it can be handled now."""
        if self.is_holding:
            self._held.append(handle)
        return self.is_holding

    def take_held(self) -> list[Callable[[], None]]:
        """What was held, in order; none left ends the holding."""
        held, self._held = self._held, []
        self.is_holding = bool(held)
        return held
