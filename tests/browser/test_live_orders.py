"""The demo's live dashboard follows what others do, in the admin and in other processes, and nobody clicks in it."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import metric

SOON = 5_000


def page_time(page: Page) -> str:
    """When the whole script last ran."""
    caption = page.get_by_text("These figures are from").inner_text()
    [found] = re.findall(r"the page is from (\S+)\.", caption)
    return found


def test_saving_an_order_in_the_admin_updates_the_page_without_a_click(visit: Visit) -> None:
    page, staff = visit("alice").open("live_orders"), visit("admin").tab("/admin/shop/order/")
    heading = page.get_by_role("heading", name="Live orders").element_handle()
    before = page_time(page)
    first = page.get_by_role("row").nth(1)
    number = first.get_by_role("cell").first.inner_text()
    staff.get_by_role("link", name=number, exact=True).click()
    staff.get_by_label("Status").select_option("returned")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.get_by_text("was changed successfully")).to_be_visible()
    expect(first.get_by_text("Returned")).to_be_visible(timeout=SOON)
    assert page_time(page) == before, "the whole script ran"
    assert heading.evaluate("node => node.isConnected")


def test_another_process_updates_the_page(visit: Visit, site: SiteServer) -> None:
    page = visit("alice").open("live_orders")
    first = page.get_by_role("row").nth(1)
    number = first.get_by_role("cell").first.inner_text()
    site.shell(
        "from project.shop.models import Order", f"Order.objects.filter(pk={int(number)}).update(status='cancelled')"
    )
    expect(first.get_by_text("Cancelled")).to_be_visible(timeout=SOON)


def test_what_one_person_does_both_see_and_the_doer_too(visit: Visit) -> None:
    alice, admin = visit("alice").open("live_orders"), visit("admin").open("live_orders")
    orders = int(metric(admin, "Orders, 7 days").inner_text().splitlines()[1])
    admin.get_by_role("button", name="An order comes in").click()
    for page in (alice, admin):
        expect(metric(page, "Orders, 7 days")).to_contain_text(f"7 days{orders + 1}", timeout=SOON)
