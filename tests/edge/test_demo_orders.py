"""The demo site's own endpoint: an order's page moves the dashboard of whoever presses the button, and no other."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from project.shop.models import Customer, Order, Region
from tests.live import Browser, Site

pytestmark = pytest.mark.django_db(transaction=True)

DASHBOARD = """# access: signed-in
from project.shop.models import Region
from scriptapps import st
region = st.selectbox("Region", list(Region), index=None, format_func=lambda r: r.label, key="region")
st.text(f"region={region and region.label}")
"""


@pytest.fixture
def order(db: None) -> Order:
    today = timezone.now()
    customer = Customer.objects.create(
        name="Ada", email="ada@example.com", country="Norway", region=Region.SOUTH, since=today.date()
    )
    return Order.objects.create(customer=customer, region=Region.SOUTH)


@pytest.fixture
def seller(alice: User) -> User:
    alice.user_permissions.add(Permission.objects.get(content_type__app_label="shop", codename="view_order"))
    return alice


async def press(browser: Browser, order: Order, **headers: str):
    return await sync_to_async(browser.client.post)(f"/orders/{order.pk}/show/", headers=headers)


async def test_the_button_moves_ones_own_dashboard(site: Site, order: Order, seller: User, staff: User):
    site.folder.write("orders.py", DASHBOARD)
    browser = await site.browser(seller)
    mine = await browser.open("orders")
    other = await (await site.browser(staff)).open("orders")
    await site.until_row(mine, viewers=1)
    answer = await press(browser, order, Accept="application/json")
    assert answer.json() == {"shown_in": 1}
    await mine.until(lambda: mine.texts() == ["region=South"])
    assert other.texts() == ["region=None"]
    page = await sync_to_async(browser.client.post)(f"/orders/{order.pk}/show/", follow=True)
    assert "Your dashboard shows the region" in page.content.decode()
    await site.leave()


async def test_without_a_dashboard_it_says_so_and_others_may_not_press(site: Site, order: Order, seller: User, staff):
    site.folder.write("orders.py", DASHBOARD)
    browser = await site.browser(seller)
    assert (await press(browser, order, Accept="application/json")).json() == {"shown_in": 0}
    landing = await sync_to_async(browser.client.get)("/")
    assert f'href="/orders/{order.pk}/"' in landing.content.decode()
    assert (await press(await site.browser(staff), order)).status_code == 403
    visitor = await site.browser(None)
    assert (await press(visitor, order)).status_code == 302
