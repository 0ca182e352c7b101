"""Several pages of one person at servers that know nothing of each other but the database: they meet in one session.

Runs on: pytest, real servers behind a balancer without stickiness. Invariant: of one person's shared session there is
never a second one, and never a second owner.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from project.cluster.balancer import Balancer
from scriptapps.testing import HeadlessBrowser, HeadlessViewer
from tests.faults.farm import FRAME_LIMIT, LOST, Node, Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.faults.servers import LIMIT, Wire

pytestmark = pytest.mark.faults

OWNERS = """
from scriptapps.models import ScriptSession
rows = ScriptSession.objects.filter(script_app__slug="board").exclude(state="closed")
print(json.dumps(list(rows.values_list("user__username", "node").order_by("user__username"))))
"""
ADDRESS = "/apps/board/"


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file."""
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site, tmp_path) as made:
        yield made


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Nodes]:
    """Servers on PostgreSQL and Redis."""
    with postgres_site() as site, Nodes(site, tmp_path) as made:
        yield made


@asynccontextmanager
async def balanced(servers: list[Node]) -> AsyncIterator[str]:
    """The address of a balancer that leads each connection to the next server."""
    balancer = Balancer([urlsplit(server.url).port or 0 for server in servers])
    try:
        yield f"http://127.0.0.1:{await balancer.start(0)}"
    finally:
        balancer.stop()


async def signed_in(url: str, name: str) -> HeadlessBrowser:
    browser = HeadlessBrowser(url)
    await asyncio.to_thread(browser.sign_in, name)
    return browser


async def opened(browser: HeadlessBrowser) -> Page:
    """A page that tries, as a browser does, until it is led to where the session lives."""
    page = Page(browser, "board")
    page.attributes = await asyncio.to_thread(browser.page_attributes, ADDRESS)
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                page.viewer = HeadlessViewer(Wire(await browser.connect(page.attributes), FRAME_LIMIT))
                await page.viewer.attach()
                await page.viewer.settled()
            except LOST as error:
                page.note(error)
            else:
                return page


async def all_show(pages: list[Page], n: int) -> None:
    for page in pages:
        await page.viewer.until(partial(_shows, page, n))


def _shows(page: Page, n: int) -> bool:
    return page.shown() == {"n": n, "user": "alice"}


def owner(nodes: Nodes, servers: list[Node]) -> Node:
    """The one server that has the one session."""
    [[name, node]] = ask_site(nodes.site, OWNERS)
    assert name == "alice"
    [found] = [server for server in servers if f":{server.pid}:" in node]
    return found


async def test_pages_that_are_led_anywhere_meet_and_stay_together(nodes: Nodes) -> None:
    servers = [nodes("uvicorn"), nodes("daphne")]
    async with balanced(servers) as url:
        pages = [await opened(await signed_in(url, "alice")) for _ in range(3)]
        assert len({page.session_id for page in pages}) == 1
        assert {code for page in pages for code in page.codes} <= {4014}
        await asyncio.gather(*(page.click("Up") for page in pages for _ in range(5)))
        await all_show(pages, 15)

        leaving = owner(nodes, servers)
        # From now on nobody answers there, so the balancer passes it over.
        leaving.listening.close()
        leaving.signal(signal.SIGTERM)
        assert [await page.until_closed() for page in pages] == [4012] * 3
        await asyncio.gather(*(page.again() for page in pages))
        await asyncio.gather(*(page.click("Up") for page in pages))
        await all_show(pages, 18)

        owner(nodes, servers).kill()
        await asyncio.gather(*(page.again() for page in pages))
        await asyncio.gather(*(page.click("Up") for page in pages))
        await all_show(pages, 21)
        owner(nodes, servers)


async def test_a_page_does_not_take_the_session_away_from_others(nodes: Nodes) -> None:
    here, there = nodes("uvicorn"), nodes("uvicorn")
    one = await opened(await signed_in(here.url, "alice"))
    elsewhere = await signed_in(there.url, "alice")
    attributes = await asyncio.to_thread(elsewhere.page_attributes, ADDRESS)
    assert attributes["session"] == one.session_id
    # Until the row says that somebody looks, the newcomer waits; after that it is sent away.
    stranger = Page(elsewhere, "board")
    stranger.viewer = HeadlessViewer(Wire(await elsewhere.connect(attributes), FRAME_LIMIT))
    await stranger.attempt(stranger.viewer.attach)
    assert stranger.codes == [4014]
    await one.click("Up")
    await all_show([one], 1)
    # Nobody looks there any more: now it moves.
    await one.close()
    elsewhere_page = await opened(elsewhere)
    assert elsewhere_page.session_id == one.session_id
    await all_show([elsewhere_page], 1)
    assert owner(nodes, [here, there]) is there


@pytest.mark.postgres
@pytest.mark.redis
async def test_pages_that_begin_at_the_same_moment_begin_one_session(cluster: Nodes) -> None:
    servers = [cluster("uvicorn"), cluster("uvicorn")]
    urls = [servers[number % 2].url for number in range(6)]
    people = ("alice", "bob", "admin")
    browsers = {name: [await signed_in(url, name) for url in urls] for name in people}
    loads = {name: [asyncio.to_thread(b.page_attributes, ADDRESS) for b in browsers[name]] for name in people}
    told = {name: await asyncio.gather(*loads[name]) for name in people}
    for name in people:
        assert len({attributes["session"] for attributes in told[name]}) == 1, name
    assert [name for name, _ in ask_site(cluster.site, OWNERS)] == sorted(people)
