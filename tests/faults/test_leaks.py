"""A crowd comes and goes, ten times: afterwards the server holds what it held before.

Runs on: pytest, a real server (daphne), on SQLite in one process and on PostgreSQL with Redis. Invariant: what is
counted is counted from outside, in /proc and by the database, after the server has collected its garbage; only the
objects are counted by a script of the site.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, mode
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed

from scriptapps.testing import HeadlessBrowser, HeadlessViewer
from tests.faults.farm import postgres_site, sqlite_site
from tests.faults.servers import LIMIT, Server, Wire

pytestmark = [pytest.mark.faults, pytest.mark.slow]

SESSIONS = int(os.environ.get("SCRIPTAPPS_LEAK_SESSIONS", "100"))
ROUNDS = 10
WARM_UP = 2
"""Rounds after which every pool has all its threads, every cache its entries."""
AT_ONCE = 20
"""Sockets that are opened side by side."""
OWN = {
    "LiveSession": 0,
    "StateJournal": 0,
    "PageTree": 0,
    "RunContext": 1,
    "RunGuard": 1,
    "Viewer": 1,
    "Outbox": 1,
    "ScriptConsumer": 1,
}
"""Objects of the page that counts, as far as they are younger than the counting. Nothing of the crowd may stay."""
PATIENCE = LIMIT + 0.5 * SESSIONS
"""Seconds for what all of them do together; only the end of a failing test."""
BYTES, BLOCKS = 2_000, 1
"""What a session may leave behind at most: bytes of the process, and blocks of Python's own allocator (an entry of a
dict that is forgotten is more). Both by the line through the rounds.
"""
NOISE_BYTES, NOISE_BLOCKS = 200_000, 1_000
"""By how much that line may rise from round to round however few the sessions are: no allocator gives back every page,
and caches of SQL statements, which differ in how many sessions they are about, take a while to fill.
"""
ONE_HEAP = "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1"
"""What was given back is free for every thread, so that memory that grows is memory that is held."""


class Level(NamedTuple):
    """What the process holds of what a system has few of."""

    threads: int
    files: int
    database: int
    redis: int

    def is_above(self, base: Level) -> bool:
        return any(mine > before for mine, before in zip(self, base, strict=True))


@dataclass(frozen=True)
class Count:
    """What it holds after a round. ``memory`` in bytes, ``blocks`` of Python's allocator, ``objects`` by class."""

    memory: int
    blocks: int
    objects: dict[str, int]


