"""What the first view of a page costs, that nothing leaves the site, and that it fits a telephone."""

import gzip

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import run_is_over

CODE_AND_STYLE = 40 * 1024  # bytes, gzipped
REQUESTS = 4  # besides the page and its socket
PHONE = {"width": 390, "height": 844}
WITHOUT_CHARTS = """
# title: Text and widgets
from scriptapps import st

st.title("Text and widgets")
st.slider("Heat", 0, 10, 5)
st.selectbox("Channel", ["Web", "Store"])
"""


def test_a_page_of_text_and_widgets_is_light(visit: Visit, site: SiteServer) -> None:
    site.script("light", WITHOUT_CHARTS)
    alice = visit("alice")
    page = alice.tab()
    alice.requests.clear()
    page.goto("/apps/light/")
    run_is_over(page)
    page.wait_for_load_state("networkidle")
    asked = [request for request in alice.requests if not request.url.startswith("data:")]
    files = [request for request in asked if request.resource_type in {"script", "stylesheet"}]
    sizes = {request.url: len(gzip.compress(alice.context.request.get(request.url).body())) for request in files}
    assert 0 < sum(sizes.values()) <= CODE_AND_STYLE, sizes
    assert len(asked) - 1 <= REQUESTS, [request.url for request in asked]
    assert all(request.url.startswith(site.url) for request in asked)


def test_a_chart_loads_its_code_when_it_is_first_shown(visit: Visit, site: SiteServer) -> None:
    site.script("light", WITHOUT_CHARTS)
    page = visit("alice").open("light")
    with page.expect_request("**/elements/chart*.js"):
        site.script("light", WITHOUT_CHARTS + "st.line_chart({'a': [1, 2, 3]})\n")
    expect(page.get_by_role("img").first).to_be_visible()


ADDRESSES = [
    "/",
    "/apps/",
    "/apps/orders/",
    "/apps/widgets/",
    "/apps/new_order/",
    "/apps/counter/",
    "/apps/errors/",
    "/embedded/",
    "/accounts/login/",
]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_wider_than_a_telephone(visit: Visit, address: str) -> None:
    page = visit("alice", viewport=PHONE).tab(address)
    if "script-app" in page.content():
        run_is_over(page)
    assert overflow(page) <= 0
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert overflow(page) <= 0, tab.inner_text()


def test_the_sidebar_of_a_telephone_opens_and_closes(visit: Visit) -> None:
    page = visit("alice", viewport=PHONE).open("orders")
    months = page.get_by_role("slider", name="Months")
    expect(months).to_be_hidden()
    page.get_by_role("button", name="Show sidebar").click()
    expect(months).to_be_visible()
    page.get_by_role("button", name="Hide sidebar").click()
    expect(months).to_be_hidden()
    expect(page.get_by_role("heading", name="Orders dashboard")).to_be_visible()
