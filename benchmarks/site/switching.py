"""Switches the keeping of state on and off while the server runs, and times commits (`--durability`).

Runs on: request threads of the measured server, ``_timed`` on script threads. Invariant: "off" is the runtime without
a place to store anything, not a store that forgets: nothing is collected, encoded or written.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from django.http import HttpRequest, JsonResponse

from scriptapps.node import get_node

_commit: Any = None
_seconds: list[float] = []


def durability(request: HttpRequest, position: str) -> JsonResponse:
    """`on` or `off`; answers how many commits there were since the last call, and their median in milliseconds."""
    global _commit
    options = get_node().options
    _commit = _commit or options.commit
    taken, _seconds[:] = list(_seconds), []
    # Options do not change while a site runs; only to compare the two at one time.
    object.__setattr__(options, "commit", _timed if position == "on" else None)
    return JsonResponse({"commits": len(taken), "median_ms": 1000 * median(taken) if taken else 0.0})


def _timed(*args: Any) -> None:
    started = time.perf_counter()
    _commit(*args)
    _seconds.append(time.perf_counter() - started)
