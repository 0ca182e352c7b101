"""Every widget by keyboard alone, and what a page remembers of its own over reruns."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import metric, run_is_over
from tests.browser.watching import Watching

ALL = """
from datetime import date
from scriptapps import st

text = st.text_input("Text", "Ada")
area = st.text_area("Area", "one")
whole = st.number_input("Whole", 0, 100, 25)
exact = st.number_input("Exact", value=1.5, step=0.25)
single = st.slider("Single", 0, 100, 30)
pair = st.slider("Pair", 0, 10, (2, 8))
day = st.slider("Day", date(2026, 1, 1), date(2026, 12, 31), date(2026, 6, 1))
box = st.checkbox("Box")
switch = st.toggle("Switch")
one = st.selectbox("One", ["Web", "Store", "Partner"])
several = st.multiselect("Several", ["Atlas", "Borealis", "Comet"], ["Atlas"])
which = st.radio("Which", ["CSV", "Excel", "Parquet"])
count = st.session_state.setdefault("count", 0)
if st.button("Press"):
    count = st.session_state.count = count + 1
values = {
    "text": text, "area": area, "whole": whole, "exact": exact, "single": single, "pair": pair, "day": day,
    "box": box, "switch": switch, "one": one, "several": several, "which": which, "count": count,
}
for name, value in values.items():
    st.text(f"{name} is {value}")
"""


def shows(page: Page, line: str) -> None:
    """Wait for a line of the script's own account of its values."""
    expect(page.get_by_text(line, exact=True)).to_be_visible()


def opened(visit: Visit, site: SiteServer) -> Page:
    """A page with every widget."""
    site.script("all_widgets", ALL)
    return visit("alice").open("all_widgets")


def test_texts_and_numbers_by_keyboard(visit: Visit, site: SiteServer) -> None:
    page = opened(visit, site)
    keyboard = page.keyboard
    page.get_by_role("textbox", name="Text").focus()
    keyboard.press("End")
    keyboard.type(" Lovelace")
    keyboard.press("Enter")
    shows(page, "text is Ada Lovelace")
    keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Area")).to_be_focused()
    keyboard.press("Control+End")
    keyboard.type(" two")
    keyboard.press("Control+Enter")
    shows(page, "area is one two")
    keyboard.press("Tab")
    whole = page.get_by_role("spinbutton", name="Whole")
    expect(whole).to_be_focused()
    keyboard.press("ArrowUp")
    shows(page, "whole is 26")
    keyboard.press("Control+A")
    keyboard.type("700")
    keyboard.press("Tab")
    # More than is allowed becomes the most that is allowed.
    shows(page, "whole is 100")
    expect(whole).to_have_value("100")
    expect(page.get_by_role("spinbutton", name="Exact")).to_be_focused()
    keyboard.press("ArrowDown")
    shows(page, "exact is 1.25")


def test_sliders_by_keyboard(visit: Visit, site: SiteServer) -> None:
    page = opened(visit, site)
    keyboard = page.keyboard
    page.get_by_role("slider", name="Single").focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft"):
        keyboard.press(key)
    shows(page, "single is 31")
    keyboard.press("Home")
    shows(page, "single is 0")
    keyboard.press("End")
    shows(page, "single is 100")
    keyboard.press("Tab")
    expect(page.get_by_role("slider", name="Pair (from)")).to_be_focused()
    keyboard.press("ArrowRight")
    shows(page, "pair is (3, 8)")
    keyboard.press("End")
    # The lower end stops at the upper one.
    shows(page, "pair is (8, 8)")
    keyboard.press("Tab")
    keyboard.press("ArrowRight")
    shows(page, "pair is (8, 9)")
    keyboard.press("Tab")
    keyboard.press("ArrowRight")
    shows(page, "day is 2026-06-02")


def test_choices_by_keyboard(visit: Visit, site: SiteServer) -> None:
    page = opened(visit, site)
    keyboard = page.keyboard
    page.get_by_role("checkbox", name="Box").focus()
    keyboard.press("Space")
    shows(page, "box is True")
    keyboard.press("Tab")
    expect(page.get_by_role("switch", name="Switch")).to_be_focused()
    keyboard.press("Space")
    shows(page, "switch is True")
    keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="One")).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        keyboard.press(key)
    shows(page, "one is Store")
    keyboard.type("part")
    keyboard.press("Enter")
    shows(page, "one is Partner")
    keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox")).to_be_visible()
    keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Several")).to_be_focused()
    keyboard.type("com")
    keyboard.press("Enter")
    shows(page, "several is ['Atlas', 'Comet']")
    keyboard.press("Backspace")
    shows(page, "several is ['Atlas']")
    keyboard.press("Tab")
    expect(page.get_by_role("radio", name="CSV")).to_be_focused()
    keyboard.press("ArrowDown")
    shows(page, "which is Excel")
    keyboard.press("Tab")
    expect(page.get_by_role("button", name="Press")).to_be_focused()
    keyboard.press("Enter")
    shows(page, "count is 1")
    keyboard.press("Space")
    shows(page, "count is 2")


