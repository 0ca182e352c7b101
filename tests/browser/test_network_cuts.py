"""The network goes for a moment or for long, wholly or in one direction: the tab is as it was, presses count once.

Runs on: pytest, real servers, a real Chromium. Invariant: see desk.py, which also says how times are scaled.
"""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.desk import SHORT_CUT, Desk, desk_at, nodes_of, until
from tests.faults.farm import Nodes

pytestmark = pytest.mark.faults
SITES = ["uvicorn sqlite", pytest.param("daphne postgres", marks=[pytest.mark.postgres, pytest.mark.redis])]


@pytest.fixture(scope="module", params=SITES)
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One server."""
    kind, database = request.param.split()
    with nodes_of([kind], database, tmp_path_factory.mktemp("cuts")) as made:
        yield made


@pytest.fixture
def desk(nodes: Nodes, browser: Browser) -> Iterator[Desk]:
    """A tab with work in progress."""
    with desk_at(browser, nodes) as made:
        yield made


def reconnecting(desk: Desk) -> None:
    """The person is told."""
    expect(desk.page.get_by_text("Reconnecting")).to_be_visible(timeout=60_000)


def test_a_reload(desk: Desk) -> None:
    desk.press()
    desk.counted()
    desk.page.reload()
    desk.is_as_it_was()


def test_a_network_that_delays_everything_for_a_while(desk: Desk) -> None:
    began = time.monotonic()
    desk.line.silence()
    desk.press()
    until(lambda: desk.line.holds("up") and time.monotonic() - began > SHORT_CUT, "the press is under way")
    desk.line.heal()
    desk.is_as_it_was()


def test_a_cut_that_both_ends_notice(desk: Desk) -> None:
    began = time.monotonic()
    desk.line.cut()
    reconnecting(desk)
    desk.press()
    until(lambda: desk.row["viewers"] == 0 and time.monotonic() - began > SHORT_CUT, "the server has noticed it")
    desk.line.heal()
    desk.is_as_it_was()


def test_a_cut_that_outlasts_heartbeat_lease_and_memory(desk: Desk) -> None:
    desk.line.silence()
    desk.press()
    reconnecting(desk)
    until(lambda: desk.row["node"] == "", "the session has left memory, and nobody has its lease")
    until(lambda: desk.line.sockets == 0, "the server keeps no dead socket")
    desk.line.heal(deliver=False)
    desk.tell_that_the_network_is_back()
    desk.is_as_it_was()


def test_a_line_on_which_the_server_hears_nothing(desk: Desk, nodes: Nodes) -> None:
    desk.line.silence("up")
    desk.press()
    until(lambda: desk.line.holds("up"), "the press is lost")
    reconnecting(desk)
    assert desk.stored_count == desk.presses - 1
    if nodes.made[0].kind == "uvicorn":
        # Nobody tells the browser that the line is back, and what it has asked since is never answered: neither its
        # socket nor its question why it got none.
        until(lambda: desk.line.has_lost(b"/status/"), "the browser asks why it gets no socket")
        desk.line.heal(deliver=False)
    else:
        desk.line.heal(deliver=False)
        desk.tell_that_the_network_is_back()
    desk.is_as_it_was()


def test_a_line_on_which_the_browser_hears_nothing(desk: Desk) -> None:
    desk.line.silence("down")
    desk.press()
    until(lambda: desk.stored_count == desk.presses, "the press has been counted, and nobody knows")
    reconnecting(desk)
    desk.line.heal(deliver=False)
    desk.tell_that_the_network_is_back()
    desk.is_as_it_was()
