"""The ledger: servers are killed at every point of an interaction, and nothing acknowledged is lost or counted twice.

Runs on: pytest, real servers and pages that behave as a browser's do. Invariant: what a person did is written down
before it is sent, what the page says at the end has to agree with it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Node, Nodes, Page, ask_site, postgres_site, sqlite_site
from tests.site.faults import POINTS, arm

pytestmark = [pytest.mark.faults, pytest.mark.slow]

KILLS = int(os.environ.get("SCRIPTAPPS_LEDGER_KILLS", "100"))
PAGES = 4
SEED = os.environ.get("SCRIPTAPPS_LEDGER_SEED", "")


ORDERS = """
from collections import Counter
from django.contrib.auth.models import Group
print(json.dumps(Counter(name.split("/")[0] for name in Group.objects.values_list("name", flat=True))))
"""
"""Rows that the atomic callback wrote, by session."""


class Ledger:
    """One page, and what its person did."""

    def __init__(self, page: Page, dice: random.Random) -> None:
        self.page, self.dice = page, dice
        self.pressed = {"Up": 0, "Down": 0, "Order": 0}
        self.notes = ["0"]
        self.plain = 0

    async def act(self) -> None:
        """Something that a person does, one to eight times in a row; the socket may be lost over it."""
        for _ in range(self.dice.randint(1, 8)):
            label = self.dice.choice(["Up", "Up", "Down", "Order", "Note", "Plain"])
            if label in self.pressed:
                self.pressed[label] += 1
                done = await self.page.click(label)
            elif label == "Note":
                self.notes.append(str(int(self.notes[-1]) + 1))
                done = await self.page.enter("Note", self.notes[-1])
            else:
                self.plain += 1
                done = await self.page.enter("Plain", self.plain)
            if not done:
                return

    def check(self) -> None:
        """Everything is acknowledged: so everything is there, once, in order."""
        shown = self.page.shown()
        assert not self.page.viewer.unacked
        assert not self.page.viewer.errors, self.page.viewer.errors
        assert {"Up": shown["n"], "Down": shown["m"], "Order": shown["orders"]} == self.pressed
        assert shown["note"] == self.notes[-1]
        assert shown["plain"] == self.plain
        seen = [int(note) for note in shown["notes"]]
        assert seen == sorted(set(seen)), "notes came out of order or twice"


class Ledgers:
    """The pages of one site while its server dies again and again."""

    def __init__(self, node: Node, seed: str) -> None:
        self.node, self.dice = node, random.Random(seed)
        self.ledgers: list[Ledger] = []

    async def open(self) -> None:
        browser = HeadlessBrowser(self.node.url)
        for _ in range(PAGES):
            self.ledgers.append(Ledger(await Page(browser, "ledger").open(), self.dice))

    async def die_at(self, point: str) -> None:
        """Everybody acts until the server has died at the point and everything is acknowledged again."""
        births = self.node.births
        arm(self.node.fault_file, point)
        while self.node.births == births:
            await asyncio.gather(*(self._act(ledger) for ledger in self.ledgers))
        for ledger in self.ledgers:
            ledger.check()

    @staticmethod
    async def _act(ledger: Ledger) -> None:
        await ledger.act()
        await ledger.page.settled()


async def run_ledger(node: Node, site: dict[str, str], kills: int) -> None:
    seed = SEED or str(random.randrange(10**9))
    sys.stdout.write(f"SCRIPTAPPS_LEDGER_SEED={seed}\n")
    ledgers = Ledgers(node, seed)
    await ledgers.open()
    for number in range(kills):
        point = POINTS[number % len(POINTS)]
        await ledgers.die_at(point)
    orders = ask_site(site, ORDERS)
    for ledger in ledgers.ledgers:
        assert orders.get(ledger.page.session_id, 0) == ledger.pressed["Order"]
        await ledger.page.close()
    assert node.births == kills + 1
    pressed = sum(sum(ledger.pressed.values()) for ledger in ledgers.ledgers)
    sys.stdout.write(
        f"{kills} kills, {pressed} presses, {sum(len(ledger.notes) for ledger in ledgers.ledgers)} texts\n"
    )


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_nothing_acknowledged_is_lost_or_counted_twice(kind: str, empty_site: Path, tmp_path: Path) -> None:
    with sqlite_site(empty_site, tmp_path) as site, Nodes(site, tmp_path) as nodes:
        await run_ledger(nodes(kind), site, KILLS // 2)


@pytest.mark.postgres
@pytest.mark.redis
async def test_the_same_on_postgres(tmp_path: Path) -> None:
    with postgres_site() as site, Nodes(site, tmp_path) as nodes:
        await run_ledger(nodes("uvicorn"), site, KILLS // 5)
