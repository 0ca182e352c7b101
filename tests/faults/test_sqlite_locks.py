"""Another program keeps SQLite's one write lock for ten seconds while people work.

Runs on: pytest, real servers. Invariant: nobody notices as long as the site's own patience lasts; whoever is told
otherwise works on, and everything is stored when the lock is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from scriptapps.protocol import schema
from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Node, Nodes, sqlite_site
from tests.faults.load import Busy, everybody, open_all, rest_all, start_all
from tests.faults.services import SlowWriter

pytestmark = pytest.mark.faults

SECONDS = 10.0
TRACEBACKS = 20


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site, tmp_path) as made:
        yield made


async def begins(nodes: Nodes) -> SlowWriter:
    """The other program has the lock from now on."""
    return await asyncio.to_thread(SlowWriter, nodes.site["SQLITE_PATH"], SECONDS)


async def is_answered(people: list[Busy]) -> None:
    """The server hears everybody while its threads wait."""
    before = {one: one.page.viewer.pongs for one in people}
    for one in people:
        await one.page.viewer.send(ping=schema.Ping(number=1))
    await everybody(people, lambda one: one.page.viewer.pongs > before[one])
    url = people[0].page.browser.base_url
    assert "ok" in await asyncio.to_thread(HeadlessBrowser(url).get, "/apps/-/healthz/")


async def is_stored(node: Node, people: list[Busy]) -> None:
    """A new process knows it too."""
    node.kill()
    await asyncio.gather(*(one.page.again() for one in people))
    for one in people:
        one.check()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_it_is_waited_for(nodes: Nodes, kind: str) -> None:
    node = nodes(kind)
    # One thread for each: a run that waits for the lock keeps its thread.
    people = await open_all(node.url, 6)
    await start_all(people)
    writer = await begins(nodes)
    try:
        newcomer = asyncio.create_task(open_all(node.url, 1))
        await everybody(people, lambda one: one.works_in_memory)
        await is_answered(people)
        assert writer.is_at_it
        assert all(one.page.viewer.running for one in people)
        await asyncio.to_thread(writer.until_done)
    finally:
        writer.end()
    await asyncio.gather(*(one.until(rounds=2) for one in people))
    await rest_all(people)
    assert not any(one.told or one.page.codes for one in people)
    people += await newcomer
    await people[-1].round()
    await is_stored(node, people)
    assert "Traceback" not in node.text()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_it_outlasts_the_sites_patience(nodes: Nodes, kind: str) -> None:
    node = nodes(kind, SQLITE_TIMEOUT="1")
    people = await open_all(node.url, 12)
    await start_all(people)
    writer = await begins(nodes)
    try:
        await everybody(people, lambda one: "not_saved" in one.told)
        for one in people:
            await one.press("Up", "n")
        await everybody(people, lambda one: one.works_in_memory)
        await is_answered(people)
        assert writer.is_at_it
        # Whoever comes back meanwhile is not let in before it is over.
        await people[0].page.leave()
        await asyncio.to_thread(writer.until_done)
    finally:
        writer.end()
    # Nobody presses anything: it is saved as soon as that is possible, and acknowledged then.
    await rest_all(people)
    assert [one.told for one in people[1:]] == [["not_saved"]] * 11
    assert not any(one.page.codes for one in people[1:])
    assert node.text().count("Traceback") < TRACEBACKS
    await is_stored(node, people)
