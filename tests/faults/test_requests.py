"""What is asked from outside arrives once: from other processes within moments, and whoever is killed when.

Runs on: pytest, real servers and shells beside them. Invariant: each request leaves its own mark in the page's state,
so that one that is lost or carried out twice is seen.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.faults.servers import LIMIT, ROOT, until
from tests.site.faults import GO_ON, POINTS, arm

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("SCRIPTAPPS_REQUEST_KILLS", "12"))
SITE = {"DJANGO_SETTINGS_MODULE": "tests.site.faulty"}
"""Shells see the settings of the servers: whether a session is live depends on them."""
NO_BEAT = {"BEAT_SECONDS": "600"}
"""Nothing but a hint brings a request to its page."""
SESSIONS = "from scriptapps.models import ScriptSession, SessionRequest\nsessions = ScriptSession.objects.all()\n"
OF = SESSIONS + "mine = sessions.filter(user__username={user!r})\n"
RERUN = OF + "report = mine.rerun(values={values!r}, state={state!r}, wait={wait})\n"
TELL = "print(json.dumps([report.asked, sorted(report.outcomes.values()), sorted(report.errors.values())]))"
OUTCOMES = SESSIONS + "print(json.dumps(list(SessionRequest.objects.order_by('pk').values_list('outcome', flat=True))))"
DIES_BEFORE_THE_HINT = """
import os, signal, django
django.setup()
from scriptapps import signals
from scriptapps.models import ScriptSession
def die(**_):
    os.kill(os.getpid(), signal.SIGKILL)
signals.steering_requested.disconnect(dispatch_uid="scriptapps.hints.steering")
signals.steering_requested.connect(die)
ScriptSession.objects.rerun(state={"order0": 0})
"""


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file, with a channel layer that no other process sees."""
    go_on = {GO_ON: str(tmp_path / "go-on")}
    with sqlite_site(empty_site, tmp_path, **go_on) as site, Nodes(site | SITE, tmp_path) as made:
        yield made


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Nodes]:
    """Servers on PostgreSQL and Redis."""
    with postgres_site() as site, Nodes(site | SITE | {GO_ON: str(tmp_path / "go-on")}, tmp_path) as made:
        yield made


async def open_page(url: str, name: str = "alice") -> Page:
    browser = HeadlessBrowser(url)
    await asyncio.to_thread(browser.sign_in, name)
    return await Page(browser, "asked").open()


async def shell(nodes: Nodes, code: str) -> Any:
    """What a shell of the site prints; meanwhile the pages go on."""
    return await asyncio.to_thread(ask_site, nodes.site, code)


async def ask(nodes: Nodes, user: str, *, wait: bool = False, **given: Any) -> Any:
    """From a shell of the site: [how many were asked, outcomes, errors]."""
    code = RERUN.format(user=user, values=given.get("values"), state=given.get("state"), wait=wait)
    return await shell(nodes, code + TELL)


async def answered(nodes: Nodes, outcomes: list[str]) -> None:
    """Wait until every request has this outcome."""
    await until(lambda: ask_site(nodes.site, OUTCOMES) == outcomes)


def shows(page: Page, text: str) -> bool:
    return any(text in shown for shown in page.viewer.texts())


async def shown_orders(page: Page, orders: list[int]) -> None:
    """Wait until the page says that it has seen these, each once; whatever it takes."""
    wanted = f'"seen": {orders}'
    while not await page.attempt(lambda: page.viewer.until(partial(shows, page, wanted))):
        await page.again()


# -- another process, without a beat -----------------------------------------------------------------------------------


async def steered_by_a_shell(nodes: Nodes, alice: Page, bob: Page) -> None:
    assert await ask(nodes, "alice", values={"region": "EU"}, state={"order1": 1}, wait=True) == [1, ["completed"], []]
    await alice.viewer.until(partial(shows, alice, '{"region": "EU", "seen": [1]}'))
    assert alice.viewer.widget("Region").value == "EU"
    notify = "report = mine.notify('Lunch', wait=True)\n"
    assert await shell(nodes, OF.format(user="alice") + notify + TELL) == [1, ["completed"], []]
    await alice.viewer.until(lambda: alice.viewer.toasts)
    assert (await ask(nodes, "alice", values={"region": "Mars"}, wait=True))[1] == ["refused"]
    close = "report = mine.close('Back tomorrow', wait=True)\n"
    # Read while it happens: what a client had not read when its socket was closed may be gone.
    ended = asyncio.create_task(alice.until_closed())
    assert (await shell(nodes, OF.format(user="alice") + close + TELL))[:2] == [1, ["completed"]]
    assert await ended == 4001
    assert [error.message for error in alice.viewer.errors] == ["Back tomorrow"]
    assert shows(bob, '{"region": "US", "seen": []}')
    assert not bob.viewer.toasts


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_shell_beside_one_server_on_sqlite_reaches_its_pages_at_once(nodes: Nodes, kind: str) -> None:
    server = nodes(kind, **NO_BEAT)
    nodes.site |= NO_BEAT
    await steered_by_a_shell(nodes, await open_page(server.url), await open_page(server.url, "bob"))


