"""Only differences travel, and what stands below an inserted element is left alone."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Visitor, Wire, eventually, run_is_over
from tests.browser.watching import Watching

MANY = """
from scriptapps import st

turns = st.session_state.setdefault("turns", 0)
if st.button("Change one"):
    turns = st.session_state.turns = turns + 1
st.button("Change nothing")
for number in range(200):
    st.markdown(f"Paragraph {number}" if number != 77 else f"Paragraph 77 after {turns} turns")
"""
TOP = """
from scriptapps import st

if st.session_state.get("shown"):
    st.info("Stands at the top")
st.text_input("Name")
st.text_area("Story")
st.number_input("Pieces", 0, 10, 3)
st.slider("Heat", 0, 10, 5)
st.checkbox("Agree")
if st.button("Show it"):
    st.session_state.shown = True
    st.rerun()
"""


def watched(visitor: Visitor, slug: str) -> tuple[Page, Wire]:
    """A tab with this script app, and what goes over its wire from now on."""
    page = visitor.tab()
    wire = Wire(page)
    page.goto(f"/apps/{slug}/")
    run_is_over(page)
    wire.forget()
    return page, wire


def test_one_of_two_hundred_elements_is_one_delta(visit: Visit, site: SiteServer) -> None:
    site.script("many", MANY)
    page, wire = watched(visit("alice"), "many")
    watching = Watching(page)
    page.get_by_role("button", name="Change one").click()
    expect(page.get_by_text("Paragraph 77 after 1 turns")).to_be_visible()
    eventually(page, lambda: wire.finished == 1, "the run ends")
    assert [delta.WhichOneof("change") for delta in wire.deltas] == ["set"]
    assert watching.lost == []
    assert len(watching.changed) == 1


def test_a_run_that_changes_nothing_sends_nothing(visit: Visit, site: SiteServer) -> None:
    site.script("many", MANY)
    page, wire = watched(visit("alice"), "many")
    watching = Watching(page)
    page.get_by_role("button", name="Change nothing").click()
    eventually(page, lambda: wire.finished == 1, "the run ends")
    assert wire.deltas == []
    assert watching.changed == set()


def test_an_insert_at_the_top_leaves_the_inputs_below_mounted(visit: Visit, site: SiteServer) -> None:
    site.script("top", TOP)
    page, wire = watched(visit("alice"), "top")
    watching = Watching(page)
    page.get_by_role("button", name="Show it").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Stands at the top")).to_be_visible()
    eventually(page, lambda: wire.finished > 0, "the run ends")
    run_is_over(page)
    assert [delta.WhichOneof("change") for delta in wire.deltas] == ["insert"]
    assert watching.lost == []
    expect(page.get_by_role("button", name="Show it")).to_be_focused()


def test_unsent_text_survives_an_insert_above_it(visit: Visit, site: SiteServer) -> None:
    site.script("typed", TOP)
    page, wire = watched(visit("alice"), "typed")
    watching = Watching(page)
    name = page.get_by_role("textbox", name="Name")
    name.press_sequentially("Grace Hop")
    # A saved file makes the page run again while somebody types.
    site.script("typed", TOP.replace('st.session_state.get("shown")', "True"))
    expect(page.get_by_text("Stands at the top")).to_be_visible()
    run_is_over(page)
    expect(name).to_be_focused()
    page.keyboard.type("per")
    expect(name).to_have_value("Grace Hopper")
    assert watching.lost == []
    assert [delta.WhichOneof("change") for delta in wire.deltas] == ["insert"]
    assert wire.events == []
