"""Writes from outside Django reach pages, once, and by the same rules: with real triggers on a real PostgreSQL.

Runs on: pytest in the process that test_tables_on_postgres.py starts; not collected elsewhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from project.shop.models import Customer, Order, Product
from scriptapps.models import TableVersion
from scriptapps.table_triggers import CHANNEL
from scriptapps.table_versions import announcer
from tests.edge.conftest import alice, folder, site, staff
from tests.live import Browser, Site

__all__ = ["alice", "folder", "site", "staff"]

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = """# access: signed-in
from project.shop.models import Order, Product
from scriptapps import st
runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
"""
FOLLOWS = HEAD + "st.rerun_on(Order)\nst.text(f'{runs} {sorted(o.status for o in Order.objects.all())}')\n"
VISITS = (
    HEAD + "st.rerun_on(Product)\n"
    "Product.objects.update_or_create(name=st.user.get_username(), defaults={'price': runs, 'category': 'x'})\n"
    "st.text(f'{runs}')\n"
)


@sync_to_async
def manage(*arguments: str) -> str:
    out = StringIO()
    call_command("scriptapps_triggers", *arguments, stdout=out)
    return out.getvalue()


@sync_to_async
def close_connection() -> None:
    connection.close()


@sync_to_async
def outside(statement: str) -> None:
    """As psql would."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as theirs:
        theirs.execute(statement)


@contextmanager
def notifications() -> Iterator[list[tuple[str, int]]]:
    """What the database told while in here."""
    heard: list[tuple[str, int]] = []
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as ear:
        ear.execute(f"LISTEN {CHANNEL}")
        yield heard
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as last:
            last.execute(f"NOTIFY {CHANNEL}, 'the end'")
        for note in ear.notifies():
            if note.payload == "the end":
                break
            heard.append((note.payload, note.pid))


@pytest.fixture
async def triggers(transactional_db: None):
    await manage("install", "shop")
    yield
    await manage("remove", "shop")


@pytest.fixture
async def order(triggers: None) -> Order:
    @sync_to_async
    def make() -> Order:
        announcer.finish()
        for table in ("shop_order", "shop_product"):
            long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
            long_to_come = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
            TableVersion.objects.create(
                table=table, watched_since=long_ago, watched_until=long_to_come, changed=long_ago
            )
        customer = Customer.objects.create(name="Ada", email="ada@example.com", since=datetime.date(2020, 1, 1))
        return Order.objects.create(customer=customer, region="north")

    return await make()


@pytest.fixture
async def browser(site: Site, alice: User, order: Order, settings: Any):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "LISTEN_DATABASES": ["default"]}
    # Connections learn when they are opened that there is a listener.
    await close_connection()
    site.folder.write("page.py", FOLLOWS)
    listener = site.node.tables._listeners[0]
    await sync_to_async(listener.listening.wait)(20)
    await all_done(site)
    yield await site.browser(alice)
    await site.leave()


async def all_done(site: Site) -> None:
    """Until whatever has been told so far has been followed."""
    timers = site.node.engine.timers
    await site.until(
        lambda: (
            not site.node.tables._outside
            and not site.node.tables.waiting
            and not any(session.run for session in site.node.select())
        )
    )
    assert timers


async def test_psql_reruns_the_page(site: Site, browser: Browser):
    viewer = await browser.open()
    assert viewer.texts() == ["1 ['new']"]
    await outside("UPDATE shop_order SET status = 'paid'")
    await viewer.until(lambda: viewer.texts() == ["2 ['paid']"])


async def test_what_django_writes_reruns_the_page_once(site: Site, browser: Browser, order: Order):
    viewer = await browser.open()
    for number in range(2, 6):
        with notifications() as heard:
            await Order.objects.aupdate(status=f"s{number}")
        assert [table for table, _ in heard] == ["shop_order"]
        await viewer.until(lambda: viewer.texts() == [f"{number} ['s{number}']"])  # noqa: B023
        await all_done(site)
        assert site.session(viewer).runs == number


