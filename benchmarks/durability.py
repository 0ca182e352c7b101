"""Scenario `--durability`: what keeping state costs the person who waits, on against off over the same sockets.

Runs on: the harness's event loop. Invariant: on and off take turns every moment, in an order that changes from round to
round, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.measuring import Plan, open_pages, play_round
from benchmarks.server import RunningServer
from benchmarks.visitors import Tally

HEAD = (
    f"{'visitors':>8} {'pause':>6} │ {'shown':>7} {'done':>7} {'gap':>6} {'commit':>7} {'per s':>6} │ "
    f"{'shown':>7} {'done':>7} {'per s':>6} │ {'shown':>6} {'done':>6} {'rate':>5}"
)
TITLES = f"{'times in ms':<15} │ {'durability on':<37} │ {'off':<22} │ ratio on to off"


@dataclass(frozen=True)
class Side:
    """Medians in milliseconds: until the change arrives, until the end of the run arrives, and between the two."""

    shown: float
    done: float
    gap: float
    per_second: float
    cpu: float


@dataclass(frozen=True)
class Comparison:
    """Durability on and off. ``commit`` is the median of the commits themselves, as the server measured it.

    The ratios are medians of the rounds' own: on and off of one round follow each other at once.
    """

    script: str
    visitors: int
    pause_ms: float
    on: Side
    off: Side
    commit: float
    commits: int
    shown_ratio: float
    done_ratio: float
    rate_ratio: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def line(self) -> str:
        """One row of the table."""
        on, off = self.on, self.off
        return (
            f"{self.visitors:>8} {self.pause_ms:>6.0f} │ {on.shown:>7.2f} {on.done:>7.2f} {on.gap:>6.2f} "
            f"{self.commit:>7.2f} {on.per_second:>6.0f} │ {off.shown:>7.2f} {off.done:>7.2f} {off.per_second:>6.0f} │ "
            f"{self.shown_ratio:>5.2f}x {self.done_ratio:>5.2f}x {self.rate_ratio:>5.2f}"
        )


async def compare(server: RunningServer, script: str, visitors: int, plan: Plan, pause: float) -> Comparison:
    """Open the page ``visitors`` times and let on and off take turns. Raises ConnectionError, LookupError."""
    movers = await open_pages(server, script, visitors, plan, pause)
    sides: dict[str, list[Tally]] = {"on": [], "off": []}
    commits: list[tuple[int, float]] = []
    for number in range(plan.rounds):
        for position in ("on", "off") if number % 2 else ("off", "on"):
            await _switch(server, position)
            sides[position].append(await play_round(server, movers, plan.seconds, plan.warm_up))
            if position == "on":
                commits.append(await _switch(server, position))
    await _switch(server, "on")
    for mover in movers:
        mover.socket.close()
    pairs = list(zip(sides["on"], sides["off"], strict=True))
    return Comparison(
        script=script,
        visitors=visitors,
        pause_ms=1000 * pause,
        on=_side(sides["on"]),
        off=_side(sides["off"]),
        commit=median(milliseconds for _, milliseconds in commits),
        commits=sum(count for count, _ in commits),
        shown_ratio=median(median(on.shown) / median(off.shown) for on, off in pairs),
        done_ratio=median(median(on.latencies) / median(off.latencies) for on, off in pairs),
        rate_ratio=median(on.per_second / off.per_second for on, off in pairs),
    )


async def _switch(server: RunningServer, position: str) -> tuple[int, float]:
    """Turn it on or off. Returns number and median milliseconds of the commits since the last call."""

    def ask() -> tuple[int, float]:
        with urllib.request.urlopen(f"{server.url}/durability/{position}/") as answer:
            found = json.loads(answer.read())
        return found["commits"], found["median_ms"]

    return await asyncio.to_thread(ask)


def _side(tallies: Sequence[Tally]) -> Side:
    return Side(
        shown=1000 * median(median(tally.shown) for tally in tallies),
        done=1000 * median(median(tally.latencies) for tally in tallies),
        gap=1000 * median(median(tally.gaps) for tally in tallies),
        per_second=median(tally.per_second for tally in tallies),
        cpu=1000 * median(tally.cpu_seconds for tally in tallies),
    )
