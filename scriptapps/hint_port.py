"""Where a server process hears hints of other processes of its host: one UDP port on the loopback.

Runs on: its own daemon thread, asleep until a datagram comes. Invariant: whatever arrives, at most one look at the rows
follows; what does not prove that it knows the site's secret, or was heard before, is dropped without a word.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress

from scriptapps.hints import LOOPBACK, MAX_AGE_SECONDS, Heard, unseal

logger = logging.getLogger("scriptapps.hints")

DATAGRAM_BYTES = 65_536


class HintPort:
    """``number`` is the port, 0 while it is closed."""

    def __init__(self, name: str, heard: Heard) -> None:
        self.name, self.heard = name, heard
        self.number = 0
        self._door: socket.socket | None = None
        # Proofs of hints that were heard, with the time until which they could be sent again.
        self._known: dict[bytes, float] = {}
        self._thread = threading.Thread(target=self._work, name="scriptapps-hint-port", daemon=True)

    def open(self) -> None:
        """Begin to hear. Without a port the beat alone finds what is asked."""
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            door.bind((LOOPBACK, 0))
        except OSError as error:
            door.close()
            logger.warning("No port for hints of other processes (%s); beats find what they ask", error)
            return
        self._door, self.number = door, door.getsockname()[1]
        self._thread.start()

    def close(self) -> None:
        """Hear nothing any more."""
        door, number, self.number = self._door, self.number, 0
        if door is not None:
            # The thread sleeps in a read that closing would not end.
            with suppress(OSError):
                door.sendto(b"", (LOOPBACK, number))
            self._thread.join(5)
            door.close()

    def _work(self) -> None:
        assert self._door is not None
        while True:
            try:
                data = self._door.recv(DATAGRAM_BYTES)
            except OSError as error:
                if self.number:
                    logger.warning("Hints of other processes are not heard any more (%s)", error)
                return
            if not self.number:
                return
            if data:
                self._hear(data)

    def _hear(self, data: bytes) -> None:
        try:
            hint = unseal(data, self.name)
            if hint is not None and self._is_new(data[:32]):
                self.heard(*hint)
        except Exception:
            logger.exception("A hint of another process could not be followed; the next beat makes it good")

    def _is_new(self, proof: bytes) -> bool:
        now = time.monotonic()
        self._known = {known: until for known, until in self._known.items() if until > now}
        if proof in self._known:
            return False
        self._known[proof] = now + 2 * MAX_AGE_SECONDS
        return True
