"""Redis is paused, killed and started again while people work at two nodes: no socket notices, and hints come again.

Runs on: pytest, real servers, and a Redis of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.farm import Node, Nodes, Page, ask_site, sqlite_site
from tests.faults.load import Busy, open_all, rest_all, start_all
from tests.faults.servers import until
from tests.faults.services import Redis, dead_connections, redis_server

pytestmark = [pytest.mark.faults, pytest.mark.redis]

PEOPLE = 6
# By the channel layer alone: processes of one host have a second way.
HINT = """
from scriptapps import hints
from scriptapps.models import ScriptSession
hints._tell_neighbours = lambda *_: None
ScriptSession.objects.filter(pk="{}").rerun()
print("null")
"""
GOES, COMES = "The channel layer does not answer", "The channel layer answers again"


def kill(redis: Redis) -> None:
    redis.kill()


def start(redis: Redis) -> None:
    redis.start()


def pause(redis: Redis) -> None:
    redis.pause()


def go_on(redis: Redis) -> None:
    redis.go_on()


ONE_EACH = pytest.mark.parametrize(("kind", "begin", "end"), [("uvicorn", pause, go_on), ("daphne", kill, start)])
EACH = pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [("uvicorn", kill, start), ("daphne", kill, start), ("uvicorn", pause, go_on), ("daphne", pause, go_on)],
)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with redis_server(tmp_path) as made:
        yield made


@pytest.fixture
def nodes(redis: Redis, empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    with sqlite_site(empty_site, tmp_path, REDIS_URL=redis.url) as site, Nodes(site, tmp_path) as made:
        yield made


async def moves(one: Busy, url: str) -> None:
    """He rests, and goes on at the other node with what he has."""
    await one.rest()
    await one.page.leave()
    await one.page.again(at=url)
    one.check()


async def says(nodes: list[Node], text: str) -> None:
    for node in nodes:
        await until(partial(has_said, node, text))


def has_said(node: Node, text: str) -> bool:
    return text in node.text()


def has_let_go(node: Node, redis: Redis) -> bool:
    return not dead_connections(node.pid, redis.port)


@EACH
async def test_work_goes_on(
    nodes: Nodes, redis: Redis, kind: str, begin: Callable[[Redis], None], end: Callable[[Redis], None]
) -> None:
    here, there = nodes(kind), nodes(kind)
    people = await open_all(here.url, PEOPLE) + await open_all(there.url, PEOPLE)
    await start_all(people)
    await asyncio.to_thread(begin, redis)
    await asyncio.gather(*(one.until(rounds=3) for one in people))
    # No hint reaches the owner; its next beat finds the request in the row.
    await moves(people[0], there.url)
    await says([here, there], GOES)
    await asyncio.gather(*(one.until(rounds=3) for one in people[1:]))
    await asyncio.to_thread(end, redis)
    await says([here, there], COMES)
    await asyncio.gather(*(one.until(rounds=3) for one in people[1:]))
    await moves(people[1], there.url)
    await rest_all(people)
    for one in people[2:]:
        assert not one.page.codes
        assert not one.told
    for node in (here, there):
        await until(partial(has_let_go, node, redis))
        assert node.text().count(GOES) == node.text().count(COMES) == 1
        assert "Traceback" not in node.text()


async def is_hinted(site: dict[str, str], page: Page) -> None:
    """A run that another process asks for comes; a hint may be lost, so it asks until it does."""
    before = len(page.viewer.finished)
    coming = asyncio.create_task(page.viewer.until(lambda: len(page.viewer.finished) > before))
    while not coming.done():
        await asyncio.to_thread(ask_site, site, HINT.format(page.session_id))
    await coming


@ONE_EACH
async def test_hints_come_again(
    nodes: Nodes, redis: Redis, kind: str, begin: Callable[[Redis], None], end: Callable[[Redis], None]
) -> None:
    # No beat for as long as the test lasts: a run that is asked for comes by a hint, or not at all.
    node = nodes(kind, BEAT_SECONDS="300", LEASE_SECONDS="600")
    [one] = await open_all(node.url, 1)
    await is_hinted(nodes.site, one.page)
    await asyncio.to_thread(begin, redis)
    await one.round()
    await asyncio.to_thread(end, redis)
    await is_hinted(nodes.site, one.page)
    await one.round()
    one.check()
