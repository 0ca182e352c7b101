"""Parts of a page that live by themselves: fragments, clocks, threads that feed it, tasks that survive a reload."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, eventually, metric, run_is_over

PARTS = """
from scriptapps import st

runs = st.session_state.runs = st.session_state.get("runs", 0) + 1

@st.fragment
def part():
    parts = st.session_state.parts = st.session_state.get("parts", 0) + 1
    st.button("Only this")
    st.text(f"part {parts}")

st.text_area("Note")
part()
st.text(f"whole {runs}")
"""
TICKS = """
from scriptapps import st

@st.fragment(run_every=0.2)
def clock():
    ticks = st.session_state.ticks = st.session_state.get("ticks", 0) + 1
    st.text(f"tick {ticks}")

clock()
"""
FEED = """
import time
from pathlib import Path
from scriptapps import st

def feed():
    shown, number = st.empty(), 0
    while True:
        time.sleep(0.05)
        number += 1
        shown.text(f"fed {{number}}")
        Path({file!r}).write_text(str(number))

st.background(feed)
"""
STACKED = """
import time
from scriptapps import st

def line(label):
    st.text(label)

def thread():
    line("Third")
    while True:
        time.sleep(0.05)

with st.container(horizontal=True):
    line("First")
    st.fragment(line)("Second")
    st.background(thread)
    line("Fourth")
line("Below")
st.fragment(line)("In a fragment")
line("Last")
"""


def hide(page: Page, *, hidden: bool) -> None:
    """What a browser does with a tab in the background; headless ones have none."""
    page.evaluate(
        """hidden => {
          for (const [name, value] of [["visibilityState", hidden ? "hidden" : "visible"], ["hidden", hidden]])
            Object.defineProperty(document, name, { get: () => value, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def number(page: Page, word: str) -> int:
    """The number after this word on the page."""
    return int(page.get_by_text(f"{word} ").inner_text().removeprefix(f"{word} "))


def test_only_the_fragment_runs_and_what_is_typed_elsewhere_stays(visit: Visit, site: SiteServer) -> None:
    site.script("parts", PARTS)
    page = visit("alice").open("parts")
    note = page.get_by_label("Note")
    note.press_sequentially("not sent yet")
    button = page.get_by_role("button", name="Only this")
    button.dispatch_event("click")
    expect(page.get_by_text("part 2", exact=True)).to_be_visible()
    run_is_over(page)
    expect(page.get_by_text("whole 1", exact=True)).to_be_visible()
    expect(note).to_have_value("not sent yet")
    expect(note).to_be_focused()


def test_a_clock_rests_while_its_tab_is_hidden(visit: Visit, site: SiteServer) -> None:
    site.script("ticks", TICKS)
    page = visit("alice").tab()
    wire = Wire(page)
    page.goto("/apps/ticks/")
    eventually(page, lambda: wire.runs >= 3, "the clock ticks")
    hide(page, hidden=True)
    eventually(page, lambda: any(sent.visibility.hidden for sent in wire.sent), "the server is told")
    run_is_over(page)
    # Nobody else asks for anything: what comes after this answer would be the clock's.
    other = visit("bob").open("ticks")
    before = number(other, "tick")
    seen = number(page, "tick")
    eventually(other, lambda: number(other, "tick") >= before + 5, "the clock of somebody else ticks")
    assert number(page, "tick") <= seen + 1
    hide(page, hidden=False)
    eventually(page, lambda: number(page, "tick") >= seen + 3, "it ticks again")


def test_a_thread_feeds_its_page_after_a_reload_and_ends_with_its_session(
    visit: Visit, site: SiteServer, tmp_path: Path
) -> None:
    file = tmp_path / "fed"
    site.script("feed", FEED.format(file=str(file)))
    page = visit("alice").open("feed")
    eventually(page, lambda: page.get_by_text("fed ").count() == 1 and number(page, "fed") >= 3, "it is fed")
    page.reload()
    run_is_over(page)
    # The same thread: it did not begin at one again.
    after = number(page, "fed")
    assert after >= 3
    eventually(page, lambda: number(page, "fed") >= after + 5, "it is fed after the reload")
    site.manage("scriptapps", "close", "--script-app", "feed", "--wait")
    expect(page.get_by_role("button", name="Start again")).to_be_visible()
    written = file.read_text()
    # Somebody else's thread writes to its own page meanwhile, in the same process.
    other = visit("bob").open("load_monitor")
    expect(other.get_by_text("Now ")).to_be_visible()
    assert int(file.read_text()) <= int(written) + 1


def test_the_load_monitor_keeps_going_after_a_reload(visit: Visit) -> None:
    page = visit("alice").open("load_monitor")
    expect(page.get_by_text("highest")).to_be_visible()
    wire = Wire(page)
    page.reload()
    run_is_over(page)
    expect(page.get_by_text("Runs of the whole script: 1")).to_be_visible()
    said = page.get_by_text("highest").inner_text()
    eventually(page, lambda: page.get_by_text("highest").inner_text() != said, "the thread goes on")
    clock = metric(page, "Time on the server").inner_text()
    eventually(page, lambda: metric(page, "Time on the server").inner_text() != clock, "the clock goes on")
    expect(page.get_by_text("Runs of the whole script: 1")).to_be_visible()
    assert wire.received


def test_a_task_survives_a_reload(visit: Visit) -> None:
    page = visit("alice").open("long_work")
    page.get_by_role("button", name="Count digits").click()
    expect(page.get_by_text("of 100 numbers")).to_be_visible()
    expect(page.get_by_role("button", name="Count digits")).to_be_disabled()
    page.reload()
    run_is_over(page)
    expect(page.get_by_text("of 100 numbers")).to_be_visible()
    expect(page.locator("script-app figure, script-app svg").last).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Count digits")).to_be_enabled()


def test_a_fragment_or_a_thread_takes_no_room_of_its_own(visit: Visit, site: SiteServer) -> None:
    site.script("stacked", STACKED)
    page = visit("alice").open("stacked")
    expect(page.get_by_text("Third")).to_be_visible()
    names = ("First", "Second", "Third", "Fourth", "Below", "In a fragment", "Last")
    boxes = {name: page.get_by_text(name, exact=True).bounding_box() for name in names}
    first, second, third, fourth, below, inside, last = (box for box in boxes.values() if box)
    assert first["y"] == second["y"] == third["y"] == fourth["y"]
    gaps = [
        right["x"] - left["x"] - left["width"] for left, right in ((first, second), (second, third), (third, fourth))
    ]
    assert max(gaps) - min(gaps) < 1, gaps
    assert abs((inside["y"] - below["y"]) - (last["y"] - inside["y"])) < 1
