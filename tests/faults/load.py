"""People who never rest: each presses, types, waits until that is acknowledged, and does it again.

Runs on: pytest. Invariant: each knows what he did, so that a press that is lost or counted twice is found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import FRAME_LIMIT, LOST, Page
from tests.faults.servers import LIMIT, Wire


class Busy:
    """One of them, in a browser of his own at a page that counts.

    ``elsewhere``: where he goes when his socket is lost, and rests once what he had begun is done; "" for back to the
    same server, and on. ``lost`` and ``back`` are the moments of the last such change, by the monotonic clock.
    """

    def __init__(self, url: str, slug: str = "ledger") -> None:
        self.page = Page(HeadlessBrowser(url), slug)
        self.elsewhere = ""
        self.presses = {"n": 0, "m": 0}
        self.typed = 0
        self.rounds = 0
        self.lost = self.back = 0.0
        self._enough = False
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._work = asyncio.create_task(self._go_on())

    async def _go_on(self) -> None:
        while not self._enough:
            await self.round()

    async def round(self) -> None:
        """Press, press, type, and wait until that is acknowledged."""
        await self.press("Up", "n")
        await self.press("Down", "m")
        self.typed += 1
        await self.page.enter("Note", str(self.typed))
        while not await self.page.attempt(self.page.viewer.settled):
            self.lost = time.monotonic()
            await self._come_back()
            self.back = time.monotonic()
            self._enough = self._enough or bool(self.elsewhere)
        self.rounds += 1

    async def _come_back(self) -> None:
        """As a browser does: at once, with the token that it has; whoever is refused asks why."""
        page = self.page
        page.browser.base_url = self.elsewhere or page.browser.base_url
        page.attributes["kept"] = page.session_id
        try:
            wire = Wire(await page.browser.connect(page.attributes, session=page.session_id), FRAME_LIMIT)
            await page.viewer.reconnect(wire)
            await page.viewer.until(lambda: page.viewer.finished and not page.viewer.running)
        except LOST as error:
            page.note(error)
            await page.again()

    async def press(self, label: str, name: str) -> None:
        """Press a button that counts to ``name``."""
        self.presses[name] += 1
        # A press over which the socket breaks is kept by the page and sent again.
        await self.page.click(label)

    async def until(self, rounds: int) -> None:
        """Wait for so many rounds more; raises what ended the work."""
        wanted = self.rounds + rounds
        while self.rounds < wanted:
            assert self._work is not None
            if self._work.done():
                self._work.result()
            await asyncio.sleep(0.01)

    async def rest(self, *, at_once: bool = True) -> None:
        """Finish the round, or ``not at_once`` wait until he rests for a reason of his own."""
        self._enough = self._enough or at_once
        assert self._work is not None
        await self._work

    @property
    def told(self) -> list[str]:
        """The notices that he got: codes of errors."""
        return [error.code for error in self.page.viewer.errors]

    @property
    def works_in_memory(self) -> bool:
        """Everything pressed counts on the page, and is not acknowledged."""
        shown = self.page.shown()
        return bool(self.page.viewer.unacked) and all(shown[name] == self.presses[name] for name in self.presses)

    def check(self) -> None:
        """What was done is there, once."""
        shown = self.page.shown()
        assert {name: shown[name] for name in self.presses} == self.presses
        assert shown["note"] == str(self.typed)
        # Each value that the script saw was one that was typed, later ones later.
        seen = [int(note) for note in shown["notes"]]
        assert seen == sorted(set(seen))
        assert seen[-1] == self.typed


async def open_all(url: str, people: int, slug: str = "ledger") -> list[Busy]:
    """So many of them at a server, at rest."""
    made = [Busy(url, slug) for _ in range(people)]
    await asyncio.gather(*(one.page.open() for one in made))
    return made


async def start_all(people: list[Busy], rounds: int = 1) -> None:
    """Everybody works, and has come round so often."""
    for one in people:
        one.start()
    await asyncio.gather(*(one.until(rounds) for one in people))


async def everybody(people: list[Busy], condition: Callable[[Busy], Any]) -> None:
    """Wait until it holds for each of them."""
    async with asyncio.timeout(LIMIT):
        for one in people:
            while not condition(one):  # noqa: ASYNC110  what is waited for comes by a task of his
                await asyncio.sleep(0.01)


async def rest_all(people: list[Busy]) -> None:
    """Everybody finishes, and has what he did."""
    await asyncio.gather(*(one.rest() for one in people))
    for one in people:
        one.check()
