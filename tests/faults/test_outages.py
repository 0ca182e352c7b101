"""A server dies while what its people did cannot be stored: their pages send it again, and it counts once.

Runs on: pytest, real servers. How people fare while the server lives on is in the files beside: test_sqlite_locks,
test_disk_full, test_postgres_restarts, test_redis_outages.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.farm import Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.faults.load import Busy, everybody, open_all, start_all
from tests.faults.services import Postgres, Redis, SlowWriter, postgres, redis_server

pytestmark = pytest.mark.faults

PEOPLE = 6
RERUN = """
from scriptapps.models import ScriptSession
ScriptSession.objects.live().filter(pk="{}").rerun()
print("null")
"""


async def works_unsaved(people: list[Busy]) -> None:
    """Everybody is told, presses once more, and sees what comes of it."""
    await everybody(people, lambda one: "not_saved" in one.told)
    for one in people:
        await one.press("Up", "n")
    await everybody(people, lambda one: one.works_in_memory)


async def has_everything(people: list[Busy]) -> None:
    """What was pressed before the death, in memory alone, is there: sent again, and counted once."""
    await asyncio.gather(*(one.rest() for one in people))
    for one in people:
        one.check()
        # The socket broke in a way that no server says anything of.
        assert set(one.page.codes) == {1006}
    await asyncio.gather(*(one.round() for one in people))
    for one in people:
        one.check()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_server_that_dies_with_unsaved_state_gets_the_events_again(
    empty_site: Path, tmp_path: Path, kind: str
) -> None:
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site | {"SQLITE_TIMEOUT": "1"}, tmp_path) as nodes:
        node = nodes(kind)
        people = await open_all(node.url, PEOPLE)
        await start_all(people)
        writer = await asyncio.to_thread(SlowWriter, site["SQLITE_PATH"], 0.0)
        try:
            await works_unsaved(people)
            await asyncio.to_thread(node.kill)
        finally:
            writer.end()
        await has_everything(people)


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


@pytest.mark.postgres
@pytest.mark.redis
async def test_the_same_while_postgres_is_away(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTAPPS_TEST_POSTGRES", server.url)
    with postgres_site() as site, Nodes(site, tmp_path) as nodes:
        node = nodes("uvicorn")
        people = await open_all(node.url, PEOPLE)
        await start_all(people)
        await asyncio.to_thread(server.end, signal.SIGINT)
        await works_unsaved(people)
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(server.start_again)
        await has_everything(people)


# -- no channel layer --------------------------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with redis_server(tmp_path) as made:
        yield made


async def reruns_from_outside(site: dict[str, str], page: Page) -> None:
    """A process beside the servers asks for a run, and it comes."""
    before = len(page.viewer.finished)
    await asyncio.to_thread(ask_site, site, RERUN.format(page.session_id))
    await page.viewer.until(lambda: len(page.viewer.finished) > before)


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_what_is_asked_from_outside_needs_no_redis(
    redis: Redis, empty_site: Path, tmp_path: Path, kind: str
) -> None:
    with sqlite_site(empty_site, tmp_path, REDIS_URL=redis.url) as site, Nodes(site, tmp_path) as nodes:
        node = nodes(kind)
        [one] = await open_all(node.url, 1)
        await asyncio.to_thread(redis.kill)
        await reruns_from_outside(site, one.page)
        await asyncio.to_thread(redis.start)
        await reruns_from_outside(site, one.page)
        await one.round()
        one.check()
