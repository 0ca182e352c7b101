"""What a site stands on goes away for a while: the database, a lock on it, the channel layer.

Runs on: pytest, real servers. Invariant: sockets stay, a person is told what is not saved, and afterwards everything is
there without a manual step.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.faults.servers import LIMIT, free_port

pytestmark = pytest.mark.faults

PAGES = 10
NOT_SAVED = "could not be saved"
RERUN = """
from scriptapps.models import ScriptSession
print(ScriptSession.objects.live().filter(pk="{}").rerun())
"""


async def opened(url: str, pages: int = PAGES) -> list[Page]:
    browser = HeadlessBrowser(url)
    return [await Page(browser, "ledger").open() for _ in range(pages)]


async def press_everywhere(pages: list[Page], settle: bool = True) -> None:
    """Everybody presses once, at the same time, so that every thread is used."""
    assert all(await asyncio.gather(*(page.click("Up") for page in pages)))
    if settle:
        await asyncio.gather(*(page.viewer.settled() for page in pages))


def counts(pages: list[Page]) -> list[int]:
    return [page.shown()["n"] for page in pages]


def is_told(page: Page) -> bool:
    return any(NOT_SAVED in finished.message for finished in page.viewer.finished)


async def stays_open(pages: list[Page]) -> None:
    """No socket of these pages has been closed: each answers once more."""
    for page in pages:
        await page.viewer.settled()
        assert not page.codes


# -- a lock on SQLite --------------------------------------------------------------------------------------------------


class Lock:
    """Another program writes and does not come to an end."""

    def __init__(self, site: dict[str, str]) -> None:
        self.connection = sqlite3.connect(site["SQLITE_PATH"], isolation_level=None, check_same_thread=False)

    def take(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.close()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_locked_database_is_waited_for(empty_site: Path, tmp_path: Path, kind: str) -> None:
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site, tmp_path) as nodes:
        # One thread for each: a run that waits for the lock keeps its thread.
        pages = await opened(nodes(kind).url, 6)
        await press_everywhere(pages)
        lock = Lock(site)
        lock.take()
        await press_everywhere(pages, settle=False)
        # What the runs show does not wait for the disk; that they are finished does.
        for page in pages:
            await page.viewer.until(partial(lambda page: page.shown()["n"] == 2, page))
            assert page.viewer.running
            assert page.viewer.unacked
        lock.release()
        await stays_open(pages)
        assert counts(pages) == [2] * 6
        assert not any(is_told(page) for page in pages)


async def test_a_lock_that_outlasts_patience_is_told_and_made_good(empty_site: Path, tmp_path: Path) -> None:
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site | {"SQLITE_TIMEOUT": "1"}, tmp_path) as nodes:
        node = nodes("uvicorn")
        pages = await opened(node.url, 3)
        lock = Lock(site)
        await asyncio.to_thread(lock.take)
        await press_everywhere(pages, settle=False)
        for page in pages:
            await page.viewer.until(partial(is_told, page))
            assert page.viewer.unacked
        lock.release()
        # Nobody presses anything: it is saved as soon as that is possible, and acknowledged then.
        await stays_open(pages)
        assert counts(pages) == [1] * 3
        node.kill()
        await asyncio.gather(*(page.again() for page in pages))
        assert counts(pages) == [1] * 3


async def test_a_server_that_dies_with_unsaved_state_gets_the_events_again(empty_site: Path, tmp_path: Path) -> None:
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site | {"SQLITE_TIMEOUT": "1"}, tmp_path) as nodes:
        node = nodes("uvicorn")
        pages = await opened(node.url, 3)
        lock = Lock(site)
        await asyncio.to_thread(lock.take)
        await press_everywhere(pages, settle=False)
        for page in pages:
            await page.viewer.until(partial(is_told, page))
        node.kill()
        lock.release()
        await asyncio.gather(*(page.again() for page in pages))
        await asyncio.gather(*(page.settled() for page in pages))
        assert counts(pages) == [1] * 3


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


class Postgres:
    """The site's database goes down and comes back, as in a restart: connections are cut and refused."""

    def __init__(self, site: dict[str, str]) -> None:
        self.name = site["PGDATABASE"]

    def _admin(self, *statements: str) -> Any:
        import psycopg

        with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def go_down(self) -> None:
        self._admin(f'ALTER DATABASE "{self.name}" WITH ALLOW_CONNECTIONS false', self._cut())

    def come_back(self) -> None:
        self._admin(f'ALTER DATABASE "{self.name}" WITH ALLOW_CONNECTIONS true')

    def cut(self) -> int:
        """Only the connections."""
        return len(self._admin(self._cut()))

    def connections(self) -> int:
        found: int = self._admin(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.name}'")[0][0]
        return found

    def _cut(self) -> str:
        return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'"


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_database_that_restarts(tmp_path: Path, kind: str) -> None:
    with postgres_site() as site, Nodes(site, tmp_path) as nodes:
        postgres, pages = Postgres(site), await opened(nodes(kind).url)
        await press_everywhere(pages)
        await asyncio.to_thread(postgres.go_down)
        await press_everywhere(pages, settle=False)
        for page in pages:
            await page.viewer.until(partial(is_told, page))
        await asyncio.to_thread(postgres.come_back)
        await stays_open(pages)
        for _ in range(3):
            await press_everywhere(pages)
        assert not any(page.codes for page in pages)
        assert counts(pages) == [5] * PAGES
        await reload_all(pages)


