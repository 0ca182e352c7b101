"""A tab that its browser freezes, and a laptop that sleeps: for longer than the server waits for a sign of life.

Runs on: pytest, real servers, a real Chromium. Invariant: see desk.py; a browser that was stopped is always woken.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import LIMIT, Desk, desk_at, nodes_of, until
from tests.browser.visitor import Visitor, Wire, eventually, run_is_over
from tests.faults.farm import Nodes
from tests.faults.line import Line

pytestmark = pytest.mark.faults
SITES = ["daphne sqlite", pytest.param("uvicorn postgres", marks=[pytest.mark.postgres, pytest.mark.redis])]


@pytest.fixture(scope="module", params=SITES)
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One server."""
    kind, database = request.param.split()
    with nodes_of([kind], database, tmp_path_factory.mktemp("frozen")) as made:
        yield made


@pytest.fixture
def desk(nodes: Nodes, browser: Browser) -> Iterator[Desk]:
    """A tab with work in progress."""
    with desk_at(browser, nodes) as made:
        yield made


@contextmanager
def stopped(browser: Browser, *kinds: str) -> Iterator[None]:
    """The browser's processes of these kinds stand still, or all of them; the network has a process of its own."""
    found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    processes = [int(process["id"]) for process in found if not kinds or process["type"] in kinds]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_a_tab_that_is_frozen_until_its_session_has_left_memory(desk: Desk, browser: Browser) -> None:
    """Its timers and messages wait, while the browser goes on and keeps its socket open."""
    desk.press()
    with stopped(browser, "renderer"):
        until(lambda: desk.row["node"] == "", "the session has left memory")
    desk.is_as_it_was()


def test_a_laptop_that_sleeps(desk: Desk, browser: Browser) -> None:
    """What the server says to a sleeping laptop is lost, also that it closes the socket."""
    desk.press()
    with stopped(browser):
        desk.line.silence()
        until(lambda: desk.row["viewers"] == 0, "the server has given the tab up")
        desk.line.heal(deliver=False)
    # Nobody has told the browser: the page looks alive until its own heartbeat says otherwise.
    desk.press()
    desk.is_as_it_was()


@pytest.mark.parametrize("nodes", SITES[:1], indirect=True)
def test_a_tab_in_the_background_keeps_its_socket(nodes: Nodes, browser: Browser) -> None:
    """There a browser lets timers sleep, for a minute at a time; here they never wake at all."""
    with Line(nodes.made[0].url) as line:
        visitor = Visitor(browser, line.url)
        visitor.context.add_init_script("setInterval = () => 0")
        page = visitor.tab()
        wire = Wire(page)
        page.goto("/apps/desk/")
        run_is_over(page)
        wire.forget()
        eventually(page, lambda: len(wire.received) > 3, "the server has asked for signs of life", LIMIT)
        assert wire.sockets == 1
        assert {message.WhichOneof("kind") for message in wire.sent} == {"ack"}
        visitor.context.close()
        assert not visitor.unexpected(), visitor.unexpected()
