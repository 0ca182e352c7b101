"""A server that ends and comes back: open pages come back by themselves, with what was on them."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import metric, run_is_over
from tests.browser.watching import Watching

# What a browser prints while there is nobody at the other end.
GONE = ["ERR_CONNECTION_REFUSED", "WebSocket connection to", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"]


@pytest.fixture
def server(site: SiteServer) -> Iterator[SiteServer]:
    """The server, which runs again afterwards."""
    yield site
    if not site.answers():
        site.start()


def reconnected(page: Page) -> None:
    """Wait until the page says no more that it reconnects; the pause between its attempts grows to seconds."""
    expect(page.get_by_text("Reconnecting")).to_have_count(0, timeout=40_000)
    run_is_over(page)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
def test_an_open_page_comes_back_after_a_restart(visit: Visit, server: SiteServer, end: int) -> None:
    alice = visit("alice", fresh=True)
    alice.allowed += GONE
    page = alice.open("counter")
    step = page.get_by_role("slider", name="Step")
    step.focus()
    page.keyboard.press("ArrowRight")
    expect(step).to_have_value("2")
    page.get_by_role("button", name="Add").click()
    expect(metric(page, "Count")).to_contain_text("2")
    run_is_over(page)
    server.stop(with_signal=end)
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    expect(metric(page, "Count")).to_contain_text("2")
    server.start()
    reconnected(page)
    expect(step).to_have_value("2")
    page.get_by_role("button", name="Add").click()
    expect(metric(page, "Count")).to_contain_text("4")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_done_meanwhile_is_sent_when_the_server_is_back(visit: Visit, server: SiteServer) -> None:
    alice = visit("alice", fresh=True)
    alice.allowed += GONE
    page = alice.open("guest")
    server.stop()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    page.get_by_role("checkbox", name="Express").check()
    before = metric(page, "Price").text_content() or ""
    server.start()
    reconnected(page)
    expect(metric(page, "Price")).not_to_have_text(before)
    expect(page.get_by_role("checkbox", name="Express")).to_be_checked()


TYPED = """
from scriptapps import st

st.title("Typed")
st.text_input("Note")
with st.form("person"):
    st.text_input("Name")
    st.form_submit_button("Send")
"""


def test_a_restart_does_not_disturb_somebody_who_types(visit: Visit, server: SiteServer) -> None:
    server.script("typed_at_restart", TYPED)
    alice = visit("alice", fresh=True)
    alice.allowed += GONE
    page = alice.open("typed_at_restart")
    page.get_by_role("textbox", name="Name").fill("a draft")
    note = page.get_by_role("textbox", name="Note")
    note.press_sequentially("half a")
    watching = Watching(page)
    server.stop()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    server.start()
    reconnected(page)
    expect(note).to_be_focused()
    page.keyboard.type(" text")
    expect(note).to_have_value("half a text")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("a draft")
    assert watching.lost == []
