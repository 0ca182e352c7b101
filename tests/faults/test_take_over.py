"""A page that loses its socket, its server or its node goes on with what it had.

Runs on: pytest, real servers. Invariant: two nodes never run one session at once, and what a former owner writes
changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scriptapps.testing import HeadlessBrowser, HeadlessViewer
from tests.faults.farm import Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.faults.servers import Wire, until
from tests.site.faults import GO_ON, RUN_LOG

pytestmark = pytest.mark.faults

KINDS = ["uvicorn", "daphne"]
LONG = os.environ.get("SCRIPTAPPS_LONG") == "1"
EVENTS = {"postgres": 1000, "sqlite": 1000} if LONG else {"postgres": 300, "sqlite": 100}
LEASE, SLEEP = (30, 60) if LONG else (1, 0)
"""Seconds of a lease, and for how long at least its owner stands still."""
SENT_AWAY = (4002, 4013, 1011, 1006) if LONG else (4002,)
"""After a long sleep the watch for acknowledgements or the server's own ping may come first; each means: again."""
STORED = """
from scriptapps.models import ScriptSession, SessionValue
row = ScriptSession.objects.get(pk="{session}")
values = SessionValue.objects.filter(session=row).order_by("space", "name").values_list("space", "name", "payload")
print(json.dumps([row.node, row.epoch, row.seqs, row.state_keys, [[*map(str, value)] for value in values]]))
"""


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file."""
    go_on = {GO_ON: str(tmp_path / "go-on")}
    with sqlite_site(empty_site, tmp_path, **go_on) as site, Nodes(site, tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def cluster(request: pytest.FixtureRequest, empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one database and Redis, with a file for runs."""
    files = {
        GO_ON: str(tmp_path / "go-on"),
        RUN_LOG: str(tmp_path / "runs"),
        "REDIS_URL": os.environ["SCRIPTAPPS_TEST_REDIS"],
    }
    site = postgres_site() if request.param == "postgres" else sqlite_site(empty_site, tmp_path)
    with site as environment, Nodes(environment | files, tmp_path) as made:
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
@pytest.mark.redis
async def test_a_page_that_flaps_between_two_nodes_loses_nothing(cluster: Nodes, tmp_path: Path) -> None:
    urls = [cluster("uvicorn").url, cluster("daphne").url]
    dice = random.Random(7)
    page = await Page(HeadlessBrowser(urls[0]), "moving").open()
    presses, notes = 0, []
    events = EVENTS[cluster.site.get("DATABASE", "sqlite")]
    for number in range(events):
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
    check_runs(tmp_path / "runs", at_least=events // 2)


def check_runs(log: Path, at_least: int) -> None:
    """No run of a session began before the one before it had ended."""
    runs, nodes, running = 0, set(), dict[str, str]()
    for line in log.read_text().splitlines():
        what, session, node = line.split()
        if what == "begin":
            assert session not in running, f"run {runs} of {session} began at {node} while {running[session]} ran it"
            running[session] = node
            nodes.add(node)
            runs += 1
        else:
            assert running.pop(session) == node
    assert runs >= at_least
    assert len(nodes) == 2


def is_working(page: Page) -> bool:
    return "working" in page.viewer.texts()


async def working(url: str, go_on: Path) -> Page:
    """A page that was pressed once, in the middle of a run."""
    # It waits also for a node that answers no ping.
    page = await Page(HeadlessBrowser(url), "moving").open(ping_interval=None)
    await page.click("Up")
    await page.settled()
    await asyncio.to_thread(go_on.unlink, missing_ok=True)
    await page.click("Work")
    await page.viewer.until(partial(is_working, page))
    return page


@pytest.mark.slow
@pytest.mark.redis
async def test_what_a_node_writes_that_slept_beyond_its_lease_changes_nothing(cluster: Nodes, tmp_path: Path) -> None:
    sleepy, other = (cluster(kind, LEASE_SECONDS="1") for kind in KINDS)
    for _ in range(3):
        page = await working(sleepy.url, tmp_path / "go-on")
        cluster.freeze(sleepy)
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


@pytest.mark.slow
@pytest.mark.redis
async def test_who_stayed_with_a_node_that_slept_is_sent_to_the_owner(cluster: Nodes, tmp_path: Path) -> None:
    """The same session in two tabs, as after a restored browser: one went on elsewhere, one waits for the sleeper."""
    # Pages of this test send no heartbeat.
    times = {"LEASE_SECONDS": str(LEASE), "HEARTBEAT_SECONDS": "300"}
    kinds = KINDS if cluster.site.get("DATABASE") == "postgres" else KINDS[::-1]
    sleepy, other = (cluster(kind, **times) for kind in kinds)
    stayed = await working(sleepy.url, tmp_path / "go-on")
    cluster.freeze(sleepy)
    began = time.monotonic()
    moved = Page(HeadlessBrowser(other.url), "moving")
    moved.browser.cookies = stayed.browser.cookies
    wire = Wire(await moved.browser.connect(stayed.attributes, session=stayed.session_id))
    moved.viewer = HeadlessViewer(wire)
    await moved.viewer.attach()
    await moved.viewer.until(lambda: moved.viewer.finished and not moved.viewer.running)
    await moved.click("Up")
    await moved.settled()
    assert moved.shown()["n"] == 2
    assert moved.shown()["works"] == 0
    await until(lambda: time.monotonic() - began > SLEEP)
    before = await stored(cluster, stayed.session_id)
    assert f":{other.pid}:" in before[0]
    sleepy.signal(signal.SIGCONT)
    (tmp_path / "go-on").touch()
    assert await stayed.until_closed() in SENT_AWAY
    await until(lambda: f"end {stayed.session_id} {sleepy.pid}" in (tmp_path / "runs").read_text())
    assert await stored(cluster, stayed.session_id) == before
    # What was pressed there counts here, once.
    await stayed.again(at=other.url)
    await stayed.settled()
    assert stayed.shown() == {**moved.shown(), "works": 1, "done": [other.pid]}
    assert await moved.until_closed() == 4009


async def stored(nodes: Nodes, session: str) -> list[Any]:
    """Owner, epoch, event numbers and values of a session, as the database has them."""
    found: list[Any] = await asyncio.to_thread(ask_site, nodes.site, STORED.format(session=session))
    return found


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