class Watched:
    """A server that is looked at. ``redis_port`` is 0 where there is none."""

    def __init__(self, server: Server, site: dict[str, str], census: HeadlessViewer) -> None:
        assert server.process is not None
        self.process = Path(f"/proc/{server.process.pid}")
        self.site, self.census = site, census
        self.redis_port = urlsplit(site.get("REDIS_URL", "")).port or 0

    async def count(self) -> Count:
        """Collect the garbage and count."""
        await self.census.click(self.census.widget("Count"))
        await self.census.settled()
        told = json.loads(self.census.texts()[-1])
        return Count(self._memory(), told["blocks"], told["objects"])

    async def send_away(self) -> None:
        """Close every session but this one."""
        await self.census.click(self.census.widget("Send away"))
        await self.census.settled()

    async def until_empty(self) -> Count:
        """Wait until only the counting page is there and the run that counts, then count."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.count()
                if all(found.objects[name] <= own for name, own in OWN.items()):
                    return found
                # Sessions go with a beat of the server, which tells nobody.
                await asyncio.sleep(0.5)

    async def level(self) -> Level:
        """The level at rest, which is the usual one: each beat opens something for a moment."""
        levels = []
        for _ in range(21):
            levels.append(await asyncio.to_thread(self._level))
            await asyncio.sleep(0.05)
        return Level(*(mode(column) for column in zip(*levels, strict=True)))

    def _level(self) -> Level:
        links = []
        for descriptor in (self.process / "fd").iterdir():
            try:
                links.append(os.readlink(descriptor))
            except FileNotFoundError:
                # Closed since it was listed.
                continue
        return Level(
            threads=len(list((self.process / "task").iterdir())),
            # SQLite opens its log with a connection's first query: what counts are the connections.
            files=sum(not link.endswith(("-wal", "-shm")) for link in links),
            database=self._database_connections(links),
            redis=self._connections_to(self.redis_port, links),
        )

    def _database_connections(self, links: list[str]) -> int:
        name = self.site.get("PGDATABASE")
        if name is None:
            return links.count(self.site["SQLITE_PATH"])
        import psycopg

        with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
            found = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name]).fetchone()
        assert found is not None
        return int(found[0])

    def _connections_to(self, port: int, links: list[str]) -> int:
        """Established connections of the process to a port, by /proc/net/tcp."""
        rows = [line.split() for line in (self.process / "net" / "tcp").read_text().splitlines()[1:]]
        there = {f"socket:[{row[9]}]" for row in rows if row[3] == "01" and int(row[2].split(":")[1], 16) == port}
        return len(there.intersection(links))

    def _memory(self) -> int:
        """Bytes that only this process uses and its share of the others."""
        [line] = [line for line in (self.process / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:")]
        return int(line.split()[1]) * 1024


class Crowd:
    """Sessions of one person at one server."""

    def __init__(self, browser: HeadlessBrowser) -> None:
        self.browser = browser
        self.connections: list[Any] = []

    async def come(self, attributes: dict[str, str], number: int) -> None:
        """Open one session and change its state."""
        # A crowd that is asked one by one is too busy for keeping connections alive.
        session = None if number == 0 else ""
        connection = await self.browser.connect(attributes, session=session, ping_interval=None)
        self.connections.append(connection)
        viewer = HeadlessViewer(Wire(connection, PATIENCE))
        await viewer.attach()
        await viewer.settled()
        await viewer.set_value(viewer.widget("Name"), f"person {number}")
        await viewer.settled()
        assert viewer.texts() == [f"person {number} runs=2 user=alice"]

    async def stay(self) -> None:
        """All of them are there at the same time."""
        attributes = await asyncio.to_thread(self.browser.page_attributes, "/apps/page/")
        for start in range(0, SESSIONS, AT_ONCE):
            await asyncio.gather(
                *(self.come(attributes, number) for number in range(start, min(start + AT_ONCE, SESSIONS)))
            )

    async def leave(self) -> None:
        """One after the other closes his tab or loses the network; every other one stays."""
        for number, connection in enumerate(self.connections):
            if number % 4 == 0:
                connection.transport.abort()
            elif number % 4 == 1:
                await connection.close()

    async def until_closed(self) -> None:
        """All sockets have ended: those who were still there were sent away."""
        async with asyncio.timeout(PATIENCE):
            for connection in self.connections:
                # With which code is tested elsewhere; daphne waits a second for the answer to its closing frame, and
                # whoever has a thousand sockets may take longer.
                await self._read_to_end(connection)
        self.connections.clear()

    async def vanish(self) -> None:
        """All lose the network: nobody closes a session."""
        for connection in self.connections:
            connection.transport.abort()
            await connection.wait_closed()
        self.connections.clear()

    @staticmethod
    async def _read_to_end(connection: Any) -> None:
        with suppress(ConnectionClosed):
            while True:
                await connection.recv()
        await connection.wait_closed()


@asynccontextmanager
async def watched(site: dict[str, str], folder: Path) -> AsyncIterator[tuple[Watched, Crowd]]:
    """A server of the site, and a person who is signed in."""
    server = Server("daphne", site, folder)
    try:
        await asyncio.to_thread(server.start)
        browser = HeadlessBrowser(server.url)
        await asyncio.to_thread(browser.sign_in, "alice")
        attributes = await asyncio.to_thread(browser.page_attributes, "/apps/census/")
        connection = await browser.connect(attributes, ping_interval=None)
        try:
            census = HeadlessViewer(Wire(connection, PATIENCE))
            await census.attach()
            await census.settled()
            yield Watched(server, site, census), Crowd(browser)
        finally:
            await connection.close()
    finally:
        server.end()
        # Shown by pytest with a test that failed.
        sys.stdout.write(f"--- {server.url}\n{server.text()}\n")


async def come_and_go(watching: Watched, crowd: Crowd) -> None:
    counts: list[Count] = []
    base: Level | None = None
    for number in range(ROUNDS):
        await crowd.stay()
        if number < ROUNDS - 1:
            await crowd.leave()
            await watching.send_away()
            await crowd.until_closed()
        else:
            # They leave memory when nobody has come back for a while.
            await crowd.vanish()
        counts.append(await watching.until_empty())
        level = await watching.level()
        sys.stdout.write(f"round {number + 1}: {level}, {counts[-1]}\n")
        if number + 1 == WARM_UP:
            base = level
        elif base is not None:
            assert not level.is_above(base)
    later = counts[WARM_UP:]
    rounds = range(len(later))
    memory = linear_regression(rounds, [count.memory for count in later]).slope
    blocks = linear_regression(rounds, [count.blocks for count in later]).slope
    sys.stdout.write(f"{ROUNDS} x {SESSIONS} sessions: {memory:+.0f} bytes, {blocks:+.0f} blocks from round to round\n")
    assert memory < BYTES * SESSIONS + NOISE_BYTES
    assert blocks < BLOCKS * SESSIONS + NOISE_BLOCKS


def production(site: dict[str, str]) -> dict[str, str]:
    """What a server of the site gets to know."""
    return site | {
        "DJANGO_SETTINGS_MODULE": "tests.faults.crowd_settings",
        "GLIBC_TUNABLES": ONE_HEAP,
        "SECRET_KEY": "only-for-a-server-on-loopback-that-lives-for-a-test-0123456789",
    }


async def test_a_crowd_leaves_nothing_behind(empty_site: Path, tmp_path: Path) -> None:
    with sqlite_site(empty_site, tmp_path) as site:
        async with watched(production(site), tmp_path) as (watching, crowd):
            await come_and_go(watching, crowd)


@pytest.mark.postgres
@pytest.mark.redis
async def test_a_crowd_leaves_nothing_behind_on_postgres_and_redis(tmp_path: Path) -> None:
    with postgres_site() as site:
        async with watched(production(site), tmp_path) as (watching, crowd):
            await come_and_go(watching, crowd)
