"""Scenarios: which script, how many visitors, for how long; and what came out.

Runs on: the harness's event loop. Invariant: script and floor take turns on the same server in the same minute, so
that whatever else the machine does hits both; medians over the rounds are reported.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import TypeVar

from benchmarks.server import RunningServer
from benchmarks.visitors import EchoVisitor, SliderVisitor, Tally, Visitor, page_door
from scriptapps.testing import HeadlessBrowser

AnySlider = TypeVar("AnySlider", bound=SliderVisitor)
OPENING_AT_ONCE = 10
"""Sockets that are opened side by side."""


@dataclass(frozen=True)
class Plan:
    """How long and how often. Seconds; ``people`` is how many accounts share the visits."""

    seconds: float = 2.0
    warm_up: float = 0.5
    rounds: int = 3
    people: int = 10


@dataclass(frozen=True)
class Figures:
    """One side of a scenario, medians over its rounds; times in milliseconds, ``cpu`` of the server for each answer.

    ``shown`` is the median until the first change arrives, ``p50`` and ``p95`` until the answer is complete.
    """

    shown: float
    p50: float
    p95: float
    cpu: float
    per_second: float
    messages: float
    bytes: float
    deltas: float
    server_ms: float


@dataclass(frozen=True)
class Result:
    """A script under so many visitors, and the floor under the same."""

    script: str
    visitors: int
    rerun: Figures
    floor: Figures

    @property
    def latency_ratio(self) -> float:
        """How many floors a rerun takes."""
        return self.rerun.p50 / self.floor.p50

    @property
    def shown_ratio(self) -> float:
        """How many floors it takes until the page shows what changed."""
        return self.rerun.shown / self.floor.p50

    @property
    def rate_ratio(self) -> float:
        """Which share of the floor's rate reruns reach."""
        return self.rerun.per_second / self.floor.per_second

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        ratios = {"shown": self.shown_ratio, "latency": self.latency_ratio, "rate": self.rate_ratio}
        return {**asdict(self), "ratios": ratios}


async def measure(server: RunningServer, script: str, visitors: int, plan: Plan) -> Result:
    """Open the page ``visitors`` times and let script and floor take turns. Raises ConnectionError, LookupError."""
    host = server.url.removeprefix("http://")
    movers = await open_pages(server, script, visitors, plan, SliderVisitor)
    trial = await play_round(server, movers, min(plan.seconds, 0.5), 0.0)
    answer_bytes = round(trial.bytes / trial.messages)
    echoes = [EchoVisitor(host, answer_bytes, movers[0].widget_id) for _ in range(visitors)]
    await enter(echoes)
    floors, reruns = [], []
    for _ in range(plan.rounds):
        floors.append(await play_round(server, echoes, plan.seconds, plan.warm_up))
        reruns.append(await play_round(server, movers, plan.seconds, plan.warm_up))
    for visitor in [*movers, *echoes]:
        visitor.socket.close()
    return Result(script, visitors, _figures(reruns), _figures(floors))


async def open_pages(
    server: RunningServer, script: str, visitors: int, plan: Plan, kind: type[AnySlider]
) -> list[AnySlider]:
    """Open the script's page ``visitors`` times, by ``plan.people`` people. Raises ConnectionError, LookupError."""
    host = server.url.removeprefix("http://")
    people = await asyncio.to_thread(_sign_in, server.url, script, min(visitors, plan.people))
    doors = [page_door(host, attributes, cookie) for attributes, cookie in people]
    movers = [kind(doors[number % len(doors)]) for number in range(visitors)]
    await enter(movers)
    return movers


def _sign_in(base_url: str, script: str, people: int) -> list[tuple[dict[str, str], str]]:
    """Attributes of the script's page and the cookies, for each person."""
    found = []
    for number in range(people):
        browser = HeadlessBrowser(base_url)
        browser.sign_in(f"person{number}", "/login/")
        found.append((browser.page_attributes(f"/apps/{script}/"), browser.cookie_header()))
    return found


async def enter(visitors: Sequence[Visitor]) -> None:
    """Open their sockets, a few at once."""
    for start in range(0, len(visitors), OPENING_AT_ONCE):
        await asyncio.gather(*(visitor.enter() for visitor in visitors[start : start + OPENING_AT_ONCE]))


async def play_round(server: RunningServer, visitors: Sequence[Visitor], seconds: float, warm_up: float) -> Tally:
    """Let all visitors go; what happens after ``warm_up`` seconds counts."""
    tally = Tally()
    gc.collect()
    gc.disable()
    try:
        for visitor in visitors:
            visitor.go(Tally() if warm_up else tally)
        if warm_up:
            await asyncio.sleep(warm_up)
            for visitor in visitors:
                visitor.tally = tally
        started, cpu = time.perf_counter(), server.cpu_seconds()
        await asyncio.sleep(seconds)
        elapsed, cpu = time.perf_counter() - started, server.cpu_seconds() - cpu
        counted = len(tally.latencies)
        await asyncio.gather(*(visitor.rest() for visitor in visitors))
    finally:
        gc.enable()
    # Answers that came while the visitors were coming to rest are told apart by their count only.
    tally.per_second = counted / elapsed
    tally.cpu_seconds = cpu / max(counted, 1)
    return tally


def _figures(rounds: Sequence[Tally]) -> Figures:
    def middle(of: Callable[[Tally], float]) -> float:
        return median([of(tally) for tally in rounds if tally.latencies] or [math.nan])

    return Figures(
        shown=1000 * middle(lambda tally: median(tally.shown)),
        p50=1000 * middle(lambda tally: median(tally.latencies)),
        p95=1000 * middle(lambda tally: _p95(tally.latencies)),
        cpu=1000 * middle(lambda tally: tally.cpu_seconds),
        per_second=middle(lambda tally: tally.per_second),
        messages=middle(lambda tally: tally.messages / len(tally.latencies)),
        bytes=middle(lambda tally: tally.bytes / len(tally.latencies)),
        deltas=middle(lambda tally: tally.deltas / len(tally.latencies)),
        server_ms=middle(lambda tally: tally.server_ms / len(tally.latencies)),
    )


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
