"""A page that loses its socket, its server or its node goes on with what it had.

Runs on: pytest, real servers. Invariant: two nodes never run one session at once, and what a former owner writes
changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from scriptapps.testing import HeadlessBrowser, HeadlessViewer
from tests.faults.farm import Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.faults.servers import Wire
from tests.site.faults import GO_ON

pytestmark = pytest.mark.faults

KINDS = ["uvicorn", "daphne"]
EVENTS = int(os.environ.get("SCRIPTAPPS_FLAPPING_EVENTS", "300"))
RUN_LOG = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE run_log (id serial primary key, session text, node text, began timestamptz, "
                   "ended timestamptz)")
print("null")
"""
READ_RUN_LOG = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT session, node, extract(epoch from began)::float8, extract(epoch from ended)::float8 "
                   "FROM run_log ORDER BY session, began")
    print(json.dumps(cursor.fetchall()))
"""


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file."""
    go_on = {GO_ON: str(tmp_path / "go-on")}
    with sqlite_site(empty_site, tmp_path, **go_on) as site, Nodes(site, tmp_path) as made:
        yield made


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Nodes]:
    """Servers on PostgreSQL and Redis, with a table for runs."""
    with postgres_site() as site, Nodes(site | {GO_ON: str(tmp_path / "go-on")}, tmp_path) as made:
        ask_site(site, RUN_LOG)
        yield made


async def counter_at_three(url: str) -> Page:
    page = await Page(HeadlessBrowser(url), "counter").open()
    for _ in range(3):
        await page.click("Up")
        await page.settled()
    assert page.viewer.texts() == ["n=3"]
    return page


async def reloaded(page: Page) -> Page:
    """The same tab after a reload: another page load of the same session."""
    fresh = Page(page.browser, page.slug)
    fresh.attributes = await asyncio.to_thread(page.browser.page_attributes, f"/apps/{page.slug}/")
    fresh.viewer = HeadlessViewer(Wire(await page.browser.connect(fresh.attributes, session=page.session_id)))
    await fresh.viewer.attach()
    await fresh.viewer.settled()
    return fresh


