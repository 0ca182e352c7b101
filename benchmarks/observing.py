"""`python -m benchmarks observing`: what it costs a session that staff watch it.

Runs on: the command line and an event loop. Invariant: with and without an observer take turns over the same socket of
the same session, a moment each, in an order that changes, so that whatever else the machine does hits both; what is
reported is the median of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import uuid
import zlib
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.measuring import Plan, open_pages, play_round
from benchmarks.server import RunningServer, ServerError, running_server
from benchmarks.socket_client import RefusedError
from benchmarks.visitors import Door, SliderVisitor, Tally, Visitor
from scriptapps.protocol import schema
from scriptapps.protocol.codec import PROTOCOL_VERSION, SUBPROTOCOL
from scriptapps.testing import HeadlessBrowser

SCRIPTS = ("counter", "markdowns")
HEAD = f"{'script':<10} {'pause':>5} │ {'run ms':>7} {'watched':>7} {'ratio':>6} {'quartiles':>13} │ {'shown':>6}"


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a run as the server says, without and with an observer; and ratios of neighbouring rounds.

    ``shown_ratio`` is that of the time from an event to the message with its effect.
    """

    script: str
    pause_ms: float
    rounds: int
    runs: int
    alone: float
    watched: float
    ratio: float
    quartiles: tuple[float, float]
    shown_ratio: float

    def line(self) -> str:
        """One row of the table."""
        low, high = self.quartiles
        return (
            f"{self.script:<10} {self.pause_ms:>5.0f} │ {self.alone:>7.3f} {self.watched:>7.3f} {self.ratio:>6.3f} "
            f"{low:>6.3f}-{high:.3f} │ {self.shown_ratio:>6.3f}"
        )


class WatchedVisitor(SliderVisitor):
    """Notes how long each of its runs took."""

    def __init__(self, door: Door, pause: float = 0.0) -> None:
        super().__init__(door, pause)
        self.session_id = ""
        self.durations: list[float] = []

    def on_message(self, data: bytes) -> None:
        message = read(data)
        if message.HasField("welcome"):
            self.session_id = message.welcome.session_id
        if message.HasField("run_finished"):
            self.durations.append(message.run_finished.duration_ms)
        super().on_message(data)


class Watcher(Visitor):
    """Staff who watch: says hello, acknowledges, and counts the changes."""

    changes = 0

    async def enter(self) -> None:
        """Open the socket and wait for the page."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await super().enter()
        attach = schema.Attach(protocol_version=PROTOCOL_VERSION, client_id=uuid.uuid4().hex)
        self.socket.send(schema.ClientMessage(attach=attach).SerializeToString())
        await self.ready

    def on_message(self, data: bytes) -> None:
        message = read(data)
        if message.batch:
            self.socket.send(schema.ClientMessage(ack=schema.Ack(batch=message.batch)).SerializeToString())
        self.changes += len(message.deltas)
        if message.HasField("snapshot") and not self.ready.done():
            self.ready.set_result(None)


def read(data: bytes) -> schema.ServerMessage:
    """A message of the server."""
    message = schema.ServerMessage.FromString(data)
    return schema.ServerMessage.FromString(zlib.decompress(message.deflated)) if message.deflated else message


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks observing", description=__doc__)
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--scripts", nargs="+", choices=SCRIPTS, default=SCRIPTS, metavar="NAME")
    parser.add_argument("--pauses", nargs="+", type=float, default=[20, 0], metavar="MS", help="between two events")
    parser.add_argument("--rounds", type=int, default=15, help="of each, with and without")
    parser.add_argument("--seconds", type=float, default=0.7, help="length of a round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    found = []
    load = os.getloadavg()[0]
    try:
        with running_server(options.server, 1) as server:
            if not options.json:
                print(f"{options.server}, SQLite, load {load:.1f}\n\n{HEAD}")
            for script in options.scripts:
                for pause in options.pauses:
                    plan = Plan(options.seconds, 0.1, options.rounds, people=1)
                    cost = asyncio.run(measure(server, script, plan, pause / 1000))
                    if not options.json:
                        print(cost.line(), flush=True)
                    found.append(cost)
    except (ServerError, RefusedError, ConnectionError, LookupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"load": load, "results": [vars(cost) for cost in found]}))
    return 0


async def measure(server: RunningServer, script: str, plan: Plan, pause: float) -> Cost:
    """Move a slider, watched and not in turn. Raises ConnectionError, LookupError."""
    [visitor] = await open_pages(server, script, 1, plan, WatchedVisitor)
    visitor.pause = pause
    door = await asyncio.to_thread(_watching_door, server, script, visitor.session_id)
    await play_round(server, [visitor], plan.seconds, 0.0)
    sides: dict[bool, list[float]] = {False: [], True: []}
    shown: dict[bool, list[float]] = {False: [], True: []}
    runs = 0
    for number in range(plan.rounds):
        for is_watched in (False, True) if number % 2 else (True, False):
            watcher = Watcher(door)
            if is_watched:
                await watcher.enter()
            visitor.durations.clear()
            tally: Tally = await play_round(server, [visitor], plan.seconds, plan.warm_up)
            if is_watched:
                if not watcher.changes:
                    raise ConnectionError("The observer saw nothing.")
                watcher.socket.close()
            sides[is_watched].append(median(visitor.durations))
            shown[is_watched].append(median(tally.shown))
            runs += len(visitor.durations)
    visitor.socket.close()
    ratios = [with_one / alone for alone, with_one in zip(sides[False], sides[True], strict=True)]
    later = [with_one / alone for alone, with_one in zip(shown[False], shown[True], strict=True)]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return Cost(
        script=script,
        pause_ms=1000 * pause,
        rounds=plan.rounds,
        runs=runs,
        alone=median(sides[False]),
        watched=median(sides[True]),
        ratio=median(ratios),
        quartiles=(low, high),
        shown_ratio=median(later),
    )


def _watching_door(server: RunningServer, slug: str, session_id: str) -> Door:
    browser = HeadlessBrowser(server.url)
    browser.sign_in("watcher", "/login/")
    token = browser.get(f"/observing/{slug}/{session_id}/")
    offers = (SUBPROTOCOL, f"token.{token}", f"session.{session_id}")
    return Door(server.url.removeprefix("http://"), f"/apps/{slug}/ws/", browser.cookie_header(), offers)
