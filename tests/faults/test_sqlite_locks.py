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
async def test_one_site_waits_and_another_loses_patience(nodes: Nodes, kind: str) -> None:
    patient, impatient = nodes(kind, SQLITE_TIMEOUT="60"), nodes(kind, SQLITE_TIMEOUT="1")
    # One thread for each: a run that waits for the lock keeps its thread.
    waiting, told = await open_all(patient.url, 6), await open_all(impatient.url, 12)
    await start_all([*waiting, *told])
    writer = await asyncio.to_thread(SlowWriter, nodes.site["SQLITE_PATH"], SECONDS)
    try:
        newcomer = asyncio.create_task(open_all(patient.url, 1))
        await everybody(waiting, lambda one: one.works_in_memory)
        await everybody(told, lambda one: "not_saved" in one.told)
        for one in told:
            await one.press("Up", "n")
        await everybody(told, lambda one: one.works_in_memory)
        await is_answered(waiting)
        await is_answered(told)
        assert all(one.page.viewer.running for one in waiting)
        # Whoever comes back meanwhile is not let in before it is over.
        await told[0].page.leave()
        await asyncio.to_thread(writer.until_done)
    finally:
        writer.end()
    # Nobody presses anything: it is saved as soon as that is possible, and acknowledged then.
    await rest_all([*waiting, *told])
    assert not any(one.told or one.page.codes for one in waiting)
    assert not any(one.page.codes for one in told[1:])
    assert [one.told for one in told[1:]] == [["not_saved"]] * 11
    assert "Traceback" not in patient.text()
    assert impatient.text().count("Traceback") < TRACEBACKS
    waiting += await newcomer
    await waiting[-1].round()
    await is_stored(patient, waiting)
    await is_stored(impatient, told)