# -- the bar: five things that happen to a counter ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cut_connection(nodes: Nodes, kind: str) -> None:
    page = await counter_at_three(nodes(kind).url)
    await page.leave()
    assert not await page.click("Up") or not await page.attempt(page.viewer.settled)
    await page.again()
    await page.settled()
    assert page.viewer.texts() == ["n=4"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reload(nodes: Nodes, kind: str) -> None:
    page = await counter_at_three(nodes(kind).url)
    fresh = await reloaded(page)
    assert fresh.viewer.texts() == ["n=3"]
    assert fresh.session_id == page.session_id
    assert await page.until_closed() == 4009


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_tab_begins_at_zero(nodes: Nodes, kind: str) -> None:
    page = await counter_at_three(nodes(kind).url)
    second = await Page(page.browser, "counter").open()
    assert second.viewer.texts() == ["n=0"]
    assert second.session_id != page.session_id
    await page.click("Up")
    await page.settled()
    assert page.viewer.texts() == ["n=4"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_restarted_server_shows_it_without_a_click(nodes: Nodes, kind: str) -> None:
    node = nodes(kind)
    page = await counter_at_three(node.url)
    node.kill()
    await page.again()
    assert page.viewer.texts() == ["n=3"]
    # Also to a page that was reloaded meanwhile.
    node.kill()
    assert (await reloaded(page)).viewer.texts() == ["n=3"]


@pytest.mark.parametrize("kind", KINDS)
async def test_another_node_while_the_first_one_lives(nodes: Nodes, kind: str) -> None:
    here, there = nodes(kind), nodes(kind)
    page = await counter_at_three(here.url)
    await page.leave()
    await page.again(at=there.url)
    assert page.viewer.texts() == ["n=3"]
    await page.click("Up")
    await page.settled()
    await page.close()
    await page.again(at=here.url)
    assert page.viewer.texts() == ["n=4"]


async def test_a_socket_that_stays_behind_is_told_that_its_session_has_moved(nodes: Nodes) -> None:
    here, there = nodes("uvicorn"), nodes("daphne")
    page = await counter_at_three(here.url)
    page.browser.base_url = there.url
    fresh = await reloaded(page)
    assert fresh.viewer.texts() == ["n=3"]
    assert await page.until_closed() == 4002


# -- two nodes ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.redis
async def test_a_page_that_flaps_between_two_nodes_loses_nothing(cluster: Nodes) -> None:
    urls = [cluster("uvicorn").url, cluster("daphne").url]
    dice = random.Random(7)
    page = await Page(HeadlessBrowser(urls[0]), "moving").open()
    presses, notes = 0, []
    for number in range(EVENTS):
        if dice.random() < 0.5:
            presses += 1
            await page.click("Up")
        else:
            notes.append(f"{number:05d}")
            await page.enter("Note", notes[-1])
        if dice.random() < 0.3:
            await page.settled()
        # Away in the middle of things, with and without a word.
        await (page.leave() if dice.random() < 0.7 else page.close())
        await page.again(at=dice.choice(urls))
    await page.settled()
    shown = page.shown()
    assert shown["n"] == presses
    assert shown["note"] == notes[-1]
    assert shown["notes"] == sorted(set(shown["notes"])), "texts came out of order or twice"
    assert not page.viewer.errors
    check_runs(cluster, at_least=EVENTS // 2)


def is_working(page: Page) -> bool:
    return "working" in page.viewer.texts()


def check_runs(cluster: Nodes, at_least: int) -> None:
    """No run of a session began before the one before it had ended."""
    runs: list[tuple[str, str, float, float | None]] = ask_site(cluster.site, READ_RUN_LOG)
    assert len(runs) >= at_least
    assert len({node for _, node, _, _ in runs}) == 2
    overlapping = [
        (one, two) for one, two in pairwise(runs) if one[0] == two[0] and (one[3] is None or one[3] > two[2])
    ]
    assert not overlapping, overlapping[:3]


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.redis
async def test_what_a_node_writes_that_slept_beyond_its_lease_changes_nothing(cluster: Nodes, tmp_path: Path) -> None:
    sleepy, other = cluster("uvicorn", LEASE_SECONDS="1"), cluster("uvicorn", LEASE_SECONDS="1")
    for _ in range(5):
        page = await Page(HeadlessBrowser(sleepy.url), "moving").open()
        await page.click("Up")
        await page.settled()
        (tmp_path / "go-on").unlink(missing_ok=True)
        await page.click("Work")
        await page.viewer.until(partial(is_working, page))
        sleepy.signal(signal.SIGSTOP)
        await page.leave()
        # The press was not finished, so it is sent again: the run here goes on as soon as it may.
        (tmp_path / "go-on").touch()
        await page.again(at=other.url)
        await page.settled()
        after = page.shown()
        assert after["n"] == 1
        assert after["works"] == 1
        assert after["done"] == [other.pid]
        sleepy.signal(signal.SIGCONT)
        # Its run ends now; what it wants to write is refused, and it drops the session.
        await page.close()
        await page.again(at=sleepy.url)
        await page.settled()
        assert page.shown() == after
        await page.click("Up")
        await page.settled()
        assert page.shown() == {**after, "n": 2}
        await page.close()


async def test_of_two_sockets_at_two_nodes_one_has_the_session(nodes: Nodes) -> None:
    """A tab that was restored twice: both are served in the end, one after the other, by one owner at a time."""
    here, there = nodes("uvicorn"), nodes("uvicorn")
    page = await counter_at_three(here.url)
    await page.close()
    browsers = [page.browser, HeadlessBrowser(there.url)]
    browsers[1].cookies = page.browser.cookies
    sockets = [await browser.connect(page.attributes, session=page.session_id) for browser in browsers]
    viewers = [HeadlessViewer(Wire(socket)) for socket in sockets]
    await asyncio.gather(*(viewer.attach() for viewer in viewers), return_exceptions=True)
    owners = ask_site(
        nodes.site,
        "from scriptapps.models import ScriptSession\n"
        f"print(json.dumps(list(ScriptSession.objects.filter(pk='{page.session_id}').values_list('node', flat=True))))",
    )
    assert len(owners) == 1
    assert any(f":{node.pid}:" in owners[0] for node in (here, there))
    for socket in sockets:
        await socket.close()
    await page.again()
    assert page.viewer.texts() == ["n=3"]
