"""People who never rest: each presses, types, waits until that is acknowledged, and does it again.

Runs on: pytest. Invariant: each knows what he did, so that a press that is lost or counted twice is found.
"""

from __future__ import annotations

import asyncio
import time

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Page


class Busy:
    """One of them, in a browser of his own at a ledger's page.

    ``elsewhere``: where he goes when his socket is lost, and rests once what he had begun is done; "" for back to the
    same server, and on. ``lost`` and ``back`` are the moments of the last such change, by the monotonic clock.
    """

    def __init__(self, url: str) -> None:
        self.page = Page(HeadlessBrowser(url), "ledger")
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
        await self._press("Up", "n")
        await self._press("Down", "m")
        self.typed += 1
        await self.page.enter("Note", str(self.typed))
        while not await self.page.attempt(self.page.viewer.settled):
            self.lost = time.monotonic()
            await self.page.again(at=self.elsewhere)
            self.back = time.monotonic()
            self._enough = self._enough or bool(self.elsewhere)
        self.rounds += 1

    async def _press(self, label: str, name: str) -> None:
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

    def check(self) -> None:
        """What was done is there, once."""
        shown = self.page.shown()
        assert {name: shown[name] for name in self.presses} == self.presses
        assert shown["note"] == str(self.typed)
        # Each value that the script saw was one that was typed, later ones later.
        seen = [int(note) for note in shown["notes"]]
        assert seen == sorted(set(seen))
        assert seen[-1] == self.typed


async def open_all(url: str, people: int) -> list[Busy]:
    """So many of them at a server, at rest."""
    made = [Busy(url) for _ in range(people)]
    await asyncio.gather(*(one.page.open() for one in made))
    return made


async def start_all(people: list[Busy], rounds: int = 1) -> None:
    """Everybody works, and has come round so often."""
    for one in people:
        one.start()
    await asyncio.gather(*(one.until(rounds) for one in people))


async def rest_all(people: list[Busy]) -> None:
    """Everybody finishes, and has what he did."""
    await asyncio.gather(*(one.rest() for one in people))
    for one in people:
        one.check()
