"""What connections say of reads and writes: after the commit, once, never after a rollback.

Runs on: pytest with the demo shop's tables.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections, models, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from project.shop.models import Customer, Order, OrderLine, Product
from scriptapps import signals, table_plans, table_versions
from scriptapps.models import ScriptApp, TableVersion
from scriptapps.table_watch import ConnectionWatch, noting_reads

transactional = pytest.mark.django_db(transaction=True)


class Heard(list[frozenset[str]]):
    """What was announced, in order."""

    def __call__(self, tables: frozenset[str], **_: Any) -> None:
        self.append(tables)

    @property
    def tables(self) -> list[set[str]]:
        """Without the tables of people, which tests make."""
        return [set(tables) for tables in self]


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    signals.tables_changed.connect(heard)
    yield heard
    signals.tables_changed.disconnect(heard)


def watches() -> int:
    return len([wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, ConnectionWatch)])


def customer(name: str = "Ada") -> Customer:
    return Customer(name=name, email=f"{name}@example.com", since=datetime.date(2020, 1, 1))


def order() -> Order:
    known = customer()
    known.save()
    return Order(customer=known)


def roll_back(act: Callable[[], object]) -> None:
    """Do it in a transaction, or savepoint, that fails."""

    def fail() -> None:
        with transaction.atomic():
            act()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


# -- writes ------------------------------------------------------------------------------------------------------------


@transactional
def test_in_autocommit_a_write_is_announced_at_once(heard: Heard):
    customer().save()
    assert heard.tables == [{"shop_customer"}]
    Customer.objects.update(name="B")
    Customer.objects.all().delete()
    assert heard.tables == [{"shop_customer"}] * 3


@transactional
def test_it_is_announced_when_other_connections_see_it(heard: Heard):
    """SQLite commits a statement that returns rows when they have been fetched."""
    seen: list[int] = []

    def count_elsewhere() -> None:
        seen.append(Customer.objects.count())
        connections.close_all()

    def count(**_: Any) -> None:
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(count_elsewhere).result()

    signals.tables_changed.connect(count)
    try:
        customer("a").save()
        cursor = connection.cursor()
        cursor.execute("INSERT INTO shop_customer (name, email, country, region, since) "
                       "VALUES ('b', 'b', '', '', '2020-01-01') RETURNING id")  # fmt: skip
        cursor.fetchall()
        del cursor
    finally:
        signals.tables_changed.disconnect(count)
    assert seen == [1, 2]


@transactional
def test_reading_announces_nothing(heard: Heard):
    list(Order.objects.select_related("customer"))
    Order.objects.select_for_update().none()
    with transaction.atomic():
        list(Order.objects.select_for_update())
    assert heard == []


@transactional
def test_a_transaction_is_one_announcement_after_its_commit(heard: Heard):
    with transaction.atomic():
        for number in range(50):
            customer(f"c{number}").save()
            Product(name=f"p{number}", category="x", price=1).save()
        assert heard == []
    assert heard.tables == [{"shop_customer", "shop_product"}]


@transactional
def test_a_transaction_that_is_rolled_back_is_none(heard: Heard):
    roll_back(customer().save)
    assert heard == []
    with transaction.atomic():
        customer().save()
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_what_is_rolled_back_to_a_savepoint_is_not_announced(heard: Heard):
    with transaction.atomic():
        customer("kept").save()
        roll_back(Product(name="p", category="x", price=1).save)
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_a_savepoint_that_is_released_counts_and_its_tables_count_once(heard: Heard):
    with transaction.atomic():
        for number in range(20):
            with transaction.atomic():
                customer(f"c{number}").save()
        roll_back(customer("lost").save)
        with transaction.atomic():
            customer("last").save()
        customer("outer").save()
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_a_write_after_a_rolled_back_savepoint_with_the_same_table_is_announced(heard: Heard):
    with transaction.atomic():
        roll_back(customer("lost").save)
        customer("kept").save()
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_a_hook_of_the_site_that_fails_does_not_take_the_announcement_with_it(heard: Heard):
    def fail() -> None:
        raise ZeroDivisionError

    def act() -> None:
        with transaction.atomic():
            transaction.on_commit(fail)
            customer().save()

    with pytest.raises(ZeroDivisionError):
        act()
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_two_transactions_are_two_announcements(heard: Heard):
    for name in "ab":
        with transaction.atomic():
            customer(name).save()
    assert heard.tables == [{"shop_customer"}] * 2


@transactional
def test_without_autocommit_it_is_announced_when_autocommit_returns(heard: Heard):
    transaction.set_autocommit(False)
    try:
        customer().save()
        assert heard == []
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_raw_sql_many_at_once_and_scripts_are_seen(heard: Heard):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_order SET status = 'x'")
        cursor.executemany("DELETE FROM shop_product WHERE name = %s", [["a"], ["b"]])
    assert heard.tables == [{"shop_order"}, {"shop_product"}]


@transactional
def test_tables_of_this_app_and_of_the_sites_own_bookkeeping_are_left_out(heard: Heard, client: Any, settings: Any):
    app = ScriptApp.objects.create(slug="one")
    app.groups.add(Group.objects.create(name="g"))
    assert heard.tables == [{"auth_group"}]
    client.force_login(User.objects.create_user("alice"))
    heard.clear()
    client.session.save()
    assert heard == []
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "UNWATCHED_TABLES": ["shop_Customer"]}
    customer().save()
    assert heard == []


@transactional
def test_somebody_elses_wrapper_that_is_there_when_the_connection_opens_goes_away_again(heard: Heard):
    seen = []

    def theirs(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    connection.close()
    connection.execute_wrappers.clear()
    with connection.execute_wrapper(theirs):
        customer().save()
    count = len(seen)
    Customer.objects.count()
    assert len(seen) == count
    assert theirs not in connection.execute_wrappers
    assert watches() == 1
    assert heard.tables == [{"shop_customer"}]


@transactional
def test_a_connection_is_watched_once_however_often_it_opens(heard: Heard):
    for _ in range(3):
        connection.close()
        Customer.objects.count()
    assert watches() == 1


@transactional
def test_watching_can_be_switched_off(heard: Heard, settings: Any):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "WATCH_TABLES": False}
    connection.close()
    connection.execute_wrappers.clear()
    try:
        customer().save()
        assert heard == []
    finally:
        settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "WATCH_TABLES": True}
        connection.close()
        Customer.objects.count()
    assert watches() == 1


@transactional
def test_a_statement_that_is_not_understood_is_executed_all_the_same(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("scriptapps.table_plans._make_plan", broken)
    with caplog.at_level(logging.ERROR, "scriptapps.tables"), log_to(caplog):
        customer().save()
    assert Customer.objects.count() == 1
    assert "not understood" in caplog.text


@transactional
def test_a_statement_that_fails_has_written_nothing(heard: Heard):
    with pytest.raises(Exception, match="no_such_table"), connection.cursor() as cursor:
        cursor.execute("UPDATE no_such_table SET x = 1")
    assert heard == []


@transactional
def test_rows_that_the_database_takes_away_itself_count_where_models_say_so(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
):
    class OnDelete:
        """Stands in for what Django 6.1 has."""

        def on_delete_sql(self) -> None:
            """What it is recognised by."""

    monkeypatch.setattr(OrderLine._meta.get_field("order").remote_field, "on_delete", OnDelete())
    monkeypatch.setattr(Order._meta.get_field("customer").remote_field, "on_delete", OnDelete())
    forget_plans()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM shop_customer")
        cursor.execute("DELETE FROM shop_order")
        cursor.execute("UPDATE shop_order SET status = 'x'")
    forget_plans()
    assert heard.tables == [
        {"shop_customer", "shop_order", "shop_orderline"},
        {"shop_order", "shop_orderline"},
        {"shop_order"},
    ]


# -- tests of a site ---------------------------------------------------------------------------------------------------


class SitesOwnTest(TestCase):
    """What a site's tests are used to is as it was."""

    def test_hooks_are_the_sites_own(self) -> None:
        with self.captureOnCommitCallbacks() as callbacks:
            customer().save()
            transaction.on_commit(lambda: None)
        assert len(callbacks) == 1

    def test_queries_are_the_sites_own(self) -> None:
        with self.assertNumQueries(1):
            customer().save()

    def test_who_listens_hears_of_what_a_test_calls_committed(self) -> None:
        heard = Heard()
        signals.tables_changed.connect(heard)
        self.addCleanup(signals.tables_changed.disconnect, heard)
        for name in "ab":
            with self.captureOnCommitCallbacks(execute=True):
                customer(name).save()
            assert heard.pop() == {"shop_customer"}


