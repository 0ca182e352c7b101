"""`python -m benchmarks.rerun_all`: every open page is told to rerun, while some people go on working elsewhere.

Runs on: the command line; the pages that are told live in a process of their own, so that receiving for all of them
is not taken for slowness of the server. Invariant: that every page has run and every request is answered is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from statistics import median, quantiles

from benchmarks.measuring import Plan as Pages
from benchmarks.measuring import open_pages
from benchmarks.server import RunningServer, ServerError
from benchmarks.socket_client import RefusedError
from benchmarks.steering import Asker, layouts
from benchmarks.visitors import Door, SliderVisitor, Tally
from scriptapps.protocol import schema

PATIENCE = 120.0
SETTLING = 1.0
PAUSE = 0.1
"""Seconds between what each of the others does, in the mean."""


class ToldPage(SliderVisitor):
    """A page that is looked at; notes when its last run came to its end."""

    def __init__(self, door: Door, pause: float = 0.0) -> None:
        super().__init__(door, pause)
        self.finished: list[float] = []
        self.news = asyncio.Event()

    def on_message(self, data: bytes) -> None:
        message = schema.ServerMessage.FromString(data)
        if message.batch:
            self.socket.send(schema.ClientMessage(ack=schema.Ack(batch=message.batch)).SerializeToString())
        if not self.ready.done():
            self._first_page(message)
        elif message.HasField("run_finished"):
            self.finished.append(time.monotonic())
            self.news.set()

    async def has_run(self) -> float:
        """When its next run, or the one that nobody asked about yet, came to its end."""
        while not self.finished:
            self.news.clear()
            await self.news.wait()
        return self.finished.pop(0)


def told_pages(servers: Sequence[RunningServer], count: int, line: Connection) -> None:
    """The other process: open the pages, and for each word on the line say when each of them has run."""
    asyncio.run(_told_pages(servers, count, line))


async def _told_pages(servers: Sequence[RunningServer], count: int, line: Connection) -> None:
    pages = []
    for number, server in enumerate(servers):
        share = count // len(servers) + (number < count % len(servers))
        pages += await open_pages(server, "steered", share, Pages(people=10), ToldPage)
    line.send("ready")
    while await asyncio.to_thread(line.recv):
        async with asyncio.timeout(PATIENCE):
            line.send([await page.has_run() for page in pages])


@dataclass(frozen=True)
class Rounds:
    """Medians over the rounds. Seconds until the last page has run, until 95 of 100 have, and that asking took.

    ``quiet`` and ``meanwhile``: the 95th percentile of the others in milliseconds, without and during that time.
    """

    layout: str
    sessions: int
    rounds: int
    seconds: float
    p95: float
    asking: float
    quiet: float
    meanwhile: float
    quiet_median: float
    meanwhile_median: float
    samples: int

    @property
    def ratio(self) -> float:
        """How many times as long the others wait."""
        return self.meanwhile / self.quiet


async def measure(
    layout: str, servers: Sequence[RunningServer], options: argparse.Namespace, line: Connection
) -> Rounds:
    """Tell them, again and again; between the rounds it is quiet. Raises LookupError if one was forgotten."""
    movers = await open_pages(servers[0], "counter", options.others, Pages(people=10), SliderVisitor)
    for mover in movers:
        mover.pause = PAUSE
    quiet, meanwhile = Tally(), Tally()
    lasts, p95s, askings = [], [], []
    asker = Asker(servers[0].environment)
    try:
        for mover in movers:
            mover.go(Tally())
        for _ in range(options.rounds):
            # What the round before left to do is over by then.
            await asyncio.sleep(SETTLING)
            hand_out(movers, quiet)
            await asyncio.sleep(options.quiet)
            hand_out(movers, meanwhile)
            line.send("tell")
            began = time.monotonic()
            asked, asking = await asyncio.to_thread(asker.ask, "*", "-")
            times = [moment - began for moment in await asyncio.to_thread(_answer, line)]
            hand_out(movers, Tally())
            done, _ = await asyncio.to_thread(asker.ask, "?", 0)
            if not len(times) == asked == done == options.sessions:
                raise LookupError(f"{asked} were asked, {len(times)} have run, {done} are said to be done")
            lasts.append(max(times))
            p95s.append(quantiles(times, n=20)[-1])
            askings.append(asking)
        await asyncio.gather(*(mover.rest() for mover in movers))
    finally:
        asker.end()
    for mover in movers:
        mover.socket.close()
    return Rounds(
        layout,
        options.sessions,
        options.rounds,
        median(lasts),
        median(p95s),
        median(askings),
        1000 * quantiles(quiet.latencies, n=20)[-1],
        1000 * quantiles(meanwhile.latencies, n=20)[-1],
        1000 * median(quiet.latencies),
        1000 * median(meanwhile.latencies),
        len(meanwhile.latencies),
    )


def hand_out(movers: Sequence[SliderVisitor], tally: Tally) -> None:
    """What they do from now on is noted there."""
    for mover in movers:
        mover.tally = tally


def _answer(line: Connection) -> list[float]:
    if not line.poll(PATIENCE):
        raise LookupError(f"after {PATIENCE:g} s some pages have not run")
    answer: list[float] = line.recv()
    return answer


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rerun_all", description=__doc__)
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--database", default="", metavar="URL", help="a PostgreSQL server; without it a SQLite file")
    parser.add_argument("--redis", default="", metavar="URL", help="a Redis server, for the channel layer")
    parser.add_argument("--sessions", type=int, default=500, help="how many pages are told")
    parser.add_argument("--others", type=int, default=10, help="how many people move sliders meanwhile")
    parser.add_argument("--rounds", type=int, default=5, help="how often")
    parser.add_argument("--quiet", type=float, default=2.0, help="seconds of quiet before each round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    try:
        with layouts(options) as (layout, servers):
            line, far_end = context.Pipe()
            addresses = [RunningServer(server.url, None, {}) for server in servers]  # type: ignore[arg-type]
            process = context.Process(target=told_pages, args=(addresses, options.sessions, far_end), daemon=True)
            process.start()
            far_end.close()
            try:
                _answer(line)
                found = asyncio.run(measure(layout, servers, options, line))
            finally:
                process.kill()
    except (ServerError, RefusedError, OSError, EOFError, LookupError, TimeoutError) as error:
        print(f"error: {error or type(error).__name__}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"load": os.getloadavg(), **asdict(found), "ratio": found.ratio}, indent=2))
        return 0
    print(f"{found.layout}, load {os.getloadavg()[0]:.1f}, medians of {found.rounds} rounds")
    print(f"{found.sessions} pages told to rerun: {found.seconds:.2f} s until the last one has, {found.p95:.2f} s p95,")
    print(f"  of which asking takes {found.asking:.2f} s. Everybody has run, every request is answered.")
    print(
        f"others: p95 {found.meanwhile:.1f} ms meanwhile, {found.quiet:.1f} ms when it is quiet: {found.ratio:.2f} x;"
    )
    print(f"  median {found.meanwhile_median:.1f} and {found.quiet_median:.1f} ms, {found.samples} answers meanwhile")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
