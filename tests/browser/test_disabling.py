"""Staff disable a script app: who is in it reads why, who comes later too, and it opens again."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import run_is_over

CLOSING = "# title: Closing\n# access: signed-in\nfrom scriptapps import st\nst.write('Here')\n"
SINGLE = "# title: Single\n# access: signed-in\n# sessions per user: 1\nfrom scriptapps import st\nst.write('Here')\n"


@pytest.fixture(autouse=True)
def scripts(site: SiteServer) -> None:
    """The scripts of these tests."""
    site.script("closing", CLOSING)
    site.script("single", SINGLE)


def test_a_disabled_script_app_says_why_and_comes_back(visit: Visit) -> None:
    alice, staff = visit("alice", fresh=True), visit("admin").tab("/admin/scriptapps/scriptapp/?q=closing")
    page = alice.open("closing")
    staff.reload()
    staff.get_by_role("link", name="closing", exact=True).click()
    staff.get_by_role("link", name="Disable").click()
    expect(staff.get_by_text("1 person has it open now, in 1 session.")).to_be_visible()
    staff.get_by_label("Message to the people").fill("Back at noon.")
    staff.get_by_role("button", name="Yes, disable").click()
    expect(staff.get_by_text("1 script app was disabled.")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="switched off. Back at noon.")).to_be_visible()
    # The page that is not there, and the closed session that the tab asks for once more.
    alice.allowed += ["404", "Unexpected response code: 403"]
    page.reload()
    expect(page.get_by_role("heading", name="Closing is closed")).to_be_visible()
    expect(page.get_by_text("Back at noon.")).to_be_visible()
    staff.get_by_role("link", name="closing", exact=True).click()
    staff.get_by_role("button", name="Enable").click()
    expect(staff.get_by_text("1 script app was enabled.")).to_be_visible()
    page.reload()
    run_is_over(page)
    expect(page.get_by_text("Here")).to_be_visible()


def test_one_session_per_user_in_two_tabs(visit: Visit) -> None:
    alice = visit("alice", fresh=True)
    first = alice.open("single")
    second = alice.tab("/apps/single/")
    expect(second.get_by_role("alert").filter(has_text=re.compile("one at a time is allowed"))).to_be_visible()
    first.close()
    second.get_by_role("button", name="Start again").click()
    run_is_over(second)
    expect(second.get_by_text("Here")).to_be_visible()
