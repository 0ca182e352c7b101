"""Switches the keeping of state on and off while the server runs, and times commits (`--durability`).

Runs on: request threads and script threads of the measured server. Invariant: "off" is the runtime without a place to
store anything, not a store that forgets: nothing is collected, encoded or written.
"""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import Any

from django.http import HttpRequest, JsonResponse

from scriptapps.node import ServerNode, get_node

POSITIONS = ("on", "off", "turns")


class Switch:
    """Gives sessions options with or without a commit; ``turns``: the runs with odd numbers of each session keep.

    The first run of a session, which no event caused, has the number 0.
    """

    def __init__(self, node: ServerNode) -> None:
        self.position = "on"
        self.seconds: list[float] = []
        self._commit: Any = node.options.commit
        self._before_run = node.options.before_run
        self.on = replace(node.options, commit=self._timed, before_run=self._begin)
        self.off = replace(self.on, commit=None)
        node.options = self.on

    def _begin(self, run: Any) -> None:
        self._before_run(run)
        session = run.session
        keeps = session.runs % 2 if self.position == "turns" else self.position == "on"
        session.options = self.on if keeps else self.off

    def _timed(self, *args: Any) -> None:
        started = time.perf_counter()
        self._commit(*args)
        self.seconds.append(time.perf_counter() - started)


_switch: Switch | None = None


def durability(request: HttpRequest, position: str) -> JsonResponse:
    """Turn it to one of POSITIONS; answers how many commits there were since the last call, and their median."""
    global _switch
    if position not in POSITIONS:
        return JsonResponse({"error": f"{position} is none of {', '.join(POSITIONS)}"}, status=404)
    _switch = _switch or Switch(get_node())
    _switch.position = position
    taken, _switch.seconds = _switch.seconds, []
    return JsonResponse({"commits": len(taken), "median_ms": 1000 * median(taken) if taken else 0.0})
