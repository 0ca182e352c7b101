"""The admin's list of sessions updates by itself and leaves alone what a person is doing in it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.live_list import ADDRESS, list_shows, rows_of, shown_rows
from tests.browser.site_server import SiteServer
from tests.browser.visitor import eventually, run_is_over

FOLLOWED = """
# title: Followed
from scriptapps import st

runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
st.write(f"Run {runs}")
if st.button("Work"):
    while True:
        pass
"""
SEARCH = f"{ADDRESS}?q=followed"


@pytest.fixture(autouse=True)
def followed(site: SiteServer) -> None:
    """The script of these tests, and nobody in it."""
    site.script("followed", FOLLOWED)
    site.shell(
        "from scriptapps.models import ScriptSession",
        "ScriptSession.objects.filter(script_app__slug='followed').close()",
    )


def follows(page: Page, expected: list[tuple[str, str, str]]) -> None:
    """Wait until the list that is shown has these users, states and runs, without loading it again."""

    def look() -> list[tuple[str, str, str]]:
        return sorted((row["user"], row["state"], row["runs"]) for row in shown_rows(page))

    try:
        eventually(page, lambda: look() == expected, f"the list shows {expected}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it shows {look()}") from None


def rerun(page: Page) -> None:
    """Run the script once more."""
    page.keyboard.press("r")
    run_is_over(page)


def test_the_list_follows_a_session_that_opens_runs_and_closes(visit: Visit, site: SiteServer) -> None:
    staff = visit("admin").tab(SEARCH)
    list_shows(staff, "followed", lambda rows: rows == [], "nobody is there")
    bobs = visit("bob").open("followed")
    # An empty list has no table: the page loads itself again, once.
    expect(staff.get_by_role("rowheader", name="bob")).to_be_visible()
    follows(staff, [("bob", "idle", "1")])
    expect(staff.get_by_text("1 script session")).to_be_visible()
    # From here on the page is never loaded again.
    staff.evaluate("window.same = true")
    [row] = shown_rows(staff)
    assert (row["script app"], row["trigger"].endswith("opened"), row["viewers"]) == ("followed", True, "1")
    bobs.get_by_role("button", name="Work").click()
    follows(staff, [("bob", "running", "1")])
    bobs.get_by_role("button", name="Stop", exact=True).click()
    follows(staff, [("bob", "idle", "2")])
    alices = visit("alice").open("followed")
    follows(staff, [("alice", "idle", "1"), ("bob", "idle", "2")])
    alices.close()
    follows(staff, [("alice", "away", "1"), ("bob", "idle", "2")])
    site.shell(
        "from scriptapps.models import ScriptSession",
        "ScriptSession.objects.filter(script_app__slug='followed', user__username='bob').close()",
    )
    follows(staff, [("alice", "away", "1")])
    expect(staff.get_by_text("1 script session")).to_be_visible()
    assert staff.evaluate("window.same")


def test_choice_focus_and_what_is_typed_survive_updates(visit: Visit) -> None:
    alices, bobs = visit("alice").open("followed"), visit("bob").open("followed")
    staff = visit("admin").tab(SEARCH)
    follows(staff, [("alice", "idle", "1"), ("bob", "idle", "1")])
    staff.evaluate("window.same = true")
    staff.get_by_role("row").filter(has=staff.get_by_role("rowheader", name="bob")).get_by_role("checkbox").check()
    expect(staff.get_by_text("1 of 2 selected")).to_be_visible()
    link = staff.get_by_role("rowheader", name="alice").get_by_role("link")
    link.focus()
    rerun(alices)
    rerun(bobs)
    follows(staff, [("alice", "idle", "2"), ("bob", "idle", "2")])
    expect(link).to_be_focused()
    box = staff.get_by_role("textbox", name="Search")
    box.fill("half a wo")
    other = visit("alice").open("followed")
    follows(staff, [("alice", "idle", "1"), ("alice", "idle", "2"), ("bob", "idle", "2")])
    expect(box).to_have_value("half a wo")
    expect(box).to_be_focused()
    expect(staff.get_by_text("1 of 3 selected")).to_be_visible()
    assert [row.get_by_role("checkbox").is_checked() for row in rows_of(staff)].count(True) == 1
    # The row that came by itself is chosen like the others, and acted upon.
    staff.locator("#action-toggle").check()
    expect(staff.get_by_text("3 of 3 selected")).to_be_visible()
    assert staff.evaluate("window.same")
    staff.get_by_label("Action:").select_option(label="Rerun selected sessions")
    staff.get_by_role("button", name="Go").click()
    question = staff.get_by_role("main").locator("dl")
    expect(question).to_contain_text("Sessions3 3 are being looked at")
    expect(question).to_contain_text("People2 2 users")
    staff.get_by_role("button", name="Yes, rerun").click()
    expect(staff.get_by_text("3 sessions were asked to rerun.")).to_be_visible()
    expect(other.get_by_text("Run 2")).to_be_visible()


def test_it_rests_while_paused_or_hidden(visit: Visit) -> None:
    alices = visit("alice").open("followed")
    visitor = visit("admin")
    staff, beside = visitor.tab(SEARCH), visitor.tab()
    switch = staff.get_by_role("button", name="Live")
    expect(switch).to_have_attribute("aria-pressed", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    rerun(alices)
    list_shows(beside, "followed", lambda rows: [row["runs"] for row in rows] == ["2"], "the second run is in the row")
    assert [row["runs"] for row in shown_rows(staff)] == ["1"]
    switch.click()
    follows(staff, [("alice", "idle", "2")])
    _visibility(staff, "hidden")
    rerun(alices)
    list_shows(beside, "followed", lambda rows: [row["runs"] for row in rows] == ["3"], "the third run is in the row")
    assert [row["runs"] for row in shown_rows(staff)] == ["2"]
    _visibility(staff, "visible")
    follows(staff, [("alice", "idle", "3")])


def _visibility(page: Page, state: str) -> None:
    page.evaluate(
        """state => {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_it_says_when_it_cannot_update(visit: Visit) -> None:
    alices = visit("alice").open("followed")
    visitor = visit("admin", fresh=True)
    visitor.allowed.append("net::ERR_FAILED")
    staff = visitor.tab(SEARCH)
    note = staff.get_by_role("status")
    expect(note).to_have_text("")
    staff.route("**/scriptsession/**", lambda route: route.abort())
    expect(note).to_have_text("Not updating: the server does not answer. Trying again …")
    staff.unroute("**/scriptsession/**")
    rerun(alices)
    follows(staff, [("alice", "idle", "2")])
    expect(note).to_have_text("")
    visitor.context.clear_cookies()
    expect(note).to_have_text("Not updating: you are signed out, or may not see this list any more.")
    asked = len(visitor.requests)
    expect(staff.get_by_role("button", name="Live")).to_be_disabled()
    _visibility(staff, "visible")
    assert len(visitor.requests) == asked


def test_it_reads_without_javascript(visit: Visit) -> None:
    visit("alice").open("followed")
    visit("admin").tab("/admin/").close()
    staff = visit("admin", java_script_enabled=False).tab()
    list_shows(staff, "followed", lambda rows: [row["runs"] for row in rows] == ["1"], "the list reads")
    expect(staff.get_by_role("button", name="Live")).to_have_count(0)


def test_it_fits_beside_both_side_bars(visit: Visit, site: SiteServer) -> None:
    site.shell(
        "from scriptapps.models import ScriptApp, ScriptSession",
        "user = User.objects.create_user('somebody.with.a.long.name@an-even-longer-company.example')",
        "row = ScriptApp.objects.create(slug='followed-long', title='A script app with quite a long title')",
        "ScriptSession.objects.create(script_app=row, user=user, node='a-long-host-name-12345-abcdef', viewers=12,"
        " runs=123456, last_run_ms=187654, last_outcome='compile_error', last_trigger='model change',"
        " memory_bytes=987654321)",
    )
    staff = visit("admin", viewport={"width": 1280, "height": 800}).tab(f"{ADDRESS}?q=followed-long")
    assert len(shown_rows(staff)) == 1
    wide, room = staff.evaluate(
        "(e => [e.scrollWidth, e.clientWidth])(document.querySelector('#result_list').parentElement)"
    )
    assert wide <= room
    site.shell("from scriptapps.models import ScriptApp", "ScriptApp.objects.filter(slug='followed-long').delete()")
