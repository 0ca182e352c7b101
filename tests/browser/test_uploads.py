"""Uploading: by choosing and by dropping, with what goes wrong told; files are there after a reload and a restart."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.test_accessibility import axe, violations
from tests.browser.test_restart import GONE, reconnected
from tests.browser.visitor import Visitor, Wire, eventually, run_is_over

__all__ = ["axe"]

UPLOADS = """
# access: signed-in
import csv, io
from scriptapps import st

st.title("Uploads")
file = st.file_uploader("Invoice", type=["csv", "txt"], help="What came by mail.")
st.text(f"{file.name} has {len(list(csv.reader(io.TextIOWrapper(file))))} lines" if file else "no invoice")
pictures = st.file_uploader("Pictures", accept_multiple_files=True, max_upload_size=1)
st.text(f"{len(pictures)} pictures, {sum(len(one.read()) for one in pictures)} bytes")
with st.form("claim"):
    receipts = st.file_uploader("Receipts", accept_multiple_files=True)
    note = st.text_input("Note")
    if st.form_submit_button("Send"):
        st.text(f"{note}: {', '.join(one.name for one in receipts)}")
st.file_uploader("Locked", disabled=True)
st.file_uploader("Nameless", label_visibility="collapsed")
"""
LARGE = 20_000_000  # more than one part, and less than Playwright takes
CSV = FilePayload(name="march.csv", mimeType="text/csv", buffer=b"a,b\n1,2\n3,4\n")


@pytest.fixture(autouse=True)
def script(site: SiteServer) -> None:
    site.script("uploads", UPLOADS)


@pytest.fixture
def server(site: SiteServer) -> Iterator[SiteServer]:
    """The server, which runs again afterwards."""
    yield site
    if not site.answers():
        site.start()


def opened(visitor: Visitor, slug: str = "uploads") -> Page:
    """A tab with this script app, in which dialogs for choosing files are caught from the beginning."""
    page = visitor.tab()
    page.on("filechooser", lambda _: None)
    page.goto(f"/apps/{slug}/")
    run_is_over(page)
    return page


def node(page: Page, label: str) -> Locator:
    """The uploader with this label."""
    button = page.get_by_role("button", name=re.compile(f"^{label}: Choose"))
    return page.locator(".node[data-kind=file_uploader]").filter(has=button)


def choose(page: Page, label: str, *files: FilePayload) -> None:
    """Click the uploader's button and choose files in the browser's dialog."""
    with page.expect_file_chooser() as dialog:
        page.get_by_role("button", name=re.compile(f"^{label}: Choose")).click()
    dialog.value.set_files(list(files))


def picture(name: str, size: int = 10) -> FilePayload:
    return FilePayload(name=name, mimeType="image/png", buffer=b"x" * size)


class Gate:
    """Uploads of a page wait here until it is opened: all requests, or those with one method."""

    def __init__(self, page: Page, method: str = "") -> None:
        self.waiting: list[Route] = []
        self.method = method
        self.is_open = False
        page.route("**/files/**", self._take)

    def _take(self, route: Route) -> None:
        if self.is_open or self.method not in ("", route.request.method):
            route.continue_()
        else:
            self.waiting.append(route)

    def open(self) -> None:
        """From now on everything passes."""
        self.is_open = True
        for route in self.waiting:
            route.continue_()


def kept(site: SiteServer) -> set[bytes]:
    """The contents of all files that the server has."""
    return {path.read_bytes() for path in Path(site.uploads).rglob("*") if path.is_file()}


def test_an_uploaded_file_is_read_and_there_after_a_reload(visit: Visit) -> None:
    page = opened(visit("alice"))
    expect(page.get_by_text("no invoice")).to_be_visible()
    choose(page, "Invoice", CSV)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()
    expect(node(page, "Invoice").get_by_role("status")).to_have_text("march.csv is uploaded")
    page.reload()
    run_is_over(page)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()
    expect(node(page, "Invoice").get_by_role("listitem")).to_contain_text("march.csv12 bytes")
    choose(page, "Pictures", picture("one.png"))
    expect(page.get_by_text("1 pictures, 10 bytes")).to_be_visible()
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()


def test_it_is_there_after_a_restart_of_the_server(visit: Visit, server: SiteServer) -> None:
    alice = visit("alice", fresh=True)
    alice.allowed += GONE
    page = opened(alice)
    choose(page, "Invoice", CSV)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()
    server.stop()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    server.start()
    reconnected(page)
    page.reload()
    run_is_over(page)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()
    page.get_by_role("button", name="Remove march.csv").click()
    expect(page.get_by_text("no invoice")).to_be_visible()


def test_a_file_that_is_chosen_while_the_server_is_away_comes_when_it_is_back(visit: Visit, server: SiteServer) -> None:
    alice = visit("alice", fresh=True)
    alice.allowed += GONE
    page = opened(alice)
    server.stop()
    choose(page, "Invoice", CSV)
    expect(node(page, "Invoice").get_by_role("listitem")).to_contain_text("Waiting for the server")
    server.start()
    reconnected(page)
    retry = page.get_by_role("button", name="Try again: march.csv")
    read = page.get_by_text("march.csv has 3 lines")
    # On a slow machine the server may have been away for longer than the browser tried.
    expect(retry.or_(read)).to_be_visible(timeout=40_000)
    if retry.is_visible():
        retry.click()
    expect(read).to_be_visible()


def test_a_large_file_goes_on_after_a_restart_in_the_middle(visit: Visit, server: SiteServer) -> None:
    alice = visit("alice", fresh=True)
    alice.allowed += GONE
    page = opened(alice)
    gate = Gate(page, "PATCH")
    choose(page, "Receipts", FilePayload(name="large.bin", mimeType="", buffer=bytes(LARGE)))
    line = node(page, "Receipts").get_by_role("listitem")
    eventually(page, lambda: bool(gate.waiting), "the second part is on its way")
    expect(line).to_contain_text("MB / 19 MB")
    server.stop()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    server.start()
    gate.open()
    expect(page.get_by_role("button", name="Remove large.bin")).to_be_visible(timeout=40_000)
    reconnected(page)
    assert [request.method for request in alice.requests if "/files/" in request.url].count("POST") == 1
    page.get_by_role("textbox", name="Note").fill("large")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("large: large.bin")).to_be_visible()


def test_what_is_removed_is_gone_for_good(visit: Visit, site: SiteServer) -> None:
    page = opened(visit("alice"))
    one, two = picture("one.png", 1001), picture("two.png", 1002)
    choose(page, "Pictures", one, two)
    expect(page.get_by_text("2 pictures, 2003 bytes")).to_be_visible()
    assert {one["buffer"], two["buffer"]} <= kept(site)
    page.get_by_role("button", name="Remove one.png").click()
    expect(page.get_by_text("1 pictures, 1002 bytes")).to_be_visible()
    expect(page.get_by_role("button", name="Remove two.png")).to_be_focused()
    eventually(page, lambda: one["buffer"] not in kept(site), "the removed file is deleted")
    assert two["buffer"] in kept(site)
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 pictures")).to_be_visible()
    expect(page.get_by_role("button", name="Pictures: Choose files")).to_be_focused()


def test_files_chosen_together_cause_one_run(visit: Visit) -> None:
    page = visit("alice").tab()
    wire = Wire(page)
    page.on("filechooser", lambda _: None)
    page.goto("/apps/uploads/")
    run_is_over(page)
    wire.forget()
    choose(page, "Pictures", *[picture(f"{number}.png") for number in range(7)])
    expect(page.get_by_text("7 pictures, 70 bytes")).to_be_visible()
    assert len(wire.events) == 1


def test_a_second_file_takes_the_first_ones_place(visit: Visit) -> None:
    page = opened(visit("alice"))
    choose(page, "Invoice", CSV)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()
    choose(page, "Invoice", CSV | {"name": "april.csv", "buffer": b"a\n"})
    expect(page.get_by_text("april.csv has 1 lines")).to_be_visible()
    expect(node(page, "Invoice").get_by_role("listitem")).to_have_count(1)


def test_wrong_types_and_sizes_are_told_before_anything_is_sent(visit: Visit) -> None:
    alice = visit("alice")
    page = opened(alice)
    assert node(page, "Invoice").locator("input").get_attribute("accept") == ".csv,.txt"
    choose(page, "Invoice", CSV | {"name": "march.exe"})
    line = node(page, "Invoice").get_by_role("listitem")
    expect(line).to_contain_text("Only CSV, TXT can be uploaded.")
    expect(node(page, "Invoice").get_by_role("status")).to_contain_text("march.exe: Only CSV, TXT can be uploaded.")
    choose(page, "Pictures", picture("large.png", 1024 * 1024 + 1), picture("small.png"))
    expect(page.get_by_text("1 pictures, 10 bytes")).to_be_visible()
    expect(node(page, "Pictures").get_by_role("listitem").filter(has_text="large.png")).to_contain_text(
        "Larger than 1 MB."
    )
    assert [request.url for request in alice.requests if request.method == "POST" and "/files/" in request.url][
        1:
    ] == []
    page.get_by_role("button", name="Remove march.exe").click()
    expect(line).to_have_count(0)
    choose(page, "Invoice", CSV)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()


def test_progress_is_shown_and_an_upload_can_be_cancelled(visit: Visit) -> None:
    page = opened(visit("alice"))
    gate = Gate(page)
    choose(page, "Pictures", *[picture(f"{number}.png") for number in range(5)])
    lines = node(page, "Pictures").get_by_role("listitem")
    expect(lines).to_have_count(5)
    expect(lines.filter(has_text="Waiting")).to_have_count(2)
    expect(lines.nth(0).get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancel upload of 0.png").click()
    expect(lines).to_have_count(4)
    eventually(page, lambda: len(gate.waiting) >= 4, "the next file is on its way")
    gate.waiting.pop(0).abort()
    gate.open()
    expect(page.get_by_text("4 pictures, 40 bytes")).to_be_visible()


DROP = """
(zone, files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name));
  for (const type of ["dragenter", "dragover", "drop"])
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}
"""


def drop(page: Page, label: str, *files: tuple[str, str]) -> None:
    node(page, label).locator(".drop").evaluate(DROP, [list(file) for file in files])


def test_files_can_be_dropped(visit: Visit) -> None:
    page = opened(visit("alice"))
    drop(page, "Pictures", ("a.png", "12"), ("b.png", "345"))
    expect(page.get_by_text("2 pictures, 5 bytes")).to_be_visible()
    drop(page, "Invoice", ("march.csv", "a\n"), ("april.csv", "a\n"))
    expect(page.get_by_text("march.csv has 1 lines")).to_be_visible()
    drop(page, "Locked", ("a.png", "12"))
    expect(node(page, "Locked").get_by_role("listitem")).to_have_count(0)


def test_a_form_waits_for_its_files_and_sends_them_with_the_rest(visit: Visit) -> None:
    page = opened(visit("alice"))
    gate = Gate(page)
    page.get_by_role("textbox", name="Note").fill("lunch")
    choose(page, "Receipts", picture("r1.png"), picture("r2.png"))
    eventually(page, lambda: len(gate.waiting) == 2, "both are on their way")
    send = page.get_by_role("button", name="Send")
    expect(send).to_be_disabled()
    gate.open()
    expect(send).to_be_enabled()
    expect(page.get_by_text("lunch:")).to_have_count(0)
    send.click()
    expect(page.get_by_text("lunch: r1.png, r2.png")).to_be_visible()


def test_a_draft_that_is_removed_is_taken_back(visit: Visit, site: SiteServer) -> None:
    page = opened(visit("alice"))
    draft = picture("draft.png", 1003)
    choose(page, "Receipts", draft)
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    eventually(page, lambda: draft["buffer"] in kept(site), "the draft is stored")
    page.get_by_role("button", name="Remove draft.png").click()
    eventually(page, lambda: draft["buffer"] not in kept(site), "the draft is deleted")
    page.get_by_role("textbox", name="Note").fill("nothing")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("nothing:")).to_be_visible()


def fulfill(answer: dict[str, Any], route: Route) -> None:
    route.fulfill(**answer)


def test_what_the_server_refuses_is_told(visit: Visit) -> None:
    alice = visit("alice")
    alice.allowed.append(r"status of (413|507|500|403)")
    page = opened(alice)
    answers: dict[str, dict[str, Any]] = {
        "The upload failed.": {"status": 500, "body": "<h1>oops</h1>"},
        "Larger than": {"status": 413, "body": "<html>nginx</html>"},
        "There is no room for more files": {"status": 507, "json": {"error": "site_full", "message": "x"}},
        "This page may no longer take files": {"status": 403, "json": {"error": "token", "message": "x"}},
    }
    for text, answer in answers.items():
        page.route("**/files/**", partial(fulfill, answer))
        choose(page, "Invoice", CSV)
        expect(node(page, "Invoice").get_by_role("listitem")).to_contain_text(text)
        page.unroute("**/files/**")
    choose(page, "Invoice", CSV)
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()


def test_it_can_be_used_with_the_keyboard(visit: Visit) -> None:
    page = opened(visit("alice"))
    button = page.get_by_role("button", name="Invoice: Choose file")
    button.focus()
    with page.expect_file_chooser() as dialog:
        page.keyboard.press("Enter")
    dialog.value.set_files([CSV])
    expect(page.get_by_text("march.csv has 3 lines")).to_be_visible()
    expect(button).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Remove march.csv")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_text("no invoice")).to_be_visible()
    with page.expect_file_chooser():
        page.get_by_text("Invoice", exact=True).click()


def test_a_name_is_text_whatever_it_holds(visit: Visit) -> None:
    page = opened(visit("alice"))
    name = "<img src=x onerror=alert(1)>.csv"
    choose(page, "Invoice", CSV | {"name": name})
    expect(page.get_by_text(f"{name} has 3 lines")).to_be_visible()
    expect(node(page, "Invoice").get_by_text(name, exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_violations(visit: Visit, axe: str, scheme: str) -> None:
    alice = visit("alice", color_scheme=scheme)
    alice.allowed.append("status of 500")
    page = opened(alice)
    assert violations(page, axe) == ""
    choose(page, "Pictures", picture("a.png"), picture("large.png", 1024 * 1024 + 1))
    expect(page.get_by_text("1 pictures")).to_be_visible()
    assert violations(page, axe) == ""
    gate = Gate(page)
    choose(page, "Receipts", picture("r1.png"))
    eventually(page, lambda: bool(gate.waiting), "it is on its way")
    assert violations(page, axe) == ""
    gate.waiting[0].fulfill(status=500)
    expect(page.get_by_role("button", name="Try again: r1.png")).to_be_visible()
    assert violations(page, axe) == ""


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_it_fits_a_narrow_page_in_both_directions(visit: Visit, direction: str) -> None:
    page = opened(visit("alice", viewport={"width": 320, "height": 700}))
    page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
    choose(page, "Pictures", picture("a" * 120 + ".png"), picture("large.png", 1024 * 1024 + 1))
    expect(page.get_by_text("1 pictures")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    uploader = node(page, "Pictures").bounding_box()
    assert uploader is not None
    for part in node(page, "Pictures").locator("button:visible, .file-name").all():
        box = part.bounding_box()
        assert box is not None
        assert uploader["x"] - 1 <= box["x"]
        assert box["x"] + box["width"] <= uploader["x"] + uploader["width"] + 1


def test_the_import_of_products(visit: Visit) -> None:
    page = opened(visit("alice"), "import_products")
    rows = "name,category,price,in_stock\nUpload lamp,lighting,12.5,3\nNo price,lighting,x,3\n"
    choose(page, "Price list", FilePayload(name="prices.csv", mimeType="text/csv", buffer=rows.encode()))
    expect(page.get_by_role("group", name="New", exact=True)).to_contain_text("1")
    expect(page.get_by_role("group", name="Wrong", exact=True)).to_contain_text("1")
    page.get_by_role("button", name="Write 1 products").click()
    expect(page.get_by_text("1 products are written.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove prices.csv")).to_have_count(0)
    choose(page, "Price list", FilePayload(name="prices.csv", mimeType="text/csv", buffer=rows.encode()))
    expect(page.get_by_role("group", name="As they are")).to_contain_text("1")
    expect(page.get_by_role("button", name="Write 0 products")).to_be_disabled()
