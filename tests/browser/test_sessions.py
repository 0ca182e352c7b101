"""A session belongs to one person and one tab: it survives a reload, and ends with the sign-in."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.live_list import list_shows
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, eventually, metric, run_is_over

CLOSES_WITHIN = 5_000  # milliseconds


def count_to(page: Page, number: int) -> None:
    """Press the counter's button until it shows `number`, from nothing."""
    for reached in range(1, number + 1):
        page.get_by_role("button", name="Add").click()
        expect(metric(page, "Count")).to_contain_text(str(reached))


def session_of(page: Page) -> str:
    """The id that the counter's caption tells."""
    caption = page.get_by_text("in script session").inner_text()
    return caption.split("script session")[1].strip(" .")


def test_a_reload_shows_the_same_page_without_a_run(visit: Visit) -> None:
    alice, admin = visit("alice", fresh=True), visit("admin")
    page = alice.tab()
    wire = Wire(page)
    page.goto("/apps/counter/")
    run_is_over(page)
    count_to(page, 3)
    step = page.get_by_role("slider", name="Step")
    step.focus()
    page.keyboard.press("ArrowRight")
    expect(step).to_have_value("2")
    run_is_over(page)
    session = session_of(page)
    staff = admin.tab()
    [row] = list_shows(staff, session, lambda rows: bool(rows) and rows[0]["runs"] == "5", "five runs")
    wire.forget()
    page.reload()
    expect(step).to_have_value("2")
    expect(metric(page, "Count")).to_contain_text("3")
    run_is_over(page)
    assert session_of(page) == session
    assert wire.runs == 0
    [after] = list_shows(staff, session, lambda rows: bool(rows) and rows[0]["viewers"] == "1", "the tab is back")
    assert (after["user"], after["runs"]) == ("alice", row["runs"])
    page.get_by_role("button", name="Add").click()
    expect(metric(page, "Count")).to_contain_text("5")


def test_another_tab_and_another_person_have_sessions_of_their_own(visit: Visit) -> None:
    alice, bob = visit("alice"), visit("bob")
    first = alice.open("counter")
    count_to(first, 2)
    second, third = alice.open("counter"), bob.open("counter")
    for page, name in ((second, "alice"), (third, "bob")):
        expect(metric(page, "Count")).to_contain_text("0")
        expect(page.get_by_text(f"You are {name}")).to_be_visible()
    assert len({session_of(page) for page in (first, second, third)}) == 3
    count_to(third, 1)
    expect(metric(first, "Count")).to_contain_text("2")


def test_signing_out_in_another_tab_closes_the_page(visit: Visit) -> None:
    alice = visit("alice", fresh=True)
    page = alice.open("counter")
    other = alice.tab("/")
    other.get_by_role("button", name="Sign out").click()
    note = page.get_by_role("alert").filter(has_text="You are signed out.")
    expect(note).to_be_visible(timeout=CLOSES_WITHIN)
    # Nothing on the page can be reached any more.
    step = page.get_by_role("slider", name="Step")
    step.focus()
    expect(step).not_to_be_focused()
    note.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/apps/counter/$"))


def test_signing_in_again_starts_anew(visit: Visit) -> None:
    alice = visit("alice", fresh=True)
    page = alice.open("counter")
    count_to(page, 1)
    alice.tab("/").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/accounts/login/?next=/apps/counter/")
    page.get_by_label("Name").fill("bob")
    page.get_by_label("Password").fill("bob")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("You are bob")).to_be_visible()
    expect(metric(page, "Count")).to_contain_text("0")


@pytest.fixture(scope="module")
def people(site: SiteServer) -> None:
    """Accounts that may be spoiled."""
    names = "carol", "david", "erika"
    site.shell(*(f"User.objects.create_user({name!r}, password={name!r})" for name in names))


@pytest.mark.usefixtures("people")
def test_a_new_password_closes_the_page(visit: Visit, site: SiteServer) -> None:
    page = visit("carol", fresh=True).open("counter")
    # Another process changes it: no signal tells the server, its next look every five seconds does.
    site.shell("user = User.objects.get(username='carol')", "user.set_password('another')", "user.save()")
    expect(page.get_by_role("alert").filter(has_text="You are signed out.")).to_be_visible(timeout=2 * CLOSES_WITHIN)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ["david", "erika"])
def test_an_account_that_is_closed_closes_the_page(visit: Visit, name: str) -> None:
    page = visit(name, fresh=True).open("counter")
    staff = visit("admin").tab(f"/admin/auth/user/?q={name}")
    staff.get_by_role("link", name=name).click()
    if name == "david":
        staff.get_by_label("Active").uncheck()
        staff.get_by_role("button", name="Save", exact=True).click()
        message = "You may no longer open this page."
    else:
        staff.get_by_role("link", name="Delete").click()
        staff.get_by_role("button", name="Yes, I’m sure").click()
        message = "You are signed out."
    expect(page.get_by_role("alert").filter(has_text=message)).to_be_visible(timeout=CLOSES_WITHIN)


def test_a_duplicated_tab_begins_as_a_copy_and_goes_its_own_way(visit: Visit) -> None:
    alice = visit("alice")
    page = alice.open("counter")
    count_to(page, 1)
    # What a browser does when somebody duplicates a tab: the copy has the original's session storage.
    stored = page.evaluate("JSON.stringify(sessionStorage)")
    copy = alice.context.new_page()
    copy.goto("/apps/")
    copy.evaluate(
        "stored => Object.entries(JSON.parse(stored)).forEach(([key, value]) => sessionStorage.setItem(key, value))",
        stored,
    )
    copy.goto("/apps/counter/")
    run_is_over(copy)
    expect(metric(copy, "Count")).to_contain_text("1")
    assert session_of(copy) != session_of(page)
    page.get_by_role("button", name="Add").click()
    expect(metric(page, "Count")).to_contain_text("2")
    for count in (2, 3):
        copy.get_by_role("button", name="Add").click()
        expect(metric(copy, "Count")).to_contain_text(str(count))
    expect(metric(page, "Count")).to_contain_text("2")


def test_going_back_to_the_page_finds_it_as_it_was(visit: Visit) -> None:
    page = visit("alice").open("counter")
    count_to(page, 2)
    session = session_of(page)
    page.goto("/apps/")
    page.go_back()
    expect(metric(page, "Count")).to_contain_text("2")
    assert session_of(page) == session
    page.get_by_role("button", name="Add").click()
    expect(metric(page, "Count")).to_contain_text("3")
    eventually(page, lambda: page.get_by_role("alert").count() == 0, "nothing complains")