async def reload_all(pages: list[Page]) -> None:
    """What the pages show is what is stored."""
    before = counts(pages)
    await asyncio.gather(*(page.leave() for page in pages))
    await asyncio.gather(*(page.again() for page in pages))
    assert counts(pages) == before


@pytest.mark.postgres
@pytest.mark.redis
async def test_no_thread_keeps_a_dead_connection(tmp_path: Path) -> None:
    with postgres_site() as site, Nodes(site, tmp_path) as nodes:
        postgres, pages = Postgres(site), await opened(nodes("uvicorn").url)
        await press_everywhere(pages)
        before = await asyncio.to_thread(postgres.connections)
        for _ in range(5):
            assert await asyncio.to_thread(postgres.cut) >= 1
            await press_everywhere(pages, settle=False)
            await stays_open(pages)
            await press_everywhere(pages)
        assert await asyncio.to_thread(postgres.connections) <= before + 8
        await reload_all(pages)


# -- Redis -------------------------------------------------------------------------------------------------------------


class Redis:
    """A Redis server of the test's own."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is not on PATH"
        self.folder, self.port, self.program = folder, free_port(), program
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"Ready to accept connections" in line:
                return
        raise AssertionError("Redis did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> Redis:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@contextmanager
def redis_site(empty_site: Path, folder: Path) -> Iterator[tuple[Redis, Nodes]]:
    with (
        Redis(folder) as redis,
        sqlite_site(empty_site, folder, REDIS_URL=redis.url) as site,
        Nodes(site, folder) as nodes,
    ):
        yield redis, nodes


async def reruns_from_outside(nodes: Nodes, page: Page) -> None:
    """A process beside the servers asks for a run, and it comes."""
    before = len(page.viewer.finished)
    await asyncio.to_thread(ask_site, nodes.site, RERUN.format(page.session_id))
    await page.viewer.until(lambda: len(page.viewer.finished) > before)


Fault = Callable[[Redis], None]


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_redis_dies_and_comes_back_empty(empty_site: Path, tmp_path: Path, kind: str) -> None:
    with redis_site(empty_site, tmp_path) as (redis, nodes):
        here, there = nodes(kind), nodes(kind)
        pages = await opened(here.url, 4) + await opened(there.url, 4)
        await press_everywhere(pages)
        await asyncio.to_thread(redis.kill)
        # Work goes on, hints come late: the next beat makes them good.
        for _ in range(3):
            await press_everywhere(pages)
        for page in (pages[0], pages[-1]):
            await reruns_from_outside(nodes, page)
        await pages[0].leave()
        await pages[0].again(at=there.url)
        await asyncio.to_thread(redis.start)
        await press_everywhere(pages)
        for page in (pages[1], pages[-1]):
            await reruns_from_outside(nodes, page)
        await pages[1].leave()
        await pages[1].again(at=there.url)
        assert counts(pages) == [5] * 8
        assert not any(page.codes for page in pages[2:])
