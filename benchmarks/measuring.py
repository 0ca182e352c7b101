"""Scenarios: which script, how many visitors, for how long; and what came out.

Runs on: the harness's event loop. Invariant: script and floor take turns on the same server in the same minute, so
that whatever else the machine does hits both; medians over the rounds are reported.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from benchmarks.visitors import EchoVisitor, SliderVisitor, Tally, Visitor, page_door
from scriptapps.testing import HeadlessBrowser

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
    """One side of a scenario, medians over its rounds; times in milliseconds."""

    p50: float
    p95: float
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
    def rate_ratio(self) -> float:
        """Which share of the floor's rate reruns reach."""
        return self.rerun.per_second / self.floor.per_second

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "latency_ratio": self.latency_ratio, "rate_ratio": self.rate_ratio}


async def measure(base_url: str, script: str, visitors: int, plan: Plan) -> Result:
    """Open the page ``visitors`` times and let script and floor take turns. Raises ConnectionError, LookupError."""
    host = base_url.removeprefix("http://")
    people = await asyncio.to_thread(_sign_in, base_url, script, min(visitors, plan.people))
    doors = [page_door(host, attributes, cookie) for attributes, cookie in people]
    movers = [SliderVisitor(doors[number % len(doors)]) for number in range(visitors)]
    await _enter(movers)
    trial = await _round(movers, min(plan.seconds, 0.5), 0.0)
    answer_bytes = round(trial.bytes / trial.messages)
    echoes = [EchoVisitor(host, answer_bytes, movers[0].widget_id) for _ in range(visitors)]
    await _enter(echoes)
    floors, reruns = [], []
    for _ in range(plan.rounds):
        floors.append(await _round(echoes, plan.seconds, plan.warm_up))
        reruns.append(await _round(movers, plan.seconds, plan.warm_up))
    for visitor in [*movers, *echoes]:
        visitor.socket.close()
    return Result(script, visitors, _figures(reruns, plan.seconds), _figures(floors, plan.seconds))


def _sign_in(base_url: str, script: str, people: int) -> list[tuple[dict[str, str], str]]:
    """Attributes of the script's page and the cookies, for each person."""
    found = []
    for number in range(people):
        browser = HeadlessBrowser(base_url)
        browser.sign_in(f"person{number}", "/login/")
        found.append((browser.page_attributes(f"/apps/{script}/"), browser.cookie_header()))
    return found


async def _enter(visitors: Sequence[Visitor]) -> None:
    for start in range(0, len(visitors), OPENING_AT_ONCE):
        await asyncio.gather(*(visitor.enter() for visitor in visitors[start : start + OPENING_AT_ONCE]))


async def _round(visitors: Sequence[Visitor], seconds: float, warm_up: float) -> Tally:
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
        started = time.perf_counter()
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - started
        counted = len(tally.latencies)
        await asyncio.gather(*(visitor.rest() for visitor in visitors))
    finally:
        gc.enable()
    # Answers that came while the visitors were coming to rest are told apart by their count only.
    tally.per_second = counted / elapsed
    return tally


def _figures(rounds: Sequence[Tally], seconds: float) -> Figures:
    def over_rounds(values: Sequence[float]) -> float:
        return median(values)

    counts = [max(len(tally.latencies), 1) for tally in rounds]
    return Figures(
        p50=over_rounds([1000 * median(tally.latencies) for tally in rounds]),
        p95=over_rounds([1000 * _p95(tally.latencies) for tally in rounds]),
        per_second=over_rounds([tally.per_second for tally in rounds]),
        messages=over_rounds([tally.messages / n for tally, n in zip(rounds, counts, strict=True)]),
        bytes=over_rounds([tally.bytes / n for tally, n in zip(rounds, counts, strict=True)]),
        deltas=over_rounds([tally.deltas / n for tally, n in zip(rounds, counts, strict=True)]),
        server_ms=over_rounds([tally.server_ms / n for tally, n in zip(rounds, counts, strict=True)]),
    )


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
