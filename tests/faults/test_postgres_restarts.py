"""A PostgreSQL that ends and comes back while people work: they are told, work on, and lose nothing.

Runs on: pytest, real servers, and a PostgreSQL of their own.
"""

from __future__ import annotations

import asyncio
import signal
import urllib.error
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Node, Nodes, Page, ask_site, postgres_site
from tests.faults.load import Busy, everybody, open_all, rest_all, start_all
from tests.faults.servers import until
from tests.faults.services import Postgres, dead_connections, postgres
from tests.site.faults import GO_ON

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.redis]

PEOPLE = 20
WORKERS, OTHERS = 8, 8
"""Threads for runs; those for handshakes, the beat, rows, requests."""
TRACEBACKS = 30
"""More than one of each kind that may be in the log, however many people work how long."""
RUN_LOG = """
from django.db import connection
connection.cursor().execute(
    "CREATE TABLE run_log (id serial primary key, session text, node text, began timestamptz, ended timestamptz)")
print("null")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as made:
        yield made


@pytest.fixture(scope="module")
def site(server: Postgres) -> Iterator[dict[str, str]]:
    """A site in that PostgreSQL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRIPTAPPS_TEST_POSTGRES", server.url)
        with postgres_site() as made:
            ask_site(made, RUN_LOG)
            yield made


@pytest.fixture
def nodes(site: dict[str, str], server: Postgres, tmp_path: Path) -> Iterator[Nodes]:
    """Its servers, who ask often whether people may still be there."""
    with Nodes(site | {"REVALIDATE_SECONDS": "0.5", GO_ON: str(tmp_path / "go-on")}, tmp_path) as made:
        yield made
    if not server.answers():
        server.start_again()


async def goes_down(server: Postgres, people: list[Busy], end: signal.Signals) -> None:
    """It ends under their hands; everybody is told, and can go on."""
    await asyncio.to_thread(server.end, end)
    await everybody(people, lambda one: "not_saved" in one.told)
    for one in people:
        await one.press("Up", "n")
    await everybody(people, lambda one: one.works_in_memory)


async def comes_back(server: Postgres, people: list[Busy]) -> None:
    """It is there again; everybody works on, and has everything."""
    await asyncio.to_thread(server.start_again)
    await asyncio.gather(*(one.until(rounds=2) for one in people))
    await rest_all(people)


async def is_stored(node: Node, people: list[Busy]) -> None:
    """A process that knows nothing but the database shows the same."""
    node.kill()
    await asyncio.gather(*(one.page.again() for one in people))
    for one in people:
        one.check()


@pytest.mark.parametrize(("kind", "end"), [("uvicorn", signal.SIGQUIT), ("daphne", signal.SIGINT)])
async def test_a_restart_under_load(nodes: Nodes, server: Postgres, kind: str, end: signal.Signals) -> None:
    node = nodes(kind)
    people = await open_all(node.url, PEOPLE)
    await start_all(people, rounds=2)
    await goes_down(server, people, end)
    await comes_back(server, people)
    for one in people:
        assert not one.page.codes
        # Once, however many runs could not be saved; and that it is over.
        assert one.told == ["not_saved"]
        assert len(one.page.viewer.toasts) == 1
    await is_stored(node, people)
    assert node.text().count("Traceback") < TRACEBACKS


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_whoever_comes_meanwhile_is_let_in_afterwards(nodes: Nodes, server: Postgres, kind: str) -> None:
    node = nodes(kind)
    people = await open_all(node.url, 6)
    await start_all(people)
    await goes_down(server, people, signal.SIGINT)
    page = people[0].page
    with pytest.raises(InvalidStatus):
        await page.browser.connect(page.attributes, session=page.session_id)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        await asyncio.to_thread(page.browser.get, page.attributes["status-url"])
    for one in people[:3]:
        await one.page.leave()
    await everybody(people[:3], lambda one: one.page.codes)
    await comes_back(server, people)
    assert [bool(one.page.codes) for one in people] == [True] * 3 + [False] * 3
    await is_stored(node, people)
    assert node.text().count("Traceback") < TRACEBACKS


async def works(pages: list[Page], go_on: Path, times: int) -> None:
    """All of them at the same time, each on a thread of its own, each with a query at the beginning and the end."""
    await asyncio.to_thread(go_on.unlink, missing_ok=True)
    for page in pages:
        await page.click("Work")
    for page in pages:
        await page.viewer.until(partial(is_working, page))
    await asyncio.to_thread(go_on.touch)
    for page in pages:
        await page.viewer.settled()
        assert page.shown()["works"] == times


def is_working(page: Page) -> bool:
    assert not page.viewer.find("exception"), page.viewer.find("exception")[0].props
    return "working" in page.viewer.texts()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_every_thread_lets_go_of_its_dead_connection(
    nodes: Nodes, server: Postgres, site: dict[str, str], tmp_path: Path, kind: str
) -> None:
    node = nodes(kind)
    pages = [await Page(HeadlessBrowser(node.url), "moving").open() for _ in range(WORKERS)]
    await works(pages, tmp_path / "go-on", times=1)
    await asyncio.to_thread(server.end, signal.SIGINT)
    await asyncio.to_thread(server.start_again)
    # The first query of each thread finds a connection that answers.
    await works(pages, tmp_path / "go-on", times=2)
    cut = f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{site['PGDATABASE']}'"
    assert len(await asyncio.to_thread(server.ask, cut)) >= WORKERS
    # At once: no thread has rested.
    await works(pages, tmp_path / "go-on", times=3)
    await until_all_alive(node, server, pages)
    states = dict(await asyncio.to_thread(server.ask, STATES.format(site["PGDATABASE"])))
    assert set(states) <= {"idle", "active"}, states
    assert WORKERS <= sum(states.values()) <= WORKERS + OTHERS
    # No run had a query that failed.
    assert "raised (reference" not in node.text()
    assert node.text().count("Traceback") < TRACEBACKS


STATES = "SELECT state, count(*) FROM pg_stat_activity WHERE datname = '{}' GROUP BY state"


async def until_all_alive(node: Node, server: Postgres, pages: list[Page]) -> None:
    """Every thread is used, and then none has a connection whose other end is gone."""

    async def reload(page: Page) -> Any:
        await page.leave()
        await page.again()

    while await asyncio.to_thread(dead_connections, node.pid, server.port):
        await asyncio.gather(*(reload(page) for page in pages))
    await until(lambda: not dead_connections(node.pid, server.port))
