"""Staff see every live session in the admin and steer it; the person's page follows at once."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.live_list import act, list_shows, read_list
from tests.browser.site_server import SiteServer
from tests.browser.visitor import run_is_over

STEERED = """
# title: Steered
from scriptapps import st

runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
st.write(f"Run {runs}")
st.code(st.session_id())
if st.button("Work"):
    st.write("Working")
    while True:
        pass
"""
SOON = 5_000


def session_of(page: Page) -> str:
    """The id that the script shows."""
    return page.get_by_role("code").inner_text()


@pytest.fixture(autouse=True)
def steered(site: SiteServer) -> None:
    """The script of these tests."""
    site.script("steered", STEERED)


def test_the_live_list_is_true_for_two_people(visit: Visit) -> None:
    alice, bob, staff = visit("alice", fresh=True), visit("bob", fresh=True), visit("admin").tab()
    alices, bobs = alice.open("steered"), bob.open("steered")
    rows = list_shows(
        staff,
        "steered",
        lambda rows: (
            sorted((row["user"], row["runs"], row["viewers"]) for row in rows if row["viewers"] != "0")
            == [("alice", "1", "1"), ("bob", "1", "1")]
        ),
        "both people, one run each",
    )
    assert {row["state"] for row in rows} == {"idle"}
    assert all("completed" in row["last run"] for row in rows)
    bobs.get_by_role("button", name="Work").click()
    expect(bobs.get_by_text("Working")).to_be_visible()
    list_shows(
        staff,
        "steered",
        lambda rows: (
            {row["user"]: row["state"] for row in rows if row["viewers"] != "0"} == {"alice": "idle", "bob": "running"}
        ),
        "Bob's is running, Alice's is not",
    )
    alices.close()
    list_shows(
        staff,
        "steered",
        lambda rows: {row["user"]: row["viewers"] for row in rows} == {"alice": "0", "bob": "1"},
        "nobody looks at Alice's any more",
    )
    bobs.get_by_role("button", name="Stop", exact=True).click()
    list_shows(
        staff,
        "steered",
        lambda rows: any(row["user"] == "bob" and "stopped" in row["last run"] for row in rows),
        "Bob's run was stopped",
    )


def test_rerun_stop_and_close_reach_the_page(visit: Visit) -> None:
    page, staff = visit("bob").open("steered"), visit("admin").tab()
    session = session_of(page)
    page.get_by_role("button", name="Work").click()
    expect(page.get_by_text("Working")).to_be_visible()
    act(staff, "Stop the runs of selected sessions", session)
    expect(page.get_by_role("region", name="Notifications")).to_contain_text("Stopped", timeout=SOON)
    run_is_over(page)
    act(staff, "Rerun selected sessions", session)
    expect(staff.get_by_text("1 session was asked to rerun.")).to_be_visible()
    expect(page.get_by_text("Run 3")).to_be_visible(timeout=SOON)
    act(staff, "Close selected sessions", session)
    note = page.get_by_role("alert").filter(has_text="This session was closed.")
    expect(note).to_be_visible(timeout=SOON)
    list_shows(staff, session, lambda rows: rows == [], "a closed session is not live")
    note.get_by_role("button", name="Start again").click()
    expect(page.get_by_text("Run 1")).to_be_visible()
    expect(note).to_have_count(0)
    assert session_of(page) != session


def test_the_detail_page_has_the_same_buttons(visit: Visit) -> None:
    page = visit("bob").open("steered")
    staff = visit("admin").tab(f"/admin/scriptapps/scriptsession/{session_of(page)}/change/")
    staff.get_by_role("button", name="Rerun").click()
    expect(page.get_by_text("Run 2")).to_be_visible(timeout=SOON)
    staff.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="This session was closed.")).to_be_visible(timeout=SOON)


def test_a_shell_moves_widgets_shows_a_notice_and_closes_with_a_message(visit: Visit, site: SiteServer) -> None:
    site.script(
        "asked",
        "# title: Asked\n"
        "from scriptapps import st\n"
        'region = st.selectbox("Region", ["EU", "US"], key="region", index=1)\n'
        'heat = st.slider("Heat", 0, 100, 5, key="heat")\n'
        'st.write(f"{region} at {heat}")\n',
    )
    hers, his = visit("alice", fresh=True).open("asked"), visit("bob", fresh=True).open("asked")
    expect(hers.get_by_text("US at 5")).to_be_visible()
    find = (
        "from scriptapps.models import ScriptSession",
        "hers = ScriptSession.objects.live().filter(script_app__slug='asked', user__username='alice')",
    )
    site.shell(*find, "assert hers.rerun(values={'region': 'EU', 'heat': 80}, wait=True)")
    expect(hers.get_by_text("EU at 80")).to_be_visible()
    expect(hers.get_by_role("combobox", name="Region")).to_have_value("EU")
    expect(hers.get_by_role("slider", name="Heat", exact=True)).to_have_value("80")
    site.shell(*find, "hers.notify('Lunch is **ready**', icon='🍜')")
    expect(hers.get_by_role("region", name="Notifications")).to_contain_text("Lunch is ready")
    site.shell(*find, "hers.close('We are moving; come back at noon.')")
    note = hers.get_by_role("alert").filter(has_text="This session was closed.")
    expect(note).to_contain_text("We are moving; come back at noon.")
    note.get_by_role("button", name="Start again").click()
    expect(hers.get_by_text("US at 5")).to_be_visible()
    expect(note).to_have_count(0)
    expect(his.get_by_text("US at 5")).to_be_visible()


@pytest.fixture(scope="module")
def clerk(site: SiteServer) -> str:
    """A member of staff who may look at sessions and nothing else."""
    site.shell(
        "from django.contrib.auth.models import Permission",
        "clerk = User.objects.create_user('clerk', password='clerk', is_staff=True)",
        "clerk.user_permissions.add(Permission.objects.get(codename='view_scriptsession'))",
    )
    return "clerk"


def test_staff_without_the_permissions_cannot_act(visit: Visit, clerk: str) -> None:
    page, staff = visit("bob").open("steered"), visit(clerk).tab()
    [row] = list_shows(staff, session_of(page), lambda rows: len(rows) == 1, "the clerk sees the session")
    assert row["user"] == "bob"
    expect(staff.get_by_label("Action:")).to_have_count(0)
    staff.get_by_role("rowheader", name="bob").get_by_role("link").click()
    expect(staff.get_by_role("heading", name="View script session")).to_be_visible()
    for name in ("Rerun", "Stop run", "Close"):
        expect(staff.get_by_role("button", name=name)).to_have_count(0)


def test_people_without_staff_status_do_not_see_the_list(visit: Visit) -> None:
    page = visit("alice").tab("/admin/scriptapps/scriptsession/")
    expect(page.get_by_role("heading", name="Select script session")).to_have_count(0)
    expect(page.get_by_text("not authorized")).to_be_visible()
    assert read_list(visit("admin").tab(), "nobody-of-this-name") == []
