"""A tab behind a balancer without stickiness, on a line that breaks all the time: each connection goes to another node.

Runs on: pytest, two real servers, a real Chromium. Invariant: nothing that was pressed or entered is lost or doubled.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.desk import GONE, LIMIT, LONG, nodes_of
from tests.browser.visitor import Visitor, eventually, run_is_over
from tests.faults.farm import Nodes
from tests.faults.line import Line

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.redis]
EVENTS = 1000 if LONG else 200


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Two servers on PostgreSQL and Redis."""
    with nodes_of(["uvicorn", "daphne"], "postgres", tmp_path) as made:
        yield made


def shown(page: Page) -> dict[str, Any]:
    """What the script says it has."""
    found: dict[str, Any] = json.loads(page.locator("script-app .content").get_by_text('"notes"').inner_text())
    return found


def counted(page: Page, presses: int) -> None:
    """Wait until every press has been counted."""
    expect(page.get_by_text(f'"n": {presses},')).to_be_visible(timeout=LIMIT * 1000)


def test_a_tab_that_flaps_between_two_nodes_loses_nothing(nodes: Nodes, browser: Browser) -> None:
    dice = random.Random(11)
    with Line(*(node.url for node in nodes.made)) as line:
        line.choose = dice.choice
        visitor = Visitor(browser, line.url)
        visitor.allowed += GONE
        page = visitor.open("moving")
        presses, notes = 0, [""]
        for number in range(EVENTS):
            if dice.random() < 0.5:
                page.get_by_role("button", name="Up").dispatch_event("click")
                presses += 1
            else:
                notes.append(f"{number:05d}")
                page.get_by_role("textbox", name="Note").fill(notes[-1])
                page.get_by_role("textbox", name="Note").press("Enter")
            if dice.random() < 0.3:
                line.drop()
            if dice.random() < 0.3:
                counted(page, presses)
        counted(page, presses)
        eventually(page, lambda: shown(page)["note"] == notes[-1], "the last note", LIMIT)
        expect(page.get_by_text("Reconnecting")).to_have_count(0, timeout=LIMIT * 1000)
        run_is_over(page)
        kept = shown(page)["notes"]
        assert kept == sorted(set(kept)), "notes came out of order or twice"
        assert kept[-1] == notes[-1]
        assert shown(page)["n"] == presses
        eventually(page, lambda: line.sockets == 1, "one socket for one tab", LIMIT)
        expect(page.get_by_role("alert")).to_have_count(0)
        assert not visitor.unexpected()
        visitor.context.close()