async def test_a_long_transaction_reruns_the_page_once(site: Site, browser: Browser, order: Order):
    viewer = await browser.open()

    def save() -> None:
        with transaction.atomic():
            for _ in range(1000):
                order.save()

    with notifications() as heard:
        await sync_to_async(save)()
    assert len(heard) == 1
    await viewer.until(lambda: viewer.texts() == ["2 ['new']"])
    await all_done(site)
    assert site.session(viewer).runs == 2


async def test_what_a_page_writes_itself_does_not_come_back_to_it(site: Site, browser: Browser, order: Order):
    site.folder.write(
        "page.py",
        HEAD + "st.rerun_on(Order)\nif st.button('Pay'):\n    Order.objects.update(status='paid')\n"
        "st.text(f'{runs} {Order.objects.get().status}')\n",
    )
    viewer = await browser.open()
    with notifications() as heard:
        await viewer.click(viewer.widget("Pay"))
        await viewer.until(lambda: viewer.texts() == ["2 paid"])
    assert heard
    await all_done(site)
    assert site.session(viewer).runs == 2


async def test_a_run_that_a_change_caused_tells_nobody(site: Site, browser: Browser, staff: User):
    site.folder.write("page.py", VISITS)
    mine = await browser.open()
    other = await (await site.browser(staff)).open()
    await mine.until(lambda: mine.texts() == ["2"])
    await all_done(site)
    with notifications() as heard:
        await outside("INSERT INTO shop_product (name, category, price, in_stock) VALUES ('p', 'x', 1, 0)")
        await mine.until(lambda: mine.texts() == ["3"])
        await other.until(lambda: other.texts() == ["2"])
        await all_done(site)
    # Both pages wrote, in transactions of their own and without; the database told of the first write alone.
    assert [table for table, _ in heard] == ["shop_product"]
    assert (site.session(mine).runs, site.session(other).runs) == (3, 2)
    assert await Product.objects.filter(name__in=["alice", "staff"], price__gt=1).acount() == 2


async def test_what_the_database_deletes_itself_is_seen(site: Site, browser: Browser, order: Order):
    viewer = await browser.open()

    def delete() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION truth_function() RETURNS void LANGUAGE sql AS 'DELETE FROM shop_order'; "
                "SELECT truth_function(); DROP FUNCTION truth_function()"
            )

    await sync_to_async(delete)()
    await viewer.until(lambda: viewer.texts() == ["2 []"])


async def test_what_was_written_while_the_listener_was_away_is_seen_when_it_is_back(site: Site, browser: Browser):
    viewer = await browser.open()
    listener = site.node.tables._listeners[0]
    process = listener._connection.connection.info.backend_pid

    def cut() -> None:
        # In one transaction, so that nobody listens when it commits.
        with psycopg.connect(**connection.get_connection_params()) as theirs:
            theirs.execute("SELECT pg_terminate_backend(%s, 10000)", [process])
            theirs.execute("SET scriptapps.quiet = '1'")
            theirs.execute("UPDATE shop_order SET status = 'paid'")

    await sync_to_async(cut)()
    await viewer.until(lambda: viewer.texts() == ["2 ['paid']"])
    assert listener.listening.is_set()


async def test_the_command_installs_lists_and_removes(triggers: None):
    assert (await manage("list")).split() == ["shop_customer", "shop_order", "shop_orderline", "shop_product"]
    await manage("remove", "shop.Order", "shop_product")
    assert (await manage("list")).split() == ["shop_customer", "shop_orderline"]
    said = await manage("install", "shop.Order")
    assert "shop_order" in said
    assert "Nobody listens" in said
    # Once more changes nothing.
    await manage("install", "shop.Order")
    assert "shop_order" in await manage("list")


async def test_the_command_prints_its_statements(transactional_db: None):
    printed = await manage("install", "shop.Order", "--sql")
    assert "CREATE OR REPLACE FUNCTION" in printed
    assert 'ON "shop_order" FOR EACH STATEMENT' in printed
    assert await manage("list") == ""
    await outside(printed)
    assert (await manage("list")).split() == ["shop_order"]
    await outside(await manage("remove", "shop.Order", "--sql"))
    assert await manage("list") == ""


async def test_nothing_is_half_installed(transactional_db: None):
    with pytest.raises(CommandError, match="Nothing was changed"):
        await manage("install", "shop.Order", "no_such_table")
    assert await manage("list") == ""
