"""`python -m benchmarks steering`: from a line of Python in another process to the change on open pages.

Runs on: the command line, pages on the harness's event loop. Invariant: the asking process is neither a server nor has
it a page; it is checked that the other person's page hears nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from benchmarks.measuring import Plan as Pages
from benchmarks.measuring import open_pages, play_round
from benchmarks.server import ROOT, RunningServer, ServerError, running_server, serving
from benchmarks.socket_client import RefusedError
from benchmarks.visitors import Door, SliderVisitor
from scriptapps.protocol import schema

HEAT = re.compile(rb"heat=(\d+);")
PATIENCE = 30.0


class Watcher(SliderVisitor):
    """A page that is looked at: notes when it shows which value."""

    def __init__(self, door: Door, pause: float = 0.0) -> None:
        super().__init__(door, pause)
        self.seen: dict[int, float] = {}
        self.changed_at = asyncio.Event()

    def on_message(self, data: bytes) -> None:
        message = schema.ServerMessage.FromString(data)
        if message.deflated:
            data = zlib.decompress(message.deflated)
        super().on_message(data)
        for found in HEAT.findall(data):
            self.seen.setdefault(int(found), time.perf_counter())
            self.changed_at.set()

    async def shows(self, value: int) -> float:
        """When the page showed this value. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while value not in self.seen:
                self.changed_at.clear()
                await self.changed_at.wait()
        return self.seen[value]


class Asker:
    """The other process."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.site.asker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def ask(self, user: str, value: int | str) -> tuple[int, float]:
        """(sessions asked, seconds that asking took)."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{user} {value}\n")
        self.process.stdin.flush()
        asked, seconds = self._line().split()
        return int(asked), float(seconds)

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ServerError("the asking process has ended")
        return line

    def end(self) -> None:
        """Close its input and wait."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@dataclass(frozen=True)
class One:
    """One person's pages are asked, again and again. Milliseconds until all of them show it, and of the asking."""

    layout: str
    median: float
    p95: float
    asking: float
    rounds: int


@dataclass(frozen=True)
class Many:
    """Everybody's pages are asked at once: seconds until the last one shows it, milliseconds until 95 of 100 do.

    ``others_before`` and ``others_during``: 95th percentile in milliseconds of people who move sliders meanwhile.
    """

    layout: str
    sessions: int
    seconds: float
    p95: float
    asking: float
    others_before: float
    others_during: float


async def one_person(layout: str, servers: Sequence[RunningServer], rounds: int) -> One:
    """Alice has a page at each server, Bob one at the last."""
    pages = Pages(people=2)
    at_each = [await open_pages(server, "steered", 2, pages, Watcher) for server in servers]
    alice, bobs = [people[0] for people in at_each], [people[1] for people in at_each]
    asker = Asker(servers[0].environment)
    shown, asking = [], []
    try:
        for value in range(1, rounds + 1):
            began = time.perf_counter()
            asked, seconds = await asyncio.to_thread(asker.ask, "person0", value)
            if asked != len(alice):
                raise LookupError(f"{asked} sessions were asked instead of {len(alice)}")
            shown.append(max([await page.shows(value) for page in alice]) - began)
            asking.append(seconds)
    finally:
        asker.end()
    if any(bob.seen.keys() - {0} for bob in bobs):
        raise LookupError("the page of somebody else has changed")
    for page in [*alice, *bobs]:
        page.socket.close()
    return One(layout, 1000 * median(shown), 1000 * quantiles(shown, n=20)[-1], 1000 * median(asking), rounds)


async def everybody(layout: str, servers: Sequence[RunningServer], sessions: int) -> Many:
    """All pages are asked, while ten people go on moving sliders on another page."""
    pages = Pages(people=10)
    share = [sessions // len(servers)] * len(servers)
    share[0] += sessions - sum(share)
    watchers = [
        page
        for server, count in zip(servers, share, strict=True)
        for page in await open_pages(server, "steered", count, pages, Watcher)
    ]
    movers = await open_pages(servers[0], "counter", 10, pages, SliderVisitor)
    for mover in movers:
        mover.pause = 0.1
    before = await play_round(servers[0], movers, 3.0, 0.5)
    asker = Asker(servers[0].environment)
    try:
        during = asyncio.create_task(play_round(servers[0], movers, 3.0, 0.0))
        began = time.perf_counter()
        asked, asking = await asyncio.to_thread(asker.ask, "*", 77)
        # Pages that have just been closed may still be among them.
        if asked < sessions:
            raise LookupError(f"{asked} sessions were asked instead of {sessions}")
        times = [await page.shows(77) - began for page in watchers]
        tally = await during
    finally:
        asker.end()
    for page in [*watchers, *movers]:
        page.socket.close()
    return Many(
        layout,
        sessions,
        max(times),
        1000 * quantiles(times, n=20)[-1],
        1000 * asking,
        1000 * quantiles(before.latencies, n=20)[-1],
        1000 * quantiles(tally.latencies, n=20)[-1],
    )


@contextmanager
def layouts(options: argparse.Namespace) -> Iterator[tuple[str, list[RunningServer]]]:
    """One process on SQLite; or, given their addresses, two on PostgreSQL and Redis."""
    if options.database:
        os.environ["BENCHMARK_REDIS"] = options.redis
        with (
            running_server(options.server, Pages.people, database=options.database) as first,
            serving(options.server, first.environment) as second,
        ):
            yield "PostgreSQL and Redis, two processes", [first, second]
    else:
        with running_server(options.server, Pages.people) as server:
            yield "SQLite, one process", [server]


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks steering", description=__doc__)
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--database", default="", metavar="URL", help="a PostgreSQL server; without it a SQLite file")
    parser.add_argument("--redis", default="", metavar="URL", help="a Redis server, for the channel layer")
    parser.add_argument("--rounds", type=int, default=100, help="how often one person's pages are asked")
    parser.add_argument("--sessions", type=int, default=500, help="how many pages are asked at once")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options = parser.parse_args(arguments)
    try:
        with layouts(options) as (layout, servers):
            one = asyncio.run(one_person(layout, servers, options.rounds))
            many = asyncio.run(everybody(layout, servers, options.sessions))
    except (ServerError, RefusedError, ConnectionError, LookupError, TimeoutError) as error:
        print(f"error: {error or type(error).__name__}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"load": os.getloadavg(), "one": asdict(one), "many": asdict(many)}, indent=2))
        return 0
    print(f"{layout}, load {os.getloadavg()[0]:.1f}")
    print(f"one person's pages, {one.rounds} times: {one.median:.0f} ms median, {one.p95:.0f} ms p95 until all of them")
    print(f"  show it, of which asking takes {one.asking:.1f} ms")
    print(f"{many.sessions} sessions at once: {many.seconds:.2f} s until the last one shows it, {many.p95:.0f} ms p95,")
    print(f"  of which asking takes {many.asking:.0f} ms; sliders of ten people meanwhile: {many.others_during:.1f} ms")
    print(f"  p95, before {many.others_before:.1f} ms")
    return 0