@pytest.mark.postgres
@pytest.mark.redis
async def test_a_shell_beside_two_servers_reaches_the_pages_of_both_at_once(cluster: Nodes) -> None:
    here, there = cluster("uvicorn", **NO_BEAT), cluster("daphne", **NO_BEAT)
    cluster.site |= NO_BEAT
    alice, again = await open_page(here.url), await open_page(there.url)
    bob = await open_page(there.url, "bob")
    assert await ask(cluster, "alice", values={"region": "EU"}, wait=True) == [2, ["completed"] * 2, []]
    for page in (alice, again):
        await page.viewer.until(partial(shows, page, '"region": "EU"'))
    assert (
        await shell(cluster, SESSIONS + "report = sessions.filter(pk='" + again.session_id + "').close()\n" + TELL)
    )[0] == 1
    await steered_by_a_shell(cluster, alice, bob)


# -- kills -------------------------------------------------------------------------------------------------------------


async def test_who_asks_is_killed_before_the_hint(nodes: Nodes) -> None:
    page = await open_page(nodes("uvicorn").url)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", DIES_BEFORE_THE_HINT],
        cwd=ROOT,
        env=nodes.site,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    await shown_orders(page, [0])
    assert await shell(nodes, OUTCOMES) == ["completed"]


async def test_the_owner_is_killed_before_it_takes_the_request(nodes: Nodes) -> None:
    node = nodes("uvicorn")
    page = await open_page(node.url)
    nodes.freeze(node)
    assert (await ask(nodes, "alice", state={"order1": 1}))[0] == 1
    node.kill()
    await page.again()
    await shown_orders(page, [1])
    assert await shell(nodes, OUTCOMES) == ["completed"]


async def test_the_owner_is_killed_between_taking_and_commit(nodes: Nodes, tmp_path: Path) -> None:
    node = nodes("uvicorn")
    page = await open_page(node.url)
    await ask(nodes, "alice", state={"order1": 1, "wait": True}, values={"region": "EU"})
    await page.viewer.until(partial(shows, page, "working"))
    # Taken and applied, and nothing of it is stored.
    assert await shell(nodes, OUTCOMES) == [""]
    node.kill()
    (tmp_path / "go-on").touch()
    await page.again()
    await shown_orders(page, [1])
    assert shows(page, '"region": "EU"')
    assert await shell(nodes, OUTCOMES) == ["completed"]


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_every_point_of_the_run_that_carries_it(nodes: Nodes, point: str) -> None:
    node = nodes("uvicorn")
    page = await open_page(node.url)
    for number in range(3):
        arm(node.fault_file, point)
        births = node.births
        await ask(nodes, "alice", state={f"order{number}": number})
        await asyncio.to_thread(node.until, partial(_more_than, node, births))
        await page.again()
        await shown_orders(page, list(range(number + 1)))
    await answered(nodes, ["completed"] * 3)


def _more_than(node: Any, births: int) -> bool:
    return node.births > births


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.redis
async def test_a_page_that_moves_between_servers_that_die_gets_each_request_once(cluster: Nodes) -> None:
    servers = [cluster("uvicorn"), cluster("daphne")]
    page = await open_page(servers[0].url)
    dice = random.Random(11)
    asked = 0
    for _ in range(KILLS):
        more = range(asked, asked + dice.randint(1, 3))
        asks = [OF.format(user="alice"), *(f"mine.rerun(state={{'order{number:03d}': {number}}})" for number in more)]
        await shell(cluster, "\n".join([*asks, "print(1)"]))
        asked = more.stop
        server = dice.choice(servers)
        dying: Callable[[], Any] = server.kill if dice.random() < 0.6 else (lambda: None)
        await asyncio.to_thread(dying)
        await page.again(at=dice.choice(servers).url)
    await shown_orders_in_any_order(page, set(range(asked)))
    await answered(cluster, ["completed"] * asked)


async def shown_orders_in_any_order(page: Page, orders: set[int]) -> None:
    """Requests of one moment come in one run, those of an earlier one before."""

    def all_there() -> bool:
        seen = page.shown()["seen"]
        assert len(seen) == len(set(seen)), f"carried out twice: {seen}"
        return set(seen) == orders

    while not await page.attempt(lambda: page.viewer.until(all_there)):
        await page.again()
