"""SIGTERM: every page is told where to go before the process ends, and loses nothing.

Runs on: pytest, real servers. Invariant: the limits here are the promise itself (20 seconds), never a measurement.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.site.faults import GO_ON

pytestmark = pytest.mark.faults

PAGES, WORKERS = 20, 8
ENDS_WITHIN = 20.0
RESTARTING = 4012
OWNERS = """
from scriptapps.models import ScriptSession
print(json.dumps(list(ScriptSession.objects.exclude(state="closed").values_list("node", flat=True))))
"""


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file."""
    go_on = {GO_ON: str(tmp_path / "go-on")}
    with sqlite_site(empty_site, tmp_path, **go_on) as site, Nodes(site, tmp_path) as made:
        yield made


async def opened(url: str, pages: int) -> list[Page]:
    """Pages of which each has counted to its number."""
    browser = HeadlessBrowser(url)
    made = []
    for number in range(pages):
        page = await Page(browser, "moving").open()
        for _ in range(number % 4):
            await page.click("Up")
        await page.settled()
        made.append(page)
    return made


def is_working(page: Page) -> bool:
    return "working" in page.viewer.texts()


async def drained(nodes: Nodes, kind: str, go_on: Path) -> None:
    """One node ends while all its pages work; they go on at the other one."""
    ending, staying = nodes(kind), nodes(kind)
    pages = await opened(ending.url, PAGES)
    # As many as there are threads for runs work, the others wait in line.
    for page in pages[:WORKERS]:
        await page.click("Work")
        await page.viewer.until(partial(is_working, page))
    for page in pages[WORKERS:]:
        await page.click("Work")
    ends = [asyncio.create_task(page.until_closed()) for page in pages]
    await asyncio.sleep(0)
    ending.signal(signal.SIGTERM)
    await asyncio.to_thread(ending.until, lambda: ending.ends, ENDS_WITHIN)
    codes = await asyncio.gather(*ends)
    assert codes == [RESTARTING] * PAGES, (codes, ending.text())
    owners = ask_site(nodes.site, OWNERS)
    assert owners == [""] * PAGES, "a lease was not given up"
    await asyncio.to_thread(go_on.touch)
    await asyncio.gather(*(page.again(at=staying.url) for page in pages))
    await asyncio.gather(*(page.settled() for page in pages))
    for number, page in enumerate(pages):
        shown = page.shown()
        assert shown["n"] == number % 4
        # What was not finished there was done here, once.
        assert shown["works"] == 1
        assert shown["done"] == [staying.pid]
        assert not page.viewer.errors
        await page.close()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_pages_that_work_move_to_the_other_node(nodes: Nodes, kind: str, tmp_path: Path) -> None:
    await drained(nodes, kind, tmp_path / "go-on")


@pytest.mark.postgres
@pytest.mark.redis
async def test_the_same_on_postgres(tmp_path: Path) -> None:
    with postgres_site() as site, Nodes(site | {GO_ON: str(tmp_path / "go-on")}, tmp_path) as nodes:
        await drained(nodes, "daphne", tmp_path / "go-on")


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_second_sigterm_does_no_harm(nodes: Nodes, kind: str) -> None:
    node, other = nodes(kind), nodes(kind)
    [page] = await opened(node.url, 1)
    await page.click("Up")
    await page.settled()
    node.signal(signal.SIGTERM)
    node.signal(signal.SIGTERM)
    await asyncio.to_thread(node.until, lambda: node.ends, ENDS_WITHIN)
    await page.until_closed()
    await page.again(at=other.url)
    assert page.shown()["n"] == 1


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_sigkill_in_the_middle_of_draining_loses_nothing(nodes: Nodes, kind: str, tmp_path: Path) -> None:
    node, other = nodes(kind), nodes(kind)
    pages = await opened(node.url, 4)
    for page in pages:
        await page.click("Up")
        await page.click("Work")
    await pages[0].viewer.until(lambda: "working" in pages[0].viewer.texts())
    node.signal(signal.SIGTERM)
    assert await pages[0].until_closed() in (RESTARTING, 1006)
    node.signal(signal.SIGKILL)
    await asyncio.to_thread(node.until, lambda: node.ends, ENDS_WITHIN)
    await asyncio.to_thread((tmp_path / "go-on").touch)
    await asyncio.gather(*(page.again(at=other.url) for page in pages))
    await asyncio.gather(*(page.settled() for page in pages))
    assert [page.shown()["n"] for page in pages] == [1, 2, 3, 4]
    assert [page.shown()["works"] for page in pages] == [1] * 4


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_nothing_new_comes_in_while_it_drains(nodes: Nodes, kind: str) -> None:
    """A socket that is refused or sent away is not lost: it finds the other node."""
    node, other = nodes(kind), nodes(kind)
    [page] = await opened(node.url, 1)
    node.signal(signal.SIGTERM)
    assert await page.until_closed() == RESTARTING
    await page.again(at=other.url)
    assert page.shown()["n"] == 0
    await asyncio.to_thread(node.until, lambda: node.ends, ENDS_WITHIN)
