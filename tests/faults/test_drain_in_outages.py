"""SIGTERM while the database is away or locked: people are told, the process ends in time, and nothing is lost.

Runs on: pytest, real servers. Invariant: the limit here is the promise itself (20 seconds), never a measurement.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.farm import Node, Nodes, sqlite_site
from tests.faults.load import Busy, everybody, open_all, start_all
from tests.faults.services import SlowWriter

pytestmark = pytest.mark.faults

ENDS_WITHIN = 20.0
RESTARTING = 4012


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file, which wait for a lock longer than for their end."""
    with sqlite_site(empty_site, tmp_path, DRAIN_SECONDS="5") as site, Nodes(site, tmp_path) as made:
        yield made


async def has_ended(node: Node) -> None:
    await asyncio.to_thread(node.until, lambda: node.ends, ENDS_WITHIN)


def is_told(one: Busy) -> bool:
    return bool(one.page.codes)


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_lock_that_is_not_given_back(nodes: Nodes, kind: str) -> None:
    ending, staying = nodes(kind), nodes(kind)
    people = await open_all(ending.url, 6)
    for one in people:
        one.elsewhere = staying.url
    await start_all(people)
    writer = await asyncio.to_thread(SlowWriter, nodes.site["SQLITE_PATH"], 0.0)
    try:
        await everybody(people, lambda one: one.works_in_memory)
        ending.signal(signal.SIGTERM)
        await everybody(people, is_told)
        await has_ended(ending)
        assert writer.is_at_it
    finally:
        writer.end()
    await asyncio.gather(*(one.rest(at_once=False) for one in people))
    for one in people:
        assert set(one.page.codes) == {RESTARTING}
        one.check()
