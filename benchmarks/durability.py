"""Scenario `--durability`: what keeping state costs, on against off over the same sockets.

Runs on: the harness's event loop. Invariant: whatever else the machine does hits both. For the times, every visitor's
events are kept and not kept in turn; for the rate, all of them for a moment, in an order that changes.
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
from benchmarks.visitors import Door, SliderVisitor, Tally

HEAD = (
    f"{'visitors':>8} {'pause':>5} │ {'shown':>6} {'done':>6} {'gap':>5} {'commit':>6} │ {'shown':>6} {'done':>6} │ "
    f"{'shown':>6} {'done':>6} │ {'on':>5} {'cpu':>5} {'off':>5} {'cpu':>5} {'ratio':>5}"
)
TITLES = f"{'times in ms':<14} │ {'durability on':<26} │ {'off':<13} │ {'on : off':<13} │ reruns/s without pause"


@dataclass(frozen=True)
class Side:
    """Medians in milliseconds: until the change arrives, until the end of the run arrives, and between the two.

    ``per_second`` and ``cpu`` (of the server, for one rerun) are those without pauses.
    """

    shown: float
    done: float
    gap: float
    per_second: float
    cpu: float


@dataclass(frozen=True)
class Comparison:
    """Durability on and off. ``commit`` is the median of the commits themselves in milliseconds, seen at the server."""

    script: str
    visitors: int
    pause_ms: float
    on: Side
    off: Side
    events: int
    commits: int
    commit: float
    rate_ratio: float

    @property
    def shown_ratio(self) -> float:
        """How much later the page shows what changed."""
        return self.on.shown / self.off.shown

    @property
    def done_ratio(self) -> float:
        """How much later a run is finished."""
        return self.on.done / self.off.done

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "ratios": {"shown": self.shown_ratio, "done": self.done_ratio, "rate": self.rate_ratio}}

    def line(self) -> str:
        """One row of the table."""
        on, off = self.on, self.off
        return (
            f"{self.visitors:>8} {self.pause_ms:>5.0f} │ {on.shown:>6.2f} {on.done:>6.2f} {on.gap:>5.2f} "
            f"{self.commit:>6.2f} │ {off.shown:>6.2f} {off.done:>6.2f} │ {self.shown_ratio:>5.2f}x "
            f"{self.done_ratio:>5.2f}x │ {on.per_second:>5.0f} {on.cpu:>5.2f} {off.per_second:>5.0f} {off.cpu:>5.2f} "
            f"{self.rate_ratio:>5.2f}"
        )


class AlternatingVisitor(SliderVisitor):
    """Keeps apart what was kept and what was not: event 1 is kept, event 2 is not, and so on."""

    def __init__(self, door: Door, pause: float = 0.0) -> None:
        super().__init__(door, pause)
        self.sides: tuple[Tally, Tally] | None = None

    def send_next(self) -> None:
        if self.sides is not None:
            self.tally = self.sides[(self.seq + 1) % 2]
        super().send_next()


async def compare(server: RunningServer, script: str, visitors: int, plan: Plan, pause: float) -> Comparison:
    """Open the page ``visitors`` times and let on and off take turns. Raises ConnectionError, LookupError."""
    await _switch(server, "on")
    movers = await open_pages(server, script, visitors, plan, AlternatingVisitor)
    rates: dict[str, list[Tally]] = {"on": [], "off": []}
    for number in range(plan.rounds):
        for position in ("on", "off") if number % 2 else ("off", "on"):
            await _switch(server, position)
            rates[position].append(await play_round(server, movers, plan.seconds, plan.warm_up))
    await _switch(server, "turns")
    off, on = Tally(), Tally()
    for mover in movers:
        mover.sides, mover.pause = (off, on), pause
    await play_round(server, movers, 2 * plan.seconds * plan.rounds, 0.0)
    commits, commit = await _switch(server, "on")
    for mover in movers:
        mover.socket.close()
    return Comparison(
        script=script,
        visitors=visitors,
        pause_ms=1000 * pause,
        on=_side(on, rates["on"]),
        off=_side(off, rates["off"]),
        events=len(on.latencies),
        commits=commits,
        commit=commit,
        rate_ratio=median(on.per_second / off.per_second for on, off in zip(rates["on"], rates["off"], strict=True)),
    )


async def _switch(server: RunningServer, position: str) -> tuple[int, float]:
    """Turn it. Returns number and median milliseconds of the commits since the last call."""

    def ask() -> tuple[int, float]:
        with urllib.request.urlopen(f"{server.url}/durability/{position}/") as answer:
            found = json.loads(answer.read())
        return found["commits"], found["median_ms"]

    return await asyncio.to_thread(ask)


def _side(mixed: Tally, rates: Sequence[Tally]) -> Side:
    return Side(
        shown=1000 * median(mixed.shown),
        done=1000 * median(mixed.latencies),
        gap=1000 * median(mixed.gaps),
        per_second=median(tally.per_second for tally in rates),
        cpu=1000 * median(tally.cpu_seconds for tally in rates),
    )
