"""`python -m benchmarks.table_watch`: what it costs that every query is looked at for its tables.

Runs on: the command line, in one process with its database. Invariant: with and without the watch take turns statement
by statement within the same milliseconds, so that whatever else the machine does hits both; the figures are medians.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.server import fresh_database

ROWS = 2_000
HEAD = f"{'':<44} {'without':>9} {'with':>9} {'costs':>8} {'share':>7}"
FLOOR_HEAD = f"{'':<44} {'first':>9} {'again':>9}"


@dataclass(frozen=True)
class Cost:
    """One kind of query; times in microseconds."""

    name: str
    without: float
    watched: float

    @property
    def share(self) -> float:
        """What the watch adds, of the time without it."""
        return self.watched / self.without - 1

    def line(self) -> str:
        """One row of the table."""
        return (
            f"{self.name:<44} {self.without:>7.1f}us {self.watched:>7.1f}us {self.watched - self.without:>6.1f}us "
            f"{self.share:>7.1%}"
        )


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table_watch", description=__doc__)
    parser.add_argument("--database", default="", metavar="URL", help="a PostgreSQL server; without it a SQLite file")
    parser.add_argument("--times", type=int, default=1_500, help="how often each kind of query is made, each way")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scriptapps-bench-") as folder, fresh_database(options.database) as server:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "project.settings", "DEBUG": "0", "SECRET_KEY": "benchmark"}
        os.environ |= {"SQLITE_PATH": str(Path(folder) / "db.sqlite3"), "LOG_LEVEL": "ERROR"}
        if server:
            os.environ |= {**server, "DATABASE": "postgres", "PGDATABASE": server["BENCHMARK_POSTGRES"]}
        costs, reading = measure(options.times)
    if options.json:
        print(json.dumps({"costs": [{**asdict(cost), "share": cost.share} for cost in costs], "reading": reading}))
        return 0
    print(f"{'PostgreSQL' if options.database else 'SQLite'}, load {os.getloadavg()[0]:.1f}\n\n{HEAD}")
    for cost in costs:
        print(cost.line())
    print(f"\n{FLOOR_HEAD}\n{'reading the tables off a text':<44} {reading[0]:>7.1f}us {reading[1]:>7.2f}us")
    return 0


def measure(times: int) -> tuple[list[Cost], tuple[float, float]]:
    """Every kind of query, and how long a text takes that is new or known."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    make_rows()
    costs = []
    for name, act, is_live in queries():
        with live() if is_live else nullcontext():
            costs.append(Cost(name, *turns(act, times)))
    reading = read_texts()
    connections.close_all()
    return costs, reading


def make_rows() -> None:
    """A shop with some orders."""
    from project.shop.models import Customer, Order

    customer = Customer.objects.create(name="Ada", email="ada@example.com", region="north", since="2020-01-01")
    Order.objects.bulk_create([Order(customer=customer, region="north", total=number) for number in range(ROWS)])


def queries() -> Iterator[tuple[str, Callable[[], object], bool]]:
    """What is measured: a name, the query, and whether a live block notes what is read."""
    from django.db import connection, transaction

    from project.shop.models import Customer, Order

    order = Order.objects.first()
    assert order is not None
    key = order.pk

    def raw() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM shop_order WHERE id = %s", [key])
            return cursor.fetchone()

    def in_transaction() -> None:
        with transaction.atomic():
            Order.objects.filter(pk=key).update(status="paid")

    yield "raw SQL, one value by key", raw, False
    yield "get() by key", lambda: Order.objects.get(pk=key), False
    yield "get() by key, in a live block", lambda: Order.objects.get(pk=key), True
    yield "20 rows and a join", lambda: list(Order.objects.select_related("customer")[:20]), False
    yield "20 rows and a join, in a live block", lambda: list(Order.objects.select_related("customer")[:20]), True
    yield "count() of 2,000 rows", Order.objects.count, False
    yield "update() of one row", lambda: Order.objects.filter(pk=key).update(status="paid"), False
    yield "update() of one row in a transaction", in_transaction, False
    yield "save() of one row", order.save, False
    yield (
        "create()",
        lambda: Customer.objects.create(name="x", email=f"{time.monotonic_ns()}@x", since="2020-01-01"),
        False,
    )


@contextmanager
def live() -> Iterator[None]:
    """A live block that has seen its tables."""
    from scriptapps.table_watch import noting_reads

    known: set[str] = set()

    def heard(tables: frozenset[str]) -> None:
        if not tables <= known:
            known.update(tables)

    with noting_reads(heard):
        yield


def turns(act: Callable[[], object], times: int) -> tuple[float, float]:
    """Microseconds without and with the watch, one right after the other."""
    from django.db import connection

    from scriptapps.table_watch import ConnectionWatch

    connection.ensure_connection()
    wrappers: list[Any] = connection.execute_wrappers
    every = list(wrappers)
    others = [wrapper for wrapper in every if not isinstance(wrapper, ConnectionWatch)]
    without: list[float] = []
    watched: list[float] = []
    for _ in range(50):
        act()
    gc.collect()
    gc.disable()
    try:
        for number in range(times):
            # Who goes first changes, so that neither always finds the caches warm.
            for is_watched in (number % 2 == 0, number % 2 == 1):
                wrappers[:] = every if is_watched else others
                begin = time.perf_counter()
                act()
                (watched if is_watched else without).append(time.perf_counter() - begin)
    finally:
        wrappers[:] = every
        gc.enable()
    # The median of the differences: what else the machine does changes slower than a pair takes.
    added = median(later - earlier for earlier, later in zip(without, watched, strict=True))
    return median(without) * 1e6, (median(without) + added) * 1e6


def read_texts() -> tuple[float, float]:
    """Microseconds for a text that is new, and for one that is known."""
    from project.shop.models import Order
    from scriptapps.sql_tables import read_tables, tables_of

    text = str(Order.objects.filter(status="new", customer__region="north").select_related("customer")[:20].query)
    return timed(lambda: read_tables(text, "sqlite"), 300), timed(lambda: tables_of(text, "sqlite"), 50_000)


def timed(act: Callable[[], object], times: int) -> float:
    """Microseconds of one call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(times):
            act()
        best = min(best, time.perf_counter() - begin)
    return best / times * 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
