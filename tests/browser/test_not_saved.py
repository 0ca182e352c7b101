"""A page whose state cannot be stored: its person is told, works on, and is told when all is well again."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import metric

EVENTS = ("INSERT", "UPDATE")
CURSOR = "from django.db import connection; cursor = connection.cursor()"


@pytest.fixture
def full_disk(site: SiteServer) -> Iterator[SiteServer]:
    """The database has no room for values of pages, until ``make_room``."""
    site.shell(
        CURSOR,
        *(
            f'_ = cursor.execute("CREATE TRIGGER no_room_{event} BEFORE {event} ON scriptapps_sessionvalue '
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END\")"
            for event in EVENTS
        ),
    )
    yield site
    make_room(site)


def make_room(site: SiteServer) -> None:
    site.shell(CURSOR, *(f'_ = cursor.execute("DROP TRIGGER IF EXISTS no_room_{event}")' for event in EVENTS))


def test_a_page_that_is_not_saved_says_so_and_says_when_it_is(visit: Visit, full_disk: SiteServer) -> None:
    alice = visit("alice")
    alice.allowed += ["not_saved"]
    page = alice.open("counter")
    notice = page.get_by_text("could not be saved")
    expect(notice).to_be_visible()
    for number in (1, 2, 3):
        page.get_by_role("button", name="Add").click()
        expect(metric(page, "Count")).to_contain_text(str(number))
    make_room(full_disk)
    expect(page.get_by_text("Everything on this page is saved again.")).to_be_visible(timeout=20_000)
    page.reload()
    expect(metric(page, "Count")).to_contain_text("3")
    expect(notice).to_have_count(0)