@transactional
def test_queries_to_tell_other_processes_are_not_counted_with_the_sites_own(monkeypatch: pytest.MonkeyPatch):
    TableVersion.objects.create(table="shop_customer", watched_until="9999-01-01T00:00Z")
    monkeypatch.setattr(table_versions, "announcer", table_versions.Announcer())
    table_versions.watched_tables.forget()
    with CaptureQueriesContext(connection) as queries:
        customer().save()
    assert len(queries) == 1
    assert TableVersion.objects.get().version == 1


# -- reads -------------------------------------------------------------------------------------------------------------


def reads(act: Callable[[], object]) -> set[str]:
    found: set[str] = set()
    with noting_reads(found.update):
        act()
    return found


@pytest.mark.django_db
def test_reads_are_noted_however_they_are_asked():
    orders = Order.objects
    assert reads(lambda: list(orders.all())) == {"shop_order"}
    assert reads(orders.count) == {"shop_order"}
    assert reads(orders.exists) == {"shop_order"}
    assert reads(lambda: orders.aggregate(models.Sum("total"))) == {"shop_order"}
    assert reads(lambda: list(orders.values("customer__name"))) == {"shop_order", "shop_customer"}
    assert reads(lambda: list(orders.filter(lines__product__name="x"))) == {
        "shop_order", "shop_orderline", "shop_product",
    }  # fmt: skip
    inner = OrderLine.objects.values("order")
    assert reads(lambda: list(orders.filter(pk__in=inner))) == {"shop_order", "shop_orderline"}
    assert reads(lambda: list(orders.order_by().values("pk").union(Product.objects.order_by().values("pk")))) == {
        "shop_order",
        "shop_product",
    }
    assert reads(lambda: list(Order.objects.raw("WITH x AS (SELECT * FROM shop_order) SELECT * FROM x"))) == {
        "shop_order"
    }
    assert reads(lambda: list(orders.iterator())) == {"shop_order"}
    order().save()
    assert reads(lambda: list(Order.objects.prefetch_related("lines"))) == {"shop_order", "shop_orderline"}
    assert reads(lambda: Order.objects.get().customer.name) == {"shop_order", "shop_customer"}


@pytest.mark.django_db
def test_a_query_that_is_never_made_reads_nothing():
    assert reads(Order.objects.all) == set()
    assert reads(lambda: list(Order.objects.none())) == set()


@pytest.mark.django_db
def test_the_inner_block_has_its_own_reads():
    inner: set[str] = set()

    def act() -> None:
        Customer.objects.count()
        with noting_reads(inner.update):
            Order.objects.count()
        Product.objects.count()

    assert reads(act) == {"shop_customer", "shop_product"}
    assert inner == {"shop_order"}


def forget_plans() -> None:
    """What models say is asked once."""
    table_plans._followers.cache_clear()
    table_plans.forget_plans()


@contextmanager
def log_to(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The site's loggers do not pass on what they log."""
    logger = logging.getLogger("scriptapps")
    logger.addHandler(caplog.handler)
    yield
    logger.removeHandler(caplog.handler)


def test_all_connections_of_this_process_are_watched():
    for each in connections.all(initialized_only=True):
        if each.connection is not None:
            assert any(isinstance(wrapper, ConnectionWatch) for wrapper in each.execute_wrappers)