def test_the_page_menu_by_keyboard(visit: Visit) -> None:
    page = visit("alice").open("counter")
    menu = page.get_by_role("button", name="Page menu")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Rerun")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    expect(page.get_by_role("menuitem", name="Rerun")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(menu).to_be_focused()


def test_the_gallery_works_by_keyboard(visit: Visit) -> None:
    page = visit("bob").open("widgets")
    page.get_by_role("tab", name="Text").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Inputs")).to_be_focused()
    page.get_by_text("What these return").click()
    values = page.get_by_role("tabpanel", name="Inputs")
    page.get_by_role("textbox", name="Text", exact=True).fill("Grace")
    page.keyboard.press("Enter")
    expect(values).to_contain_text(re.compile("Grace.*", re.S))
    page.get_by_role("switch", name="Loud").focus()
    page.keyboard.press("Space")
    volume = page.get_by_role("slider", name="Volume")
    expect(volume).to_be_enabled()
    page.keyboard.press("Tab")
    expect(volume).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(volume).to_have_value("41")
    page.get_by_role("button", name="Primary").focus()
    page.keyboard.press("Enter")
    run_is_over(page)
    expect(page.get_by_role("button", name="Primary")).to_be_focused()


def test_every_tab_of_the_gallery_shows_its_elements(visit: Visit) -> None:
    page = visit("bob").open("widgets")
    watching = Watching(page)
    for name, text in {
        "Text": "A caption, small and quiet.",
        "Inputs": "Radio in a row",
        "Layout": "Two thirds",
        "Messages": "Quarter target: 64 % reached",
        "Data": "first of the month",
    }.items():
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel", name=name).get_by_text(text).first).to_be_visible()
    page.get_by_role("tab", name="Charts").click()
    for name in ("Line chart: Web, Store, Partner", "Bar chart: Web, Store"):
        expect(page.get_by_role("img", name=name)).to_be_visible()
    assert watching.lost == []


REMEMBERED = """
from scriptapps import st

runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
st.button("Again")
st.metric("Runs", runs)
first, second = st.tabs(["First", "Second"])
first.write("In the first")
second.write(f"In the second, run {runs}")
with st.expander("Fold"):
    st.write("Unfolded")
if st.button("Tell"):
    st.toast("Told")
"""


def test_tabs_and_expanders_stay_as_they_are_over_reruns_and_reloads(visit: Visit, site: SiteServer) -> None:
    site.script("remembered", REMEMBERED)
    page = visit("alice").open("remembered")
    page.get_by_role("tab", name="Second").click()
    page.get_by_text("Fold", exact=True).click()
    expect(page.get_by_text("Unfolded")).to_be_visible()
    page.get_by_role("button", name="Again").click()
    expect(metric(page, "Runs")).to_contain_text("2")
    for _ in range(2):
        expect(page.get_by_text("In the second, run 2")).to_be_visible()
        expect(page.get_by_text("In the first")).to_be_hidden()
        expect(page.get_by_text("Unfolded")).to_be_visible()
        page.reload()
        run_is_over(page)


def test_a_toast_is_seen_and_can_be_dismissed(visit: Visit, site: SiteServer) -> None:
    site.script("remembered", REMEMBERED)
    page = visit("alice").open("remembered")
    page.get_by_role("button", name="Tell").click()
    notes = page.get_by_role("region", name="Notifications")
    expect(notes).to_contain_text("Told")
    # The next run does not say it again, and does not take it away.
    page.get_by_role("button", name="Again").click()
    expect(metric(page, "Runs")).to_contain_text("3")
    expect(notes.get_by_text("Told")).to_have_count(1)
    notes.get_by_role("button", name="Dismiss").click()
    expect(notes.get_by_text("Told")).to_have_count(0)


def test_a_table_sorts_by_its_heads(visit: Visit, site: SiteServer) -> None:
    site.script("table", "from scriptapps import st\nst.dataframe({'name': ['b', 'c', 'a'], 'size': [10, 9, 100]})\n")
    page = visit("alice").open("table")
    first = page.get_by_role("row").nth(1)
    expect(first).to_contain_text("b")
    page.get_by_role("button", name="size").click()
    expect(first).to_contain_text("c")
    page.get_by_role("button", name="size").click()
    expect(first).to_contain_text("a")
    page.get_by_role("button", name="size").click()
    expect(first).to_contain_text("b")
