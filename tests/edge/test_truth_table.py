"""Which way of watching hears of which way of writing: the table of docs/model-events.md, cell by cell.

Runs on: pytest with the site's database; its column of triggers is proven where that is PostgreSQL
(test_tables_on_postgres.py). Invariant: the page says what happens, nothing else.
"""

from __future__ import annotations

import datetime
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from project.shop.models import Customer, Order, OrderLine, Product
from scriptapps import signals, table_plans
from scriptapps.table_triggers import CHANNEL, install_sql, remove_sql

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (Path(__file__).resolve().parents[2] / "docs/model-events.md").read_text()
IS_POSTGRES = connection.vendor == "postgresql"


@dataclass
class Shop:
    """What there is before each write."""

    customer: Customer
    order: Order
    user: User
    group: Group


def sql(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


def save(shop: Shop) -> None:
    shop.order.save()


def create(shop: Shop) -> None:
    Order.objects.create(customer=shop.customer, region="north")


def bulk_create(shop: Shop) -> None:
    Order.objects.bulk_create([Order(customer=shop.customer, region="north") for _ in range(2)])


def update(shop: Shop) -> None:
    Order.objects.update(status="paid")


def bulk_update(shop: Shop) -> None:
    Order.objects.bulk_update([shop.order], ["status"])


def delete(shop: Shop) -> None:
    shop.order.delete()


def delete_many(shop: Shop) -> None:
    Order.objects.all().delete()


def add_group(shop: Shop) -> None:
    shop.user.groups.add(shop.group)


def clear_groups(shop: Shop) -> None:
    shop.user.groups.clear()


def raw_sql(shop: Shop) -> None:
    sql("UPDATE shop_order SET status = 'paid'")


def delete_parent(shop: Shop) -> None:
    sql("DELETE FROM truth_parent")


def call_function(shop: Shop) -> None:
    sql("SELECT truth_function()")


def copy(shop: Shop) -> None:
    columns = "customer_id, placed_at, status, channel, region, total"
    with connection.cursor() as cursor, cursor.copy(f"COPY shop_order ({columns}) FROM STDIN") as lines:
        lines.write_row([shop.customer.pk, "2026-01-01", "new", "web", "north", 0])


def outside(shop: Shop) -> None:
    if IS_POSTGRES:
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as theirs:
            theirs.execute("UPDATE shop_order SET status = 'paid'")
    else:
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as file, file:
            file.execute("UPDATE shop_order SET status = 'paid'")


def rolled_back(shop: Shop) -> None:
    with transaction.atomic():
        shop.order.save()
        transaction.set_rollback(True)


# The page's words -> the write, the table that is watched, and whether it is for PostgreSQL only.
WRITES: dict[str, tuple[Callable[[Shop], None], str, bool]] = {
    "`save()`": (save, "shop_order", False),
    "`create()`": (create, "shop_order", False),
    "`bulk_create()`": (bulk_create, "shop_order", False),
    "`QuerySet.update()`": (update, "shop_order", False),
    "`bulk_update()`": (bulk_update, "shop_order", False),
    "`delete()` of a row": (delete, "shop_order", False),
    "`delete()` of a QuerySet": (delete_many, "shop_order", False),
    "rows deleted with theirs: `on_delete=CASCADE`": (delete, "shop_orderline", False),
    "rows deleted with theirs: `DB_CASCADE` (Django 6.1)": (delete_parent, "truth_declared", False),
    "rows deleted with theirs: `ON DELETE CASCADE` that no model declares": (delete_parent, "truth_child", False),
    "many-to-many `add()`, `set()`": (add_group, "auth_user_groups", False),
    "many-to-many `remove()`, `clear()`": (clear_groups, "auth_user_groups", False),
    "raw SQL through Django": (raw_sql, "shop_order", False),
    "psycopg's `copy()` on Django's cursor": (copy, "shop_order", True),
    "functions, procedures and triggers of the database": (call_function, "shop_order", True),
    "psql and other programs": (outside, "shop_order", False),
    "a `save()` that is rolled back": (rolled_back, "shop_order", False),
}
SENDERS: dict[str, Any] = {"shop_order": Order, "shop_orderline": OrderLine, "auth_user_groups": User.groups.through}


@pytest.fixture
def shop(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    customer = Customer.objects.create(name="Ada", email="ada@example.com", since=datetime.date(2020, 1, 1))
    product = Product.objects.create(name="p", category="x", price=1)
    order = Order.objects.create(customer=customer, region="north")
    OrderLine.objects.create(order=order, product=product, quantity=1, unit_price=1)
    user, group, other = (
        User.objects.create_user("ada"), Group.objects.create(name="g"), Group.objects.create(name="h"),
    )  # fmt: skip
    user.groups.add(other)
    # What Django knows of the two children: of one, that it follows.
    monkeypatch.setattr(table_plans, "_followers", lambda: {"truth_parent": {"truth_declared"}})
    table_plans.forget_plans()
    made = ["truth_parent", "truth_child", "truth_declared"]
    sql("CREATE TABLE truth_parent (id integer PRIMARY KEY)")
    for child in made[1:]:
        sql(f"CREATE TABLE {child} (id integer REFERENCES truth_parent (id) ON DELETE CASCADE)")
    sql("INSERT INTO truth_parent VALUES (1)")
    for child in made[1:]:
        sql(f"INSERT INTO {child} VALUES (1)")
    if IS_POSTGRES:
        sql("CREATE OR REPLACE FUNCTION truth_function() RETURNS void LANGUAGE sql AS "
            "$$ UPDATE shop_order SET status = 'paid' $$")  # fmt: skip
    yield Shop(customer, order, user, group)
    for table in reversed(made):
        sql(f"DROP TABLE {table}")


@contextmanager
def heard_by_signals(table: str) -> Iterator[list[Any]]:
    """Django's own signals for the model of this table."""
    heard: list[Any] = []

    def receive(sender: Any, action: str = "post_", **_: Any) -> None:
        if action.startswith("post_"):
            heard.append(sender)

    sender = SENDERS.get(table)
    for signal in (post_save, post_delete, m2m_changed):
        if sender is not None:
            signal.connect(receive, sender=sender)
    yield heard
    for signal in (post_save, post_delete, m2m_changed):
        signal.disconnect(receive, sender=sender)


@contextmanager
def heard_by_watching(table: str) -> Iterator[list[Any]]:
    """The announcements of committed writes."""
    heard: list[Any] = []

    def receive(sender: Any, tables: frozenset[str], **_: Any) -> None:
        heard.extend(tables & {table})

    signals.tables_changed.connect(receive)
    yield heard
    signals.tables_changed.disconnect(receive)


@contextmanager
def heard_by_triggers(table: str) -> Iterator[list[Any]]:
    """Notifications of PostgreSQL."""
    heard: list[Any] = []
    if not IS_POSTGRES:
        yield heard
        return
    for statement in install_sql(connection, [table]):
        sql(statement)
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as ear:
        ear.execute(f"LISTEN {CHANNEL}")
        yield heard
        # What was sent before is there before this.
        sql(f"NOTIFY {CHANNEL}, 'the end'")
        for note in ear.notifies():
            if note.payload == "the end":
                break
            heard.append(note.payload)
    for statement in remove_sql(connection, [table]):
        sql(statement)


def written() -> dict[str, list[str]]:
    """The page's table: how it is written -> the marks in its columns."""
    rows = re.findall(r"^\| (.+?) \|((?: [✓–] \|)+)$", PAGE, re.MULTILINE)
    return {name: re.findall(r"[✓–]", marks) for name, marks in rows}


@pytest.mark.parametrize("name", [name for name, (_, _, postgres) in WRITES.items() if IS_POSTGRES or not postgres])
def test_the_page_says_who_hears(shop: Shop, name: str) -> None:
    write, table, _ = WRITES[name]
    with heard_by_triggers(table) as triggers, heard_by_watching(table) as watching, heard_by_signals(table) as django:
        write(shop)
    found = ["✓" if heard else "–" for heard in (django, watching, triggers)]
    columns = 3 if IS_POSTGRES else 2
    assert written()[name][:columns] == found[:columns]


def test_the_page_lists_these_ways_and_no_others() -> None:
    assert list(written()) == list(WRITES)
