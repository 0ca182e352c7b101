"""SIGTERM while fifty people press and type: they go on at the other node, with everything they did.

Runs on: pytest, servers started by their own command lines. Invariant: the limits here are the promise itself
(20 seconds for the process, 10 for the people), never a measurement.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import cluster_environment, database
from tests.faults.farm import ask_site
from tests.faults.load import open_all, start_all
from tests.faults.servers import Server

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.redis]

PEOPLE = 50
ENDS_WITHIN, BACK_WITHIN = 20.0, 10.0
RESTARTING = 4012
OWNERS = """
from scriptapps.models import ScriptSession
print(json.dumps(list(ScriptSession.objects.exclude(state="closed").values_list("node", flat=True))))
"""


@pytest.fixture
def site(empty_cluster: str) -> Iterator[dict[str, str]]:
    """PostgreSQL and Redis, and as much patience with runs as a site has by default."""
    with database(empty_cluster) as name:
        yield cluster_environment(name) | {"DJANGO_SETTINGS_MODULE": "tests.site.faulty", "DRAIN_SECONDS": "15"}


@pytest.fixture
def serve(site: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """`serve(kind)`: one more server of the site."""
    made: list[Server] = []

    def one_more(kind: str) -> Server:
        made.append(Server(kind, site, tmp_path))
        return made[-1].start()

    yield one_more
    for server in made:
        server.end()
        # Shown by pytest with a test that failed.
        print(f"--- {server.kind} at {server.url}\n{server.text()}")


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_fifty_people_at_work_move_to_the_other_node(
    site: dict[str, str], serve: Callable[[str], Server], kind: str
) -> None:
    ending, staying = await asyncio.gather(asyncio.to_thread(serve, kind), asyncio.to_thread(serve, kind))
    people = await open_all(ending.url, PEOPLE)
    for one in people:
        one.elsewhere = staying.url
    await start_all(people, rounds=2)
    assert ending.process is not None
    began = time.monotonic()
    ending.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(ending.process.wait, ENDS_WITHIN)
    await asyncio.gather(*(one.rest(at_once=False) for one in people))
    # Whoever was about to press heard it more than once.
    assert [set(one.page.codes) for one in people] == [{RESTARTING}] * PEOPLE, ending.text()
    assert max(one.back for one in people) - began <= BACK_WITHIN
    for one in people:
        one.check()
    # They go on there as if nothing had been.
    await asyncio.gather(*(one.round() for one in people))
    for one in people:
        one.check()
        assert not one.page.viewer.errors
    assert len(set(ask_site(site, OWNERS))) == 1
    for server in (ending, staying):
        assert "Traceback" not in server.text()
