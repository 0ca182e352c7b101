"""A saved snapshot: what one person saw, for others who may open the page, without a run."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, choose, metric, run_is_over

SHARED = """
# title: Shared
# access: permission shop.view_product
from scriptapps import st

st.title("Shared")
level = st.slider("Level", 0, 10, 5)
st.text_input("Name", "Ada")
st.checkbox("Agree", True)
st.selectbox("Channel", ["Web", "Store"], 1)
st.button("Press")
st.metric("Level times ten", level * 10)
with st.expander("More"):
    st.write("Inside")
st.line_chart({"a": [1, 2, 3]})
"""


def save(page: Page) -> str:
    """Save what the page shows; returns the link that the page offers."""
    choose(page, "Save snapshot")
    dialog = page.get_by_role("dialog", name="Snapshot saved")
    expect(dialog).to_be_visible()
    link = dialog.get_by_role("textbox", name="Link").input_value()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    return link


def test_another_person_sees_the_same_page_without_a_run(visit: Visit, site: SiteServer) -> None:
    site.script("shared", SHARED)
    alices = visit("alice").open("shared")
    alices.get_by_role("slider", name="Level").focus()
    alices.keyboard.press("ArrowRight")
    expect(metric(alices, "Level times ten")).to_contain_text("60")
    run_is_over(alices)
    link = save(alices)
    # What happens afterwards is not in it, not even when the script says something else.
    alices.keyboard.press("ArrowRight")
    site.script("shared", SHARED.replace("level * 10", "level * 1000"))
    bob = visit("bob")
    page = bob.tab()
    wire = Wire(page)
    page.goto(link)
    expect(metric(page, "Level times ten")).to_contain_text("60")
    expect(page.get_by_text("Saved by alice")).to_be_visible()
    expect(page.get_by_role("img").first).to_be_visible()
    level = page.get_by_role("slider", name="Level")
    expect(level).to_have_value("6")
    for control in (
        level,
        page.get_by_role("textbox", name="Name"),
        page.get_by_role("checkbox", name="Agree"),
        page.get_by_role("combobox", name="Channel"),
        page.get_by_role("button", name="Press"),
    ):
        expect(control).to_be_disabled()
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_text("Inside")).to_be_visible()
    assert wire.sockets == 0
    assert page.title() == "Shared"


def test_it_is_closed_to_those_who_may_not_open_the_script_app(visit: Visit, site: SiteServer) -> None:
    site.script("shared_narrow", SHARED.replace("view_product", "add_order"))
    link = save(visit("alice").open("shared_narrow"))
    bob = visit("bob")
    bob.allowed.append("status of 403")
    page = bob.tab(link)
    expect(page.get_by_role("heading", name="You may not open")).to_be_visible()
    assert bob.context.request.get(link).status == 403
    assert bob.context.request.get(f"{link}data/").status == 403
    stranger = visit().tab(link)
    expect(stranger).to_have_url(re.compile(r"/accounts/login/\?next="))


def test_staff_list_and_delete_it(visit: Visit, site: SiteServer) -> None:
    site.script("shared_again", SHARED.replace("Shared", "Shared again"))
    alice = visit("alice")
    link = save(alice.open("shared_again"))
    staff = visit("admin").tab("/admin/scriptapps/savedsnapshot/?q=shared_again")
    row = staff.get_by_role("main").get_by_role("row").filter(has_text="alice")
    expect(row).to_have_count(1)
    expect(row.get_by_role("link", name="Open")).to_have_attribute("href", link.removeprefix(site.url))
    row.get_by_role("checkbox").check()
    staff.get_by_label("Action:").select_option(label="Delete selected saved snapshots")
    staff.get_by_role("button", name="Go").click()
    staff.get_by_role("button", name="Yes, I’m sure").click()
    expect(staff.get_by_text("Successfully deleted 1 saved snapshot.")).to_be_visible()
    alice.allowed.append("status of 404")
    answer = alice.tab().goto(link)
    assert answer is not None
    assert answer.status == 404


def test_the_demos_dashboard_can_be_saved(visit: Visit) -> None:
    page = visit("alice").open("orders")
    orders = metric(page, "Orders").text_content() or ""
    link = save(page)
    frozen = visit("bob").tab(link)
    expect(metric(frozen, "Orders")).to_have_text(orders)
    expect(frozen.get_by_role("img").first).to_be_visible()
    expect(frozen.get_by_role("slider", name="Months")).to_be_disabled()
