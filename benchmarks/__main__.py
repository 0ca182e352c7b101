"""`python -m benchmarks`: starts the server, measures every scenario, prints a table or JSON. `python -m benchmarks
steering` measures what is asked from outside, `python -m benchmarks observing` what it costs to be watched.

Runs on: the command line. Exits with 1 when a scenario could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import urllib.request
from collections.abc import Iterator
from importlib import metadata

from benchmarks import durability, observing, steering
from benchmarks.measuring import Plan, Result, measure
from benchmarks.server import RunningServer, ServerError, running_server
from benchmarks.socket_client import RefusedError

SCRIPTS = ("counter", "markdowns", "unchanged")
VISITORS = (1, 10, 50, 200)
HEAD = (
    f"{'script':<10} {'visitors':>8} │ {'shown':>7} {'p50':>7} {'p95':>7} {'per s':>6} {'cpu':>5} {'msgs':>5} "
    f"{'bytes':>6} {'deltas':>6} │ {'p50':>6} {'p95':>7} {'per s':>6} {'cpu':>5} │ {'shown':>6} {'p50':>6} {'rate':>5}"
)
TITLES = f"{'times in ms':<19} │ {'the script':<56} │ {'the floor':<27} │ ratio to the floor"


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    if arguments[:1] == ["steering"]:
        return steering.main(arguments[1:])
    if arguments[:1] == ["observing"]:
        return observing.main(arguments[1:])
    options = parse(arguments)
    results: list[Result | durability.Comparison] = []
    try:
        with running_server(options.server, Plan.people, options.store, options.database) as server:
            if not options.json:
                print(describe_machine(options))
            if options.profile:
                urllib.request.urlopen(f"{server.url}/samples/begin/").close()
            for result in comparisons(server, options) if options.durability else scenarios(server, options):
                results.append(result)
            if options.profile:
                with urllib.request.urlopen(f"{server.url}/samples/end/") as answer:
                    print(answer.read().decode())
    except (ServerError, RefusedError, ConnectionError, LookupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        machine = {"machine": describe_machine(options), "load": os.getloadavg()}
        print(json.dumps({**machine, "results": [result.as_dict() for result in results]}, indent=2))
    return 0


def scenarios(server: RunningServer, options: argparse.Namespace) -> Iterator[Result]:
    """Every script under every number of visitors, beside the floor."""
    plan = Plan(options.seconds, options.warm_up, options.rounds)
    if not options.json:
        print(f"\n{TITLES}\n{HEAD}")
    for script in options.scripts:
        for visitors in options.visitors:
            result = asyncio.run(measure(server, script, visitors, plan))
            if not options.json:
                print(line(result), flush=True)
            yield result


def comparisons(server: RunningServer, options: argparse.Namespace) -> Iterator[durability.Comparison]:
    """Every script under every number of visitors, with durability on and off."""
    plan = Plan(options.seconds, options.warm_up, options.rounds)
    for script in options.scripts:
        if not options.json:
            print(f"\n{script}\n{durability.TITLES}\n{durability.HEAD}")
        for visitors in options.visitors:
            result = asyncio.run(durability.compare(server, script, visitors, plan, options.pause / 1000))
            if not options.json:
                print(result.line(), flush=True)
            yield result


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--store", choices=("database", "none"), default="database", help="where session state is kept")
    parser.add_argument("--database", default="", metavar="URL", help="a PostgreSQL server; without it a SQLite file")
    parser.add_argument("--durability", action="store_true", help="compare keeping state with not keeping it")
    parser.add_argument("--pause", type=float, default=0.0, metavar="MS", help="mean pause of a visitor (--durability)")
    parser.add_argument("--scripts", nargs="+", choices=SCRIPTS, default=SCRIPTS, metavar="NAME")
    parser.add_argument("--visitors", nargs="+", type=int, default=VISITORS, metavar="N", help="sessions at once")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before a round counts")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of script and floor; the median is reported")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--profile", action="store_true", help="sample the server's stacks (slows it down)")
    return parser.parse_args(arguments)


def line(result: Result) -> str:
    """One row of the table."""
    rerun, floor = result.rerun, result.floor
    return (
        f"{result.script:<10} {result.visitors:>8} │ {rerun.shown:>7.2f} {rerun.p50:>7.2f} {rerun.p95:>7.2f} "
        f"{rerun.per_second:>6.0f} {rerun.cpu:>5.2f} {rerun.messages:>5.2f} {rerun.bytes:>6.0f} {rerun.deltas:>6.2f} │ "
        f"{floor.p50:>6.2f} {floor.p95:>7.2f} {floor.per_second:>6.0f} {floor.cpu:>5.2f} │ "
        f"{result.shown_ratio:>5.1f}x {result.latency_ratio:>5.1f}x {result.rate_ratio:>5.2f}"
    )


def describe_machine(options: argparse.Namespace) -> str:
    """What the figures depend on."""
    parts = [
        f"{options.server} {metadata.version(options.server)}",
        "PostgreSQL" if options.database else "SQLite",
        f"state store: {options.store}",
        f"Python {platform.python_version()}",
        f"Django {metadata.version('django')}",
        f"{os.cpu_count()} cores",
        f"load {os.getloadavg()[0]:.1f}",
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
