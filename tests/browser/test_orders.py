"""Moving a widget: only what depends on it changes, and nobody loses the place where he was."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, eventually, metric, run_is_over
from tests.browser.watching import Watching

STEADY = """
# title: Steady
from scriptapps import st

st.title("Steady")
speed = st.slider("Speed", 0, 100, 50)
st.markdown(f"Speed is **{speed}** now.")
st.markdown("This never changes.")
st.metric("Fixed", 1)
st.metric("Twice", 2 * speed)
st.text_input("Note")
st.line_chart({"a": [1, 2, 3]})
st.dataframe({"a": [1, 2, 3]})
with st.expander("More"):
    st.write("Inside")
for number in range(40):
    st.text(f"Line {number}")
"""


def test_arrow_keys_move_the_slider_and_the_figures(visit: Visit) -> None:
    page = visit("alice").open("orders")
    months = page.get_by_role("slider", name="Months", exact=True)
    orders, revenue = metric(page, "Orders"), metric(page, "Revenue")
    expect(months).to_have_value("12")
    before = [orders.text_content() or "", revenue.text_content() or ""]
    nodes = [place.element_handle() for place in (months, orders, revenue)]
    months.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(months).to_have_value("6")
    expect(orders).not_to_have_text(before[0])
    expect(revenue).not_to_have_text(before[1])
    expect(months).to_be_focused()
    assert all(node.evaluate("node => node.isConnected") for node in nodes), "an element was replaced"


def test_every_filter_of_the_dashboard_changes_its_figures(visit: Visit) -> None:
    page = visit("alice").open("orders")
    orders = metric(page, "Orders")
    all_of_them = orders.text_content() or ""
    region = page.get_by_role("combobox", name="Region")
    region.click()
    page.get_by_role("option").nth(1).click()
    expect(orders).not_to_have_text(all_of_them)
    page.get_by_role("button", name="Clear: Region").click()
    expect(orders).to_have_text(all_of_them)
    page.get_by_role("switch", name="Compare with the time before").click()
    expect(orders).not_to_contain_text("%")


def test_only_the_changed_elements_change(visit: Visit, site: SiteServer) -> None:
    site.script("steady", STEADY)
    page = visit("alice").open("steady")
    speed = page.get_by_role("slider", name="Speed")
    expect(page.get_by_text("Speed is 50 now.")).to_be_visible()
    expect(page.get_by_role("img").first).to_be_visible()
    expect(page.get_by_role("columnheader").first).to_be_visible()
    watching = Watching(page)
    speed.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Speed is 51 now.")).to_be_visible()
    expect(metric(page, "Twice")).to_contain_text("102")
    run_is_over(page)
    assert watching.lost == []
    assert {name.split()[0] for name in watching.changed} == {"slider", "markdown", "metric"}
    assert not any(re.search("never|Fixed", name) for name in watching.changed)


def test_focus_and_scroll_stay(visit: Visit, site: SiteServer) -> None:
    site.script("steady", STEADY)
    page = visit("alice", viewport={"width": 900, "height": 420}).open("steady")
    speed = page.get_by_role("slider", name="Speed")
    speed.focus()
    page.mouse.move(600, 300)
    page.mouse.wheel(0, 150)
    eventually(page, lambda: page.evaluate("scrollY") > 50, "the page scrolls")
    eventually(
        page,
        lambda: page.evaluate("new Promise(d => { const y = scrollY; requestAnimationFrame(() => d(scrollY === y)) })"),
        "the page comes to rest",
    )
    scroll = page.evaluate("scrollY")
    page.keyboard.press("End")
    expect(page.get_by_text("Speed is 100 now.")).to_have_count(1)
    run_is_over(page)
    expect(speed).to_be_focused()
    assert page.evaluate("scrollY") == scroll


def test_text_being_typed_survives_a_rerun_with_its_caret(visit: Visit, site: SiteServer) -> None:
    site.script("caret", STEADY)
    alice = visit("alice")
    page = alice.tab()
    wire = Wire(page)
    page.goto("/apps/caret/")
    run_is_over(page)
    note = page.get_by_role("textbox", name="Note")
    note.press_sequentially("not sent yet")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    wire.forget()
    site.script("caret", STEADY.replace("This never changes.", "This changed once."))
    expect(page.get_by_text("This changed once.")).to_be_visible()
    run_is_over(page)
    assert wire.events == [], "half a text was sent"
    expect(note).to_be_focused()
    page.keyboard.type("!")
    expect(note).to_have_value("not sent! yet")
