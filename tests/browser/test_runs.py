"""Runs as a person meets them: stopping, failing, many at once, clicks that count."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, choose, eventually, metric, run_is_over

FOR_EVER = """
from scriptapps import st

st.title("For ever")
if st.button("Go"):
    st.write("Working")
    while True:
        pass
st.write("Done")
"""
QUICK = """
import time
from scriptapps import st

level = st.slider("Level", 0, 100, 0)
runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
time.sleep(0.05)
st.write(f"Level {level}")
"""
CLICKS = """
import time
from scriptapps import st

clicks = st.session_state.setdefault("clicks", 0)
if st.button("Click"):
    time.sleep(0.1)
    clicks = st.session_state.clicks = clicks + 1
st.metric("Clicks", clicks)
"""
RAISES = """
from scriptapps import st

def half(number):
    return number // 0

st.write("Before the error")
if st.checkbox("Fail"):
    half(8)
st.write("After the error")
"""


def test_an_endless_loop_is_stopped_by_the_button(visit: Visit, site: SiteServer) -> None:
    site.script("for_ever", FOR_EVER)
    alice = visit("alice")
    page = alice.open("for_ever")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("Working")).to_be_visible()
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_visible()
    # The server answers meanwhile, also with a run of another script.
    other = alice.open("counter")
    other.get_by_role("button", name="Add").click()
    expect(metric(other, "Count")).to_contain_text("1")
    stop.click()
    # Within a second, with room for a machine that has other things to do.
    expect(stop).to_have_count(0, timeout=3_000)
    expect(page.get_by_role("region", name="Notifications")).to_contain_text("Stopped")
    choose(page, "Rerun")
    expect(page.get_by_text("Done")).to_be_visible()


def test_the_demo_stops_too(visit: Visit) -> None:
    page = visit("bob").open("long_work")
    page.get_by_role("button", name="Pack parcels").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("region", name="Notifications")).to_contain_text("Stopped")
    run_is_over(page)
    # What was shown stays, also what the run had not come to; nothing pretends to be going on.
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("button", name="Work for ever")).to_be_visible()
    expect(page.locator("script-app .spin")).to_have_count(0)


def test_an_error_shows_where_it_happened(visit: Visit, site: SiteServer) -> None:
    site.script("raises", RAISES)
    page = visit("alice").open("raises")
    page.get_by_role("checkbox", name="Fail").check()
    report = page.get_by_role("alert")
    expect(report).to_contain_text("ZeroDivisionError")
    expect(report).to_contain_text("raises.py:9")
    expect(report).to_contain_text("raises.py:5")
    expect(report).to_contain_text("return number // 0")
    expect(page.get_by_text("Before the error")).to_be_visible()
    expect(page.get_by_text("After the error")).to_have_count(0)
    page.get_by_role("checkbox", name="Fail").uncheck()
    expect(report).to_have_count(0)
    expect(page.get_by_text("After the error")).to_be_visible()


def test_fifty_quick_moves_are_few_runs_and_end_at_the_last_value(visit: Visit, site: SiteServer) -> None:
    site.script("quick", QUICK)
    page = visit("alice").tab()
    wire = Wire(page)
    page.goto("/apps/quick/")
    run_is_over(page)
    wire.forget()
    level = page.get_by_role("slider", name="Level")
    # As fast as a hand can drag: one input event per value, all within one task of the browser.
    level.evaluate(
        """slider => {
          for (let value = 1; value <= 50; value++) {
            slider.value = value;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
          }
          slider.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    expect(page.get_by_text("Level 50")).to_be_visible()
    run_is_over(page)
    assert wire.runs <= 5
    level.focus()
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Level 100")).to_be_visible()
    run_is_over(page)
    expect(level).to_have_value("100")


def test_dragging_by_mouse_ends_where_the_mouse_ends(visit: Visit, site: SiteServer) -> None:
    site.script("quick", QUICK)
    page = visit("alice").open("quick")
    level = page.get_by_role("slider", name="Level")
    box = level.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=30)
    page.mouse.up()
    value = level.input_value()
    assert 65 < int(value) < 85
    expect(page.get_by_text(f"Level {value}", exact=True)).to_be_visible()


def test_a_double_click_counts_two(visit: Visit, site: SiteServer) -> None:
    site.script("clicks", CLICKS)
    page = visit("alice").tab()
    wire = Wire(page)
    page.goto("/apps/clicks/")
    run_is_over(page)
    button = page.get_by_role("button", name="Click")
    for total in (2, 4, 6):
        button.dblclick()
        expect(metric(page, "Clicks")).to_contain_text(str(total))
    # Whatever else would count has been counted once this one is through.
    button.click()
    expect(metric(page, "Clicks")).to_contain_text("7")
    run_is_over(page)
    assert sum(len(event.widget_events.events) for event in wire.events) == 7


def test_r_reruns_but_not_while_somebody_types(visit: Visit) -> None:
    alice = visit("alice")
    page = alice.tab()
    wire = Wire(page)
    page.goto("/apps/products/")
    run_is_over(page)
    wire.forget()
    name = page.get_by_role("textbox", name="Name contains")
    name.press_sequentially("r")
    expect(name).to_have_value("r")
    page.keyboard.press("Enter")
    eventually(page, lambda: wire.finished == 1, "the text is applied")
    page.get_by_role("heading", name="Products").click()
    page.keyboard.press("r")
    eventually(page, lambda: wire.finished == 2, "R reruns")
    assert len(wire.events) == 1
