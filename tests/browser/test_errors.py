"""From what a visitor is told to what happened: two steps in the admin; and why a page ran, in its own menu."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer

BROKEN = """
# title: Broken
# access: signed-in
from scriptapps import st

amount = st.number_input("Amount", 0, 100, 7, key="amount")
pin = st.text_input("PIN", "pin-4711", type="password")

def share(whole):
    return amount / whole

if st.button("Share"):
    share(0)
"""


@pytest.fixture(autouse=True)
def broken(site: SiteServer) -> None:
    """The script of these tests."""
    site.script("broken", BROKEN)


def reference_of(page: Page) -> str:
    """What the visitor is told to pass on."""
    told = page.get_by_text("Reference").last
    expect(told).to_be_visible()
    return told.inner_text().split()[-1].strip(".")


def test_a_reference_leads_to_traceback_trigger_and_values_in_two_steps(visit: Visit) -> None:
    page, staff = visit("alice").open("broken"), visit("admin").tab()
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_text("ZeroDivisionError").first).to_be_visible()
    reference = reference_of(page)
    staff.goto("/admin/scriptapps/")
    staff.get_by_role("main").get_by_role("link", name="Errors", exact=True).click()
    staff.locator("#searchbar").fill(reference)
    staff.get_by_role("button", name="Search").click()
    main = staff.get_by_role("main")
    expect(main.get_by_text(reference).first).to_be_visible()
    expect(main.get_by_text("broken.py:13 in <module>")).to_contain_text("broken.py:10 in share")
    expect(main.get_by_text("ZeroDivisionError: division by zero")).to_be_visible()
    expect(main.get_by_text("widget: Share")).to_be_visible()
    expect(main.get_by_text("amount: 7")).to_be_visible()
    expect(main.get_by_text("PIN: (hidden)")).to_be_visible()
    assert "pin-4711" not in staff.content()


def test_the_menu_says_why_the_page_ran(visit: Visit) -> None:
    page = visit("alice").open("broken")
    page.get_by_role("spinbutton", name="Amount").fill("8")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Page menu").click()
    expect(
        page.get_by_role("menuitem", name=re.compile(r"Last run: widget: Amount · \d+ ms · \d+ deltas"))
    ).to_be_visible()
