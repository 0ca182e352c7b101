"""Pages that follow the data: what reruns them, how often, and what never does. Real node, real consumer, real commits.

Runs on: pytest with the demo shop's tables.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import sys
from contextlib import closing
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from project.shop.models import Customer, Order, Product
from scriptapps.models import TableVersion
from scriptapps.table_results import Statement
from scriptapps.table_versions import announcer
from tests.live import Browser, Site

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = """# access: signed-in
from project.shop.models import Customer, Order, Product
from scriptapps import st
runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
"""


@pytest.fixture
def customer(site: Site) -> Customer:
    return Customer.objects.create(name="Ada", email="ada@example.com", since=datetime.date(2020, 1, 1))


@pytest.fixture(autouse=True)
def _known_tables(transactional_db: None) -> None:
    """All processes know by now that these are watched, so that nothing is looked at once more on that account."""
    # What was deleted after the last test is told by now.
    announcer.finish()
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    long_to_come = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
    for table in ("shop_order", "shop_product", "shop_customer"):
        TableVersion.objects.create(table=table, watched_since=long_ago, watched_until=long_to_come, changed=long_ago)


@pytest.fixture
async def browser(site: Site, alice: User, customer: Customer):
    yield await site.browser(alice)
    await site.leave()


def script(site: Site, text: str, name: str = "page.py") -> None:
    site.folder.write(name, HEAD + text)


@sync_to_async
def save_order(customer: Customer, **values: Any) -> Order:
    return Order.objects.create(customer=customer, region="north", **values)


async def all_done(site: Site) -> None:
    """Until whatever a change was to cause has been asked for, and is over."""
    await site.until(lambda: not site.node.tables.waiting and not any(s.run for s in site.node.select()))


class TestModel:
    SCRIPT = "st.rerun_on(Order)\nst.text(f'{runs} {Order.objects.count()}')\n"

    @pytest.fixture(autouse=True)
    def _script(self, site: Site) -> None:
        script(site, self.SCRIPT)

    async def test_a_write_anywhere_reruns_the_page(self, browser: Browser, customer: Customer):
        viewer = await browser.open()
        assert viewer.texts() == ["1 0"]
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["2 1"])

    async def test_every_way_of_writing_counts(self, browser: Browser, customer: Customer):
        viewer = await browser.open()
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["2 1"])
        await Order.objects.aupdate(status="paid")
        await viewer.until(lambda: viewer.texts() == ["3 1"])
        await sync_to_async(Order.objects.bulk_create)([Order(customer=customer), Order(customer=customer)])
        await viewer.until(lambda: viewer.texts() == ["4 3"])
        await sync_to_async(Order.objects.all().delete)()
        await viewer.until(lambda: viewer.texts() == ["5 0"])

    async def test_the_admin_tells_why_it_ran(self, site: Site, browser: Browser, customer: Customer):
        viewer = await browser.open()
        requests: list[Any] = []
        session = site.session(viewer)
        request_rerun = session.request_rerun

        def noted(request: Any) -> bool:
            requests.append(request)
            return request_rerun(request)

        session.request_rerun = noted
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["2 1"])
        [request] = requests
        assert (request.reason, request.detail) == ("model change", "shop_order")
        assert request.background
        assert not request.supersedes

    async def test_a_thousand_saves_in_a_transaction_are_one_rerun(
        self, site: Site, browser: Browser, customer: Customer
    ):
        viewer = await browser.open()

        def save() -> None:
            with transaction.atomic():
                for _ in range(1000):
                    Order(customer=customer, region="north").save()

        await sync_to_async(save)()
        await viewer.until(lambda: viewer.texts() == ["2 1000"])
        await all_done(site)
        assert site.session(viewer).runs == 2

    async def test_many_commits_are_few_reruns_and_the_last_is_seen(
        self, site: Site, browser: Browser, customer: Customer
    ):
        viewer = await browser.open()
        for _ in range(100):
            await save_order(customer)
        await viewer.until(lambda: viewer.texts()[0].endswith(" 100"))
        assert int(viewer.texts()[0].split()[0]) < 50

    async def test_what_is_rolled_back_reruns_nothing(self, site: Site, browser: Browser, customer: Customer):
        viewer = await browser.open()

        def fail() -> None:
            with transaction.atomic():
                Order(customer=customer).save()
                transaction.set_rollback(True)

        await sync_to_async(fail)()
        assert not site.node.tables.waiting
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["2 1"])

    async def test_other_tables_rerun_nothing(self, site: Site, browser: Browser, customer: Customer):
        await browser.open()
        await sync_to_async(customer.save)()
        await User.objects.filter(username="alice").aupdate(first_name="A")
        assert not site.node.tables.waiting

    async def test_a_page_that_nobody_sees_waits_until_somebody_looks(
        self, site: Site, browser: Browser, customer: Customer
    ):
        viewer = await browser.open()
        await viewer.leave()
        session = site.node.sessions[viewer.session_id]
        await site.until(lambda: not session.viewers)
        for _ in range(3):
            await save_order(customer)
            await all_done(site)
        assert session.runs == 1
        again = await browser.open(session=viewer.session_id)
        await again.until(lambda: again.texts() == ["2 3"])

    async def test_a_page_that_no_longer_asks_is_left_alone(self, site: Site, browser: Browser, customer: Customer):
        script(site, "if st.toggle('Follow', True, key='t'):\n    st.rerun_on(Order)\nst.text(f'{runs}')\n")
        viewer = await browser.open()
        await viewer.set_value(viewer.widget("Follow"), False)
        await viewer.until(lambda: viewer.texts() == ["2"])
        await viewer.settled()
        assert site.node.tables.targets.names() == []
        await save_order(customer)
        assert not site.node.tables.waiting

    async def test_a_session_that_has_ended_is_forgotten(self, site: Site, browser: Browser, customer: Customer):
        viewer = await browser.open()
        site.node.close(site.session(viewer), 4001, "closed")
        await site.until(lambda: site.node.tables.targets.names() == [])
        await save_order(customer)


async def test_names_of_tables_and_several_at_once(site: Site, browser: Browser, customer: Customer):
    script(site, "st.rerun_on('shop_product', Order)\nst.text(f'{runs}')\n")
    viewer = await browser.open()
    await sync_to_async(Product.objects.create)(name="p", category="x", price=1)
    await viewer.until(lambda: viewer.texts() == ["2"])
    await save_order(customer)
    await viewer.until(lambda: viewer.texts() == ["3"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("42", "a model, a table"),
        ("Order.objects.get", "a model, a table"),
        ("'django_session'", "not watched"),
        ("__import__('scriptapps.models').models.ScriptSession", "not watched"),
        ("Product.objects.all()", "10,000 rows"),
    ],
)
async def test_what_cannot_be_watched_is_said(
    site: Site, browser: Browser, argument: str, message: str, monkeypatch: pytest.MonkeyPatch
):
    if "Product" in argument:
        monkeypatch.setattr("scriptapps.table_results.MOST_ROWS", 1)
        await sync_to_async(Product.objects.bulk_create)(
            [Product(name=name, category="x", price=1) for name in ("a", "b")]
        )
        message = "1 rows"
    script(site, f"st.rerun_on({argument})\n")
    viewer = await browser.open()
    assert viewer.find("exception")
    assert message in site.session(viewer).last_error


class TestResult:
    SCRIPT = "st.rerun_on(Order.objects.filter(status='new'))\nst.text(f'{runs} {Order.objects.count()}')\n"

    @pytest.fixture(autouse=True)
    def _script(self, site: Site) -> None:
        script(site, self.SCRIPT)

    async def test_only_a_change_of_the_result_reruns(self, site: Site, browser: Browser, customer: Customer):
        viewer = await browser.open()
        await save_order(customer, status="paid")
        await all_done(site)
        assert site.session(viewer).runs == 1
        await save_order(customer, status="new")
        await viewer.until(lambda: viewer.texts() == ["2 2"])
        await Order.objects.filter(status="new").aupdate(status="paid")
        await viewer.until(lambda: viewer.texts() == ["3 2"])

    async def test_a_result_that_cannot_be_fetched_any_more_runs_the_page(
        self, site: Site, browser: Browser, customer: Customer, monkeypatch: pytest.MonkeyPatch
    ):
        await save_order(customer, status="new")
        viewer = await browser.open()
        monkeypatch.setattr("scriptapps.table_results.MOST_ROWS", 1)
        await save_order(customer, status="new")
        await viewer.until(lambda: viewer.find("exception"))

    async def test_many_pages_with_one_result_fetch_it_once(
        self, site: Site, browser: Browser, customer: Customer, monkeypatch: pytest.MonkeyPatch
    ):
        viewers = [await browser.open() for _ in range(3)]
        fetched: list[str] = []
        digest = Statement.digest

        def noted(self: Statement) -> bytes:
            fetched.append(self.sql)
            return digest(self)

        monkeypatch.setattr(Statement, "digest", noted)
        await save_order(customer, status="paid")
        await site.until(lambda: fetched and not site.node.tables.waiting)
        assert 1 <= len(fetched) < len(viewers)

    async def test_one_row(self, site: Site, browser: Browser, customer: Customer):
        script(site, "st.rerun_on(Customer.objects.get())\nst.text(f'{runs}')\n")
        viewer = await browser.open()
        await sync_to_async(customer.save)()
        await all_done(site)
        customer.name = "Bea"
        await sync_to_async(customer.save)()
        await viewer.until(lambda: viewer.texts() == ["2"])

    async def test_a_result_that_is_always_empty_watches_nothing(self, site: Site, browser: Browser):
        script(site, "st.rerun_on(Order.objects.none())\nst.text(f'{runs}')\n")
        viewer = await browser.open()
        assert viewer.texts() == ["1"]
        assert site.node.tables.targets.names() == []


class TestLive:
    async def test_a_block_follows_what_it_reads(self, site: Site, browser: Browser, customer: Customer):
        script(
            site,
            "Product.objects.count()\n"
            "with st.live():\n    st.text(f'{runs} {Order.objects.filter(customer__name=\"Ada\").count()}')\n",
        )
        viewer = await browser.open()
        assert set(site.node.tables.targets.names()) == {"shop_order", "shop_customer"}
        await save_order(customer)
        # What made the customer may be heard of only now: one run more.
        await viewer.until(lambda: viewer.texts()[0].endswith(" 1"))
        runs = viewer.texts()
        await sync_to_async(customer.save)()
        await viewer.until(lambda: viewer.texts() != runs)

    async def test_what_is_read_only_now_and_then_is_followed_then(
        self, site: Site, browser: Browser, customer: Customer
    ):
        script(
            site,
            "with st.live():\n"
            "    if st.toggle('Orders', key='t'):\n        Order.objects.count()\n"
            "    else:\n        Product.objects.count()\n",
        )
        viewer = await browser.open()
        assert site.node.tables.targets.names() == ["shop_product"]
        await viewer.set_value(viewer.widget("Orders"), True)
        await site.until(lambda: site.node.tables.targets.names() == ["shop_order"])

    async def test_only_the_live_fragment_runs(self, site: Site, browser: Browser, customer: Customer):
        script(
            site,
            "@st.fragment(live=True)\n"
            "def orders():\n"
            "    n = st.session_state.n = st.session_state.get('n', 0) + 1\n"
            "    st.text(f'orders {n} {Order.objects.count()}')\n"
            "@st.fragment\n"
            "def products():\n"
            "    n = st.session_state.m = st.session_state.get('m', 0) + 1\n"
            "    st.text(f'products {n} {Product.objects.count()}')\n"
            "st.text(f'page {runs}')\norders()\nproducts()\n",
        )
        viewer = await browser.open()
        assert viewer.texts() == ["page 1", "orders 1 0", "products 1 0"]
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["page 1", "orders 2 1", "products 1 0"])
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["page 1", "orders 3 2", "products 1 0"])

    async def test_a_live_block_in_a_fragment_runs_the_fragment(self, site: Site, browser: Browser, customer: Customer):
        script(
            site,
            "@st.fragment\n"
            "def orders():\n"
            "    with st.live():\n        st.text(f'orders {Order.objects.count()}')\n"
            "st.text(f'page {runs}')\norders()\n",
        )
        viewer = await browser.open()
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["page 1", "orders 1"])

    @pytest.mark.parametrize("what", ["Order", "[Order]", "'shop_order'", "Order.objects.filter(status='new')"])
    async def test_a_fragment_names_what_it_follows(self, site: Site, browser: Browser, customer: Customer, what: str):
        script(
            site,
            f"@st.fragment(rerun_on={what})\n"
            "def orders():\n    st.text(f'orders {Order.objects.count()}')\n"
            "st.text(f'page {runs}')\norders()\n",
        )
        viewer = await browser.open()
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["page 1", "orders 1"])

    async def test_a_fragment_that_is_gone_is_left_alone(self, site: Site, browser: Browser, customer: Customer):
        script(
            site,
            "@st.fragment(live=True)\n"
            "def orders():\n    st.text(f'orders {Order.objects.count()}')\n"
            "if st.toggle('Show', True, key='t'):\n    orders()\n",
        )
        viewer = await browser.open()
        await viewer.set_value(viewer.widget("Show"), False)
        await site.until(lambda: site.node.tables.targets.names() == [])

    async def test_a_fragment_that_failed_once_goes_on_following(
        self, site: Site, browser: Browser, customer: Customer
    ):
        script(
            site,
            "@st.fragment(live=True)\n"
            "def orders():\n    st.text(f'orders {10 // (Order.objects.count() - 1)}')\norders()\n",
        )
        await save_order(customer)
        viewer = await browser.open()
        assert viewer.find("exception")
        await save_order(customer)
        await viewer.until(lambda: viewer.texts() == ["orders 10"])


class TestOwnWrites:
    VISITS = (
        "st.rerun_on(Product)\n"
        "Product.objects.update_or_create(name=st.user.get_username(), "
        "defaults={'price': runs, 'category': 'x'})\n"
        "st.text(f'{runs}')\n"
    )

    async def test_they_rerun_everybody_but_the_page_itself(
        self, site: Site, browser: Browser, staff: User, customer: Customer
    ):
        script(site, "st.rerun_on(Order)\nif st.button('Add'):\n"
               "    Order.objects.create(customer=Customer.objects.get(), region='north')\n"
               "st.text(f'{runs} {Order.objects.count()}')\n")  # fmt: skip
        mine, other = await browser.open(), await (await site.browser(staff)).open()
        await mine.click(mine.widget("Add"))
        await mine.until(lambda: mine.texts() == ["2 1"])
        await other.until(lambda: other.texts() == ["2 1"])
        await all_done(site)
        assert site.session(mine).runs == 2

    async def test_two_pages_that_read_and_write_one_table_do_not_play_ball(
        self, site: Site, browser: Browser, staff: User
    ):
        script(site, self.VISITS)
        mine = await browser.open()
        other = await (await site.browser(staff)).open()
        # The second page's first run rerun the first one, whose write reruns nothing.
        await mine.until(lambda: mine.texts() == ["2"])
        await all_done(site)
        await sync_to_async(Product.objects.create)(name="from outside", category="x", price=1)
        await mine.until(lambda: mine.texts() == ["3"])
        await other.until(lambda: other.texts() == ["2"])
        await all_done(site)
        assert (site.session(mine).runs, site.session(other).runs) == (3, 2)

    async def test_a_rerun_that_asks_for_another_one_is_still_caused_by_the_change(
        self, site: Site, browser: Browser, staff: User
    ):
        script(site, "st.rerun_on(Product)\nif runs % 2 == 0:\n    st.rerun()\n" + self.VISITS)
        mine = await browser.open()
        other = await (await site.browser(staff)).open()
        await mine.until(lambda: mine.texts() == ["3"])
        await all_done(site)
        assert (site.session(mine).runs, site.session(other).runs) == (3, 1)

    async def test_another_fragment_of_the_page_follows_what_one_of_them_writes(
        self, site: Site, browser: Browser, customer: Customer
    ):
        script(
            site,
            "@st.fragment\n"
            "def form():\n"
            "    if st.button('Add'):\n"
            "        Order.objects.create(customer=Customer.objects.get(), region='north')\n"
            "    st.text(f'form {Order.objects.count()}')\n"
            "@st.fragment(live=True)\n"
            "def orders():\n    st.text(f'orders {Order.objects.count()}')\n"
            "st.text(f'page {runs}')\nform()\norders()\n",
        )
        viewer = await browser.open()
        await viewer.click(viewer.widget("Add"))
        await viewer.until(lambda: viewer.texts() == ["page 1", "form 1", "orders 1"])

    async def test_fragments_follow_what_a_thread_of_their_page_writes(
        self, site: Site, browser: Browser, customer: Customer
    ):
        script(
            site,
            "def feed():\n"
            "    Order.objects.create(customer=Customer.objects.get(), region='north')\n"
            "@st.fragment(live=True)\n"
            "def orders():\n    st.text(f'orders {Order.objects.count()}')\n"
            "st.text(f'page {runs}')\norders()\nst.rerun_on(Order)\n"
            "if st.button('Feed'):\n    st.background(feed)\n",
        )
        viewer = await browser.open()
        await viewer.click(viewer.widget("Feed"))
        await viewer.until(lambda: viewer.texts() == ["page 2", "orders 1"])

    async def test_a_function_between_runs_cannot_ask_for_its_own(
        self, site: Site, browser: Browser, customer: Customer
    ):
        script(
            site,
            "def feed():\n"
            "    with st.live():\n        Product.objects.count()\n"
            "    st.rerun_on(Order)\n"
            "st.background(feed)\n",
        )
        viewer = await browser.open()
        await viewer.until(lambda: viewer.find("exception"))
        assert site.node.tables.targets.names() == []

    async def test_a_change_during_a_run_is_followed_by_another_run(
        self, site: Site, browser: Browser, customer: Customer
    ):
        script(
            site,
            "import time\n"
            "with st.live():\n    count = Order.objects.count()\n"
            "st.text(f'{runs} {count}')\n"
            "while runs == 1 and not Product.objects.exists():\n    time.sleep(0.01)\n",
        )
        viewer = await browser.open(settle=False)
        await viewer.until(lambda: viewer.texts() == ["1 0"])
        await save_order(customer)
        await sync_to_async(Product.objects.create)(name="go on", category="x", price=1)
        await viewer.until(lambda: viewer.texts() == ["2 1"])


async def test_saving_an_order_in_the_admin_updates_an_open_dashboard(
    site: Site, browser: Browser, superuser: User, customer: Customer
):
    script(
        site,
        "@st.fragment(live=True)\n"
        "def orders():\n    st.text(f'orders {[order.get_status_display() for order in Order.objects.all()]}')\n"
        "st.text(f'page {runs}')\norders()\n",
    )
    order = await save_order(customer)
    viewer = await browser.open()
    assert viewer.texts() == ["page 1", "orders ['New']"]

    def save() -> Any:
        client = Client()
        client.force_login(superuser)
        fields = {
            "customer": customer.pk, "placed_at_0": "2026-01-01", "placed_at_1": "10:00", "status": "shipped",
            "channel": "web", "region": "north", "lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0,
        }  # fmt: skip
        return client.post(f"/admin/shop/order/{order.pk}/change/", fields)

    response = await sync_to_async(save)()
    assert response.status_code == 302
    await viewer.until(lambda: viewer.texts() == ["page 1", "orders ['Shipped']"])


class TestOtherProcesses:
    SCRIPT = "st.rerun_on(Order)\nst.text(f'{runs} {Order.objects.count()}')\n"

    @pytest.fixture(autouse=True)
    def _script(self, site: Site) -> None:
        script(site, self.SCRIPT)

    @staticmethod
    def write_elsewhere(customer: Customer, *, raised: bool = True) -> None:
        """What another process writes, as far as this one can see it."""
        theirs = connection.copy()
        theirs.connect()
        # This process is not to know.
        theirs.execute_wrappers.clear()
        with closing(theirs), theirs.cursor() as cursor:
            cursor.execute(
                "INSERT INTO shop_order (customer_id, placed_at, status, channel, region, total) "
                "VALUES (%s, '2026-01-01', 'new', 'web', 'north', 0)",
                [customer.pk],
            )
            if raised:
                cursor.execute(
                    "UPDATE scriptapps_tableversion SET version = version + 1, changed = CURRENT_TIMESTAMP "
                    "WHERE \"table\" = 'shop_order'"
                )

    async def test_a_hint_is_followed(self, site: Site, browser: Browser, customer: Customer, settings: Any):
        settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "BEAT_SECONDS": 300}
        viewer = await browser.open()
        await sync_to_async(self.write_elsewhere)(customer)
        site.node.beat.heard("tables", ["shop_order"])
        await viewer.until(lambda: viewer.texts() == ["2 1"])

    async def test_a_hint_that_got_lost_is_made_good_by_the_beat(
        self, site: Site, browser: Browser, customer: Customer
    ):
        viewer = await browser.open()
        await sync_to_async(self.write_elsewhere)(customer)
        await viewer.until(lambda: viewer.texts() == ["2 1"])

    async def test_a_writer_that_does_not_know_yet_is_looked_after(
        self, site: Site, browser: Browser, customer: Customer, monkeypatch: pytest.MonkeyPatch
    ):
        await TableVersion.objects.all().adelete()
        monkeypatch.setattr("scriptapps.table_versions.KNOWN_SECONDS", 0.3)
        monkeypatch.setattr("scriptapps.table_versions.MARGIN_SECONDS", 0.1)
        viewer = await browser.open()
        await sync_to_async(self.write_elsewhere)(customer, raised=False)
        await viewer.until(lambda: viewer.texts() == ["2 1"])

    async def test_a_notification_and_a_hint_of_one_write_are_one_rerun(
        self, site: Site, browser: Browser, customer: Customer
    ):
        viewer = await browser.open()
        await sync_to_async(self.write_elsewhere)(customer)
        site.node.tables.changed_outside("shop_order", None)
        site.node.tables.look_soon()
        await viewer.until(lambda: viewer.texts() == ["2 1"])
        await site.until(lambda: not site.node.engine.timers.waits(site.node.tables, "outside shop_order"))
        await all_done(site)
        assert site.session(viewer).runs == 2

    async def test_a_notification_alone_is_enough(self, site: Site, browser: Browser, customer: Customer):
        viewer = await browser.open()
        await sync_to_async(self.write_elsewhere)(customer, raised=False)
        site.node.tables.changed_outside("shop_order", None)
        await viewer.until(lambda: viewer.texts() == ["2 1"])

    async def test_a_shell_reaches_the_page(self, site: Site, browser: Browser, customer: Customer):
        viewer = await browser.open()
        code = (
            "import django; django.setup()\n"
            "from project.shop.models import Customer, Order\n"
            "Order.objects.create(customer=Customer.objects.get(), region='north')\n"
        )
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "SQLITE_PATH": str(connection.settings_dict["NAME"]),
            "PGDATABASE": str(connection.settings_dict["NAME"]),
        }
        shell = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment)
        assert await shell.wait() == 0
        await viewer.until(lambda: viewer.texts() == ["2 1"])
