"""Saving a script's file: open pages run again, a mistake keeps the last good page, a new file is served at once."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, choose, eventually, metric, run_is_over

FIRST = """
from scriptapps import st

st.title("Edited")
st.slider("Kept", 0, 10, 3)
st.write("As it was first")
"""
SECOND = FIRST.replace("As it was first", "As it was saved")
BROKEN = FIRST.replace("st.write(", "st.write((")
MISTAKE = "The script cannot be compiled"
# A page runs again within a second; a machine with other work may need a little longer.
SOON = 5_000


@pytest.fixture
def page(visit: Visit, site: SiteServer) -> Page:
    """The page of a script of this test's own, called `edited`; its slider was moved to 4."""
    site.script("edited", FIRST)
    page = visit("alice").open("edited")
    kept = page.get_by_role("slider", name="Kept")
    kept.focus()
    page.keyboard.press("ArrowRight")
    expect(kept).to_have_value("4")
    run_is_over(page)
    return page


def test_saving_reruns_the_open_page(page: Page, site: SiteServer) -> None:
    site.script("edited", SECOND)
    expect(page.get_by_text("As it was saved")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("slider", name="Kept")).to_have_value("4")
    expect(page.get_by_role("slider", name="Kept")).to_be_focused()


def test_a_syntax_error_keeps_the_last_good_page(page: Page, site: SiteServer) -> None:
    site.script("edited", BROKEN)
    mistake = page.get_by_role("alert").filter(has_text=MISTAKE)
    expect(mistake).to_be_visible(timeout=SOON)
    expect(mistake).to_contain_text("edited.py")
    expect(mistake).to_contain_text("line 6")
    expect(page.get_by_text("As it was first", exact=True)).to_be_visible()
    expect(page.get_by_role("slider", name="Kept")).to_have_value("4")
    site.script("edited", SECOND)
    expect(page.get_by_text("As it was saved")).to_be_visible(timeout=SOON)
    expect(mistake).to_have_count(0)
    expect(page.get_by_role("slider", name="Kept")).to_have_value("4")


def test_undoing_the_mistake_ends_the_message(page: Page, site: SiteServer) -> None:
    site.script("edited", BROKEN)
    mistake = page.get_by_role("alert").filter(has_text=MISTAKE)
    expect(mistake).to_be_visible(timeout=SOON)
    site.script("edited", FIRST)
    expect(mistake).to_have_count(0, timeout=SOON)
    expect(page.get_by_text("As it was first", exact=True)).to_be_visible()


def test_a_page_opened_on_a_broken_script_shows_the_mistake(visit: Visit, site: SiteServer) -> None:
    site.script("broken", BROKEN)
    page = visit("alice").tab("/apps/broken/")
    expect(page.get_by_role("alert").filter(has_text="line 6").first).to_be_visible()
    site.script("broken", SECOND)
    expect(page.get_by_text("As it was saved")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_file_written_in_pieces_is_one_run(visit: Visit, site: SiteServer) -> None:
    path = site.script("pieces", FIRST)
    page = visit("alice").tab()
    wire = Wire(page)
    page.goto("/apps/pieces/")
    run_is_over(page)
    wire.forget()
    half = len(SECOND) // 2
    with path.open("w") as file:
        for piece in (SECOND[:half], SECOND[half:]):
            file.write(piece)
            file.flush()
    expect(page.get_by_text("As it was saved")).to_be_visible(timeout=SOON)
    run_is_over(page)
    choose(page, "Rerun")
    eventually(page, lambda: wire.finished == 2, "the rerun that was asked for ends")
    assert wire.runs == 2


def test_without_run_on_save_the_page_offers_to_rerun(page: Page, site: SiteServer) -> None:
    choose(page, "Run on save")
    run_is_over(page)
    site.script("edited", SECOND)
    banner = page.get_by_role("status").filter(has_text="The script has changed.")
    expect(banner).to_be_visible(timeout=SOON)
    expect(page.get_by_text("As it was first", exact=True)).to_be_visible()
    banner.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.get_by_text("As it was saved")).to_be_visible()
    expect(banner).to_have_count(0)
    site.script("edited", FIRST)
    expect(banner).to_be_visible(timeout=SOON)
    banner.get_by_role("button", name="Always rerun").click()
    expect(page.get_by_text("As it was first", exact=True)).to_be_visible()
    expect(banner).to_have_count(0)
    site.script("edited", SECOND)
    expect(page.get_by_text("As it was saved")).to_be_visible(timeout=SOON)


def test_a_dropped_file_is_served_at_the_next_request(visit: Visit, site: SiteServer) -> None:
    alice = visit("alice")
    site.script("dropped", "# title: Dropped in\nfrom scriptapps import st\nst.write('Here already')\n")
    index = alice.tab("/apps/")
    index.get_by_role("link", name="Dropped in").click()
    expect(index.get_by_text("Here already")).to_be_visible()


def test_a_module_beside_the_script_reruns_it_too(visit: Visit, site: SiteServer) -> None:
    site.script("_beside", "WORD = 'first'\n")
    site.script("uses_module", "import _beside\nfrom scriptapps import st\nst.metric('Word', _beside.WORD)\n")
    page = visit("alice").open("uses_module")
    expect(metric(page, "Word")).to_contain_text("first")
    site.script("_beside", "WORD = 'second, and longer'\n")
    expect(metric(page, "Word")).to_contain_text("second, and longer", timeout=SOON)
    site.script("_beside", "WORD = = 3\n")
    expect(page.get_by_role("alert").filter(has_text="_beside.py")).to_be_visible(timeout=SOON)
    site.script("_beside", "WORD = 'third'\n")
    expect(metric(page, "Word")).to_contain_text("third", timeout=SOON)
    expect(page.get_by_role("alert")).to_have_count(0)
