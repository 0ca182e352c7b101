"""How many sockets and messages are allowed, and how long a socket may be silent.

Runs on: the event loop. Invariant: sockets are counted before anything else of a handshake happens, given back once.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from scriptapps.conf import scriptapps_settings
from scriptapps.handshake import Refused


class TokenBucket:
    """``rate`` messages a second, ``burst`` at once."""

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens = burst
        self._at = time.monotonic()

    def delay(self, cost: float = 1.0) -> float:
        """Take ``cost`` messages; returns the seconds to wait until they may be handled, 0 mostly."""
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._at) * self.rate, self.burst) - cost
        self._at = now
        return max(-self._tokens / self.rate, 0.0)


class Heart:
    """When a browser was heard last, by a clock that only goes forward."""

    __slots__ = ("_at",)
    LATE, DEAD = 20 / 15, 35 / 15
    """In HEARTBEAT_SECONDS."""

    def __init__(self) -> None:
        self.heard()

    def heard(self) -> None:
        """Something came."""
        self._at = time.monotonic()

    def feel(self) -> tuple[Literal["good", "late", "none"], float]:
        """How it is, and in how many seconds to ask again."""
        beat = scriptapps_settings.HEARTBEAT_SECONDS
        silent = time.monotonic() - self._at
        if silent > beat * self.DEAD:
            return "none", 0.0
        late = silent > beat * self.LATE
        return "late" if late else "good", beat * (self.DEAD if late else self.LATE) - silent + 0.1


@dataclass
class Ticket:
    """One socket's place in the budget."""

    address: str
    user: Any = None


class Budget:
    """Sockets of this process in all, per network address and per person."""

    def __init__(self) -> None:
        self.total = 0
        self.addresses: Counter[str] = Counter()
        self.users: Counter[Any] = Counter()

    def enter(self, address: str) -> Ticket:
        """A socket knocks. Raises Refused(429) when there are too many."""
        if self.total >= scriptapps_settings.SOCKETS_TOTAL:
            raise Refused(429, "SOCKETS_TOTAL is reached")
        if self.addresses[address] >= scriptapps_settings.SOCKETS_PER_ADDRESS:
            raise Refused(429, f"SOCKETS_PER_ADDRESS is reached by {address}")
        self.total += 1
        self.addresses[address] += 1
        return Ticket(address)

    def add_user(self, ticket: Ticket, identity: Any) -> None:
        """The socket's person is known now. Raises Refused(429) when they have too many."""
        person = identity.user.pk if identity.user.is_authenticated else identity.binding
        if self.users[person] >= scriptapps_settings.SOCKETS_PER_USER:
            raise Refused(429, "SOCKETS_PER_USER is reached")
        ticket.user = person
        self.users[person] += 1

    def leave(self, ticket: Ticket | None) -> None:
        """The socket is gone."""
        if ticket is None:
            return
        self.total -= 1
        _give_back(self.addresses, ticket.address)
        if ticket.user is not None:
            _give_back(self.users, ticket.user)


def _give_back(counter: Counter[Any], key: Any) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
