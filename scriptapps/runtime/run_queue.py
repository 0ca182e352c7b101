"""What a live session still has to run: requests become one.

Runs on: any thread, under the live session's lock. Invariant: however many reruns are asked for while one waits, one
run follows the last of them; what comes with a request (values, events) is carried along, none of it is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class OutsideRequest:
    """What somebody outside the page asks of it. ``number`` is that of its record, None if it has none.

    ``values`` are for widgets, by key; ``state`` is for ``session_state``; ``events`` are (name, payload) pairs.
    ``trace`` is what the host knows of the asking, for its own records.
    """

    number: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[tuple[str, Any], ...] = ()
    trace: str = ""


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """A run is wanted. ``background``: nobody waits for it at a browser. ``chained``: the script itself asked.

    ``reason`` is a word for what caused it, ``detail`` says what exactly (a widget's label, a table, who asked).
    ``supersedes``: a run that is going on may be given up for it. ``fragments`` are the ids of the only fragments that
    have to run, None for the whole script. ``reactive``: nothing but a change of data caused it, so that what the run
    changes in turn causes no further ones.
    """

    reason: str
    background: bool = False
    chained: bool = False
    supersedes: bool = True
    fragments: tuple[str, ...] | None = None
    detail: str = ""
    outside: tuple[OutsideRequest, ...] = ()
    reactive: bool = False


class RunQueue:
    """At most one waiting request."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: RerunRequest | None = None

    def put(self, request: RerunRequest) -> None:
        """Coalesce: the newer reason wins, a person's request makes the run interactive and unchained.

        The whole script goes before fragments, fragments unite.
        """
        old = self.pending
        if old is not None:
            request = RerunRequest(
                request.reason,
                background=old.background and request.background,
                chained=old.chained and request.chained,
                supersedes=old.supersedes or request.supersedes,
                fragments=_united(old.fragments, request.fragments),
                detail=request.detail,
                outside=old.outside + request.outside,
                reactive=old.reactive and request.reactive,
            )
        self.pending = request

    def drop(self) -> None:
        """Forget what waits, except for what somebody outside asked: that is carried out."""
        if self.pending is not None and not self.pending.outside:
            self.pending = None

    def take(self) -> RerunRequest | None:
        """The waiting request; afterwards none waits."""
        request, self.pending = self.pending, None
        return request


def _united(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if old is None or new is None:
        return None
    return tuple(dict.fromkeys(old + new))
