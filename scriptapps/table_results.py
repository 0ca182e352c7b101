"""Whether the result of a QuerySet has changed, without keeping the result.

Runs on: script threads and the threads of ``TableEvents``, never the event loop. Invariant: two digests of one QuerySet
are equal if and only if its rows are, and their order where it has one.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager

from scriptapps.errors import ScriptApiError
from scriptapps.sql_tables import table_name, tables_of

MOST_ROWS = 10_000
MOST_BYTES = 16_000_000
ROWS_AT_ONCE = 1_000
DIGESTS_KEPT = 256


@dataclass(frozen=True)
class Statement:
    """A QuerySet as SQL. Two with the same ``key`` have the same result at the same time."""

    using: str
    sql: str
    params: tuple[Any, ...]
    is_ordered: bool
    tables: frozenset[str]

    @property
    def key(self) -> tuple[str, str, str]:
        """What it can be looked up by."""
        return self.using, self.sql, repr(self.params)

    @classmethod
    def of(cls, queryset: Any) -> Statement | None:
        """The statement that fetches the rows; None if there can be none, whatever the tables hold."""
        using = queryset.db
        try:
            sql, params = queryset.query.get_compiler(using=using).as_sql()
        except (EmptyResultSet, FullResultSet):
            return None
        reads = tables_of(sql, connections[using].vendor).reads
        return cls(using, sql, tuple(params), bool(queryset.ordered), reads)

    def digest(self) -> bytes:
        """What tells one result from another. Raises ScriptApiError for a result that is too large."""
        whole, total, size, count = hashlib.blake2b(digest_size=16), 0, 0, 0
        for row in self._rows():
            text = repr(row).encode(errors="surrogatepass")
            count, size = count + 1, size + len(text)
            if count > MOST_ROWS or size > MOST_BYTES:
                raise ScriptApiError(
                    f"This QuerySet has more than {MOST_ROWS:,} rows or {MOST_BYTES // 1_000_000} MB, too much to tell "
                    "whether its result has changed. Give the model instead, or a QuerySet that aggregates."
                )
            if self.is_ordered:
                whole.update(len(text).to_bytes(8, "big") + text)
            else:
                # The database may give the same rows in another order next time.
                total += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")
        return whole.digest() + total.to_bytes(24, "big") + count.to_bytes(4, "big")

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(self.sql, self.params)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                for row in rows:
                    yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


class SharedDigests:
    """Digests of results that many pages watch: fetched once after each change of their tables."""

    def __init__(self) -> None:
        # Guards both tables below; nothing is fetched while it is held.
        self._lock = threading.Lock()
        self._changes: dict[str, int] = {}
        self._known: OrderedDict[tuple[str, str, str], tuple[tuple[int, ...], bytes]] = OrderedDict()

    def changed(self, tables: Iterable[str]) -> None:
        """What is known of these is out of date."""
        with self._lock:
            for table in tables:
                self._changes[table] = self._changes.get(table, 0) + 1

    def of(self, statement: Statement) -> bytes:
        """The digest as it is since the last change. Raises what fetching raises."""
        with self._lock:
            changes = tuple(self._changes.get(table, 0) for table in sorted(statement.tables))
            known = self._known.get(statement.key)
        if known is not None and known[0] == changes:
            return known[1]
        digest = statement.digest()
        with self._lock:
            self._known[statement.key] = changes, digest
            self._known.move_to_end(statement.key)
            while len(self._known) > DIGESTS_KEPT:
                self._known.popitem(last=False)
        return digest


def tables_named(source: Any) -> list[str] | None:
    """The tables that a name or a model class stands for; None for what has rows of its own. Raises ScriptApiError."""
    if isinstance(source, str):
        return [table_name(source)]
    if isinstance(source, type) and issubclass(source, Model):
        return [table_name(model._meta.db_table) for model in (source, *source._meta.get_parent_list())]
    if isinstance(source, QuerySet | BaseManager | Model):
        return None
    raise ScriptApiError(f"What is watched is a model, a table's name, a QuerySet or a row, not {source!r:.100}.")


def queryset_of(source: Any) -> Any:
    """The QuerySet of a QuerySet, a manager or one row."""
    if isinstance(source, Model):
        return type(source)._base_manager.filter(pk=source.pk)
    return source.all()
