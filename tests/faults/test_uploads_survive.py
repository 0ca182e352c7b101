"""Uploaded files over the end of the process that took them in, and on another node than the session's.

Runs on: pytest, real servers. Invariant: what the script reads is what was uploaded, byte for byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from scriptapps.testing import HeadlessBrowser
from tests.faults.farm import Nodes, Page, sqlite_site

pytestmark = pytest.mark.faults

KINDS = ["uvicorn", "daphne"]
LARGE = 6_000_000


@pytest.fixture
def nodes(empty_site: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Servers on one SQLite file and one folder of uploads."""
    uploads = tmp_path / "uploads"
    with sqlite_site(empty_site, tmp_path, UPLOAD_ROOT=str(uploads)) as site, Nodes(site, tmp_path) as made:
        yield made


async def upload(page: Page, name: str, content: bytes, at: str = "") -> str:
    """Send a file to a server, the one that the page is at unless it is said."""
    browser = page.browser
    here, browser.base_url = browser.base_url, at or browser.base_url
    try:
        return await asyncio.to_thread(browser.upload, page.attributes, page.viewer, "Papers", name, content)
    finally:
        browser.base_url = here


def line(name: str, content: bytes) -> str:
    return f"{name} {len(content)} {hashlib.sha256(content).hexdigest()[:16]}"


@pytest.mark.parametrize("kind", KINDS)
async def test_files_are_there_after_the_server_was_killed(nodes: Nodes, kind: str) -> None:
    node = nodes(kind)
    page = await Page(HeadlessBrowser(node.url), "papers").open()
    small, large = b"a,b\n1,2\n", random.Random(7).randbytes(LARGE)
    wires = [await upload(page, "small.csv", small), await upload(page, "large.bin", large)]
    await page.enter("Papers", wires)
    await page.settled()
    shown = [line("small.csv", small), line("large.bin", large), "2 papers"]
    assert page.viewer.texts() == shown
    node.kill()
    await page.again()
    assert page.viewer.texts() == shown
    # One that was uploaded before a death and is used after it.
    late = await upload(page, "late.txt", b"late")
    node.kill()
    await page.again()
    await page.enter("Papers", [*wires, late])
    await page.settled()
    assert page.viewer.texts() == [*shown[:2], line("late.txt", b"late"), "3 papers"]


async def test_files_may_come_by_way_of_another_node_and_move_with_the_session(nodes: Nodes) -> None:
    here, there = nodes("uvicorn"), nodes("daphne")
    page = await Page(HeadlessBrowser(here.url), "papers").open()
    wire = await upload(page, "note.txt", b"by way of the other", at=there.url)
    await page.enter("Papers", [wire])
    await page.settled()
    shown = [line("note.txt", b"by way of the other"), "1 papers"]
    assert page.viewer.texts() == shown
    await page.leave()
    await page.again(at=there.url)
    assert page.viewer.texts() == shown
    here.kill()
    await page.enter("Papers", [])
    await page.settled()
    assert page.viewer.texts() == ["0 papers"]
    page.attributes["token"] = "0" * 64
    with pytest.raises(urllib.error.HTTPError, match="403"):
        await upload(page, "note.txt", b"")
