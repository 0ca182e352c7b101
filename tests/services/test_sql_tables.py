"""Which tables a statement reads and writes: by hand, and beside what SQLite itself says that it touches.

Runs on: pytest; no database of the site.
"""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from scriptapps.sql_tables import NONE, Tables, _kept, read_tables, table_name, tables_of

# statement, what it reads, what it writes
STATEMENTS = [
    # what Django writes
    ('SELECT "shop_order"."id" FROM "shop_order" WHERE "shop_order"."id" = %s LIMIT 21', "shop_order", ""),
    ('SELECT COUNT(*) AS "__count" FROM "shop_order"', "shop_order", ""),
    ('SELECT 1 AS "a" FROM "shop_order" U0 WHERE U0."id" IN (%s, %s) LIMIT 1', "shop_order", ""),
    (
        'SELECT "a"."id" FROM "a" INNER JOIN "b" ON ("a"."b_id" = "b"."id") LEFT OUTER JOIN "c" T4 ON (T4."id" = 1)',
        "a b c",
        "",
    ),
    ('SELECT (SELECT MAX(U0."x") FROM "b" U0 WHERE U0."a_id" = ("a"."id")) AS "m" FROM "a"', "a b", ""),
    (
        'SELECT 1 FROM "a" WHERE EXISTS(SELECT 1 FROM "c" U0 WHERE (U0."k" IN (SELECT V0."id" FROM "d" V0)))',
        "a c d",
        "",
    ),
    ('SELECT "id" FROM "a" UNION ALL SELECT "id" FROM "b" ORDER BY 1', "a b", ""),
    ('(SELECT "id" FROM "a") EXCEPT ((SELECT "id" FROM "b") UNION SELECT "id" FROM "c")', "a b c", ""),
    ('SELECT EXTRACT(YEAR FROM "a"."placed" AT TIME ZONE %s) AS "y", TRIM(BOTH %s FROM "a"."n") FROM "a"', "a", ""),
    ('SELECT "x" IS DISTINCT FROM "y", "x" IS NOT DISTINCT FROM "z" FROM "a"', "a", ""),
    ('SELECT DISTINCT ON ("x") "x" FROM "a" FOR NO KEY UPDATE OF "a" SKIP LOCKED', "a", ""),
    ('INSERT INTO "shop_order" ("a", "b") VALUES (%s, %s), (%s, %s) RETURNING "shop_order"."id"', "", "shop_order"),
    ('INSERT INTO "a" ("x") SELECT * FROM UNNEST((%s)::integer[]) RETURNING "a"."id"', "", "a"),
    ('INSERT INTO "a" ("x") VALUES (%s) ON CONFLICT("x") DO UPDATE SET "x" = EXCLUDED."x", "y" = %s', "", "a"),
    ('INSERT OR IGNORE INTO "a" ("x") SELECT "y" FROM "b"', "b", "a"),
    ("INSERT IGNORE INTO `a` (`x`) VALUES (%s) ON DUPLICATE KEY UPDATE `x` = VALUES(`x`), `y` = 1", "", "a"),
    ('UPDATE "shop_order" SET "status" = %s WHERE ("shop_order"."id" IN (SELECT "x" FROM "b"))', "b", "shop_order"),
    ('UPDATE "a" SET "x" = CASE WHEN ("a"."id" = %s) THEN %s ELSE NULL END, "y" = 2 WHERE "id" IN (%s)', "", "a"),
    ('DELETE FROM "shop_order" WHERE "shop_order"."id" IN (%s, %s)', "", "shop_order"),
    ('DELETE FROM "a" WHERE "id" IN (SELECT U0."id" FROM "a" U0 INNER JOIN "b" U1 ON (U0."b" = U1."id"))', "a b", "a"),
    ('SAVEPOINT "s1_x1"', "", ""),
    ('RELEASE SAVEPOINT "s1_x1"', "", ""),
    ('ROLLBACK TO SAVEPOINT "s1_x1"', "", ""),
    ("BEGIN IMMEDIATE", "", ""),
    ("TRUNCATE \"a\", \"b\", \"c\";", "", "a b c"),
    # raw SQL: queries
    ("select o.id from shop_order o, shop_customer as c, (select 1) x where true", "shop_order shop_customer", ""),
    ("select * from a natural join b cross join c, d left join lateral (select * from e) f on true", "a b c d e", ""),
    ("select * from (a join b on 1) join ((c join d using (x, y)) left join e on 1) using (z), f", "a b c d e f", ""),
    ("select a.x from a join b using (k) join c using (k, l) group by a.x having count(*) > 1", "a b c", ""),
    ("select * from generate_series(1, 10) g, json_each(%s), real_table(), shop.fn(3)", "", ""),
    ("select * from public.a, \"shop\".\"Order\", other.dbo.c", "a order c", ""),
    ("table a", "a", ""),
    ("select 1; select 2 from a; update b set x = 1", "a", "b"),
    ("select (select x from a) + ((select y from b)) from c where d in (select e from f)", "a b c f", ""),
    ("select * from a where (x, y) in (select x, y from b) and (z or (w and exists (select from c)))", "a b c", ""),
    ("select * into new_one from a", "a", "new_one"),
    ("select x from a window w as (partition by y), v as (order by z)", "a", ""),
    ("select max(x) filter (where y) over (partition by z order by w range current row) from a", "a", ""),
    ("SELECT STRAIGHT_JOIN * FROM a STRAIGHT_JOIN b PARTITION (p0, p1) USE INDEX (i, j), c", "a b c", ""),
    ("explain select * from a", "a", ""),
    ("EXPLAIN (ANALYZE, BUFFERS) UPDATE a SET x = 1", "", "a"),
    ("explain query plan select * from a", "a", ""),
    ("declare c cursor for select * from a", "a", ""),
    ("values (1, 2), (3, 4)", "", ""),
    ("set search_path from current", "", ""),
    ("pragma table_info(a)", "", ""),
    ("lock table a in exclusive mode", "", ""),
    # names that WITH makes
    ("with x as (select * from a), y (k, l) as materialized (select * from x, b) select * from y, c", "a b c", ""),
    ("with a as (select * from a) select * from a", "a", ""),
    ("with recursive t(n) as (select 1 union all select n + 1 from t, a) select n from t", "a", ""),
    ("with x as (select 1) select * from public.x, x", "x", ""),
    ("with gone as (delete from a where x returning *) insert into b select * from gone", "", "a b"),
    ("with x as not materialized (select 1 from a) update b set y = x.y from x, c where true", "a c", "b"),
    ("with x as (select 1) delete from a using x, b where a.id = x.id", "b", "a"),
    ("insert into a with x as (select * from b) select * from x", "b", "a"),
    ("with recursive t as (select 1 from a) search depth first by k, l set o, u as (table b) table u", "a b", ""),
    ("with recursive t as (select * from a) cycle k set f using p select * from t, c", "a c", ""),
    ("select * from unnest(%s) with ordinality as t(x, n), a", "a", ""),
    ("select (with x as (select * from a) select count(*) from x) from b", "a b", ""),
    ("select * from x, (with x as (select * from a) select * from x) y", "x a", ""),
    # raw SQL: writes
    ("update only a set (x, y) = (select x, y from b), z = default from c join d on true where 1", "b c d", "a"),
    ("update or replace a set x = 1", "", "a"),
    ("UPDATE LOW_PRIORITY a JOIN b ON a.x = b.x SET a.y = b.y", "b", "a b"),
    ("delete from only a using b, c join d using (k) where true returning *", "b c d", "a"),
    ("DELETE x FROM a AS x JOIN b AS y ON x.i = y.i WHERE y.z", "a b", "a b"),
    ("DELETE FROM a USING a JOIN b ON a.i = b.i", "a b", "a"),
    ("replace into a (x) values (1)", "", "a"),
    ("merge into a t using (table b) s on t.i = s.i when not matched then insert (x) values (s.x)", "b", "a"),
    ("merge into a as t using b s on t.i = s.i when matched then update set x = s.x", "b", "a"),
    ("merge into a using b on a.i = b.i when matched then delete", "b", "a"),
    ("truncate table only a, b restart identity cascade", "", "a b"),
    ("copy a (x, y) from stdin with (format csv)", "", "a"),
    ("copy shop.a from '/tmp/file'", "", "a"),
    ("copy a (x) to stdout", "a", ""),
    ("copy (select * from a join b on true) to stdout", "a b", ""),
    ("refresh materialized view concurrently a", "", "a"),
    ("create table if not exists a as select * from b", "b", "a"),
    ("create temp table a (x integer references c (id) on delete cascade)", "", "a"),
    ("alter table only a add column x integer", "", "a"),
    ('ALTER TABLE "new__a" RENAME TO "a"', "", "new__a a"),
    ("drop table if exists a, b cascade", "", "a b"),
    ("create index i on a using btree (x)", "", ""),
    ("create or replace function f() returns trigger as $$ begin update a set x = 1; end $$ language plpgsql", "", ""),
    ("create trigger t after insert on a begin update b set x = 1; delete from c; end", "", ""),
    # what only looks like it
    ("select 'x from a', 'it''s from b', %s from c -- from d\nwhere /* from e /* from f */ from g */ true", "c", ""),
    ("select E'\\' from a' from b", "b", ""),
    ("select $$ from a $$, $q$ from b $$ $q$ from c", "c", ""),
    ('select "x from a", "say ""from b""" from "c"', "c", ""),
    ("select x.from_, updated, deleted_at from a", "a", ""),
    ("select replace(x, 'a', 'b'), insert_one(y), truncate(z, 2) from a", "a", ""),
    ("select %(from)s, %(b)s from a where x = %(c)s", "a", ""),
    ("select 5 % 2, 100 %% 3 from a", "a", ""),
    ("select x::text, y[1:2], z->>'from' from a", "a", ""),
    ("", "", ""),
    ("-- nothing", "", ""),
]  # fmt: skip


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


@pytest.mark.parametrize(("sql", "reads", "writes"), STATEMENTS, ids=[entry[0][:60] for entry in STATEMENTS])
def test_reads_and_writes(sql: str, reads: str, writes: str) -> None:
    assert read_tables(sql, "postgresql") == Tables(names(reads), names(writes))
    assert tables_of(sql, "") == Tables(names(reads), names(writes))


@pytest.mark.parametrize(
    ("vendor", "sql", "reads"),
    [
        ("mysql", r"SELECT 'it\'s from b' FROM `a` # from c", "a"),
        ("sqlite", "SELECT * FROM [my table], [main].[b]", "my table|b"),
        ("postgresql", r"SELECT 'C:\' FROM a, b WHERE x = 'c'", "a|b"),
    ],
)
def test_each_database_quotes_in_its_own_way(vendor: str, sql: str, reads: str) -> None:
    assert read_tables(sql, vendor).reads == frozenset(reads.split("|"))


@pytest.mark.parametrize("name", ["Order", '"Order"', 'shop"."order', '"shop"."ORDER"', "`order`", "db.shop.order"])
def test_a_table_has_one_name(name: str) -> None:
    assert table_name(name) == "order"


def test_texts_that_differ_in_the_number_of_values_are_remembered_as_one() -> None:
    def insert(rows: int) -> str:
        return 'INSERT INTO "a" ("x", "y") VALUES ' + ", ".join(["(%s, %s)"] * rows)

    def select(values: int) -> str:
        return f'SELECT * FROM "b" WHERE "x" IN ({", ".join(["%s"] * values)}) AND "y" IN (SELECT "z" FROM "c")'

    tables_of(insert(500))
    tables_of(select(1000))
    before = _kept.cache_info().misses
    assert tables_of(insert(2500)) == Tables(frozenset(), frozenset({"a"}))
    assert tables_of(select(2500)) == Tables(frozenset({"b", "c"}), frozenset())
    assert _kept.cache_info().misses == before


def test_a_text_too_long_to_keep_is_read_all_the_same() -> None:
    sql = f"SELECT '{'x' * 30_000}' FROM a"
    assert tables_of(sql) == Tables(frozenset({"a"}), frozenset())


def test_deep_parentheses_are_no_limit() -> None:
    sql = f"SELECT * FROM a WHERE {'(' * 5_000}x IN (SELECT y FROM b){')' * 5_000}"
    assert read_tables(sql).reads == {"a", "b"}


def test_half_a_statement_is_no_error() -> None:
    for sql, _, _ in STATEMENTS:
        for end in range(len(sql)):
            read_tables(sql[:end])
            read_tables(sql[end:])


# -- beside SQLite, which says at each statement what it touches -------------------------------------------------------

WRITING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


class Witness:
    """A database that notes which tables of its own a statement touches."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", cached_statements=0)
        for table in "abcd":
            self.connection.execute(f"CREATE TABLE {table} (x, y, z)")
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.connection.set_authorizer(self._note)

    def _note(self, action: int, table: str | None, *_: object) -> int:
        if table in ("a", "b", "c", "d"):
            if action in WRITING:
                self.writes.add(table)
            elif action == sqlite3.SQLITE_READ:
                self.reads.add(table)
        return sqlite3.SQLITE_OK

    def asked(self, sql: str) -> tuple[set[str], set[str]]:
        """What SQLite reads and writes for this statement."""
        self.reads, self.writes = set(), set()
        try:
            self.connection.execute(f"EXPLAIN {sql}")
        except sqlite3.OperationalError as error:
            # The same alias may have come twice.
            assume("ambiguous" not in str(error))
            raise
        return self.reads, self.writes


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    made = Witness()
    yield made
    made.connection.close()


table = some.sampled_from("abcd")
column = some.sampled_from(["x", "y", "z"])


@some.composite
def queries(draw: some.DrawFn, depth: int = 2) -> str:
    """A SELECT of one column, with joins, subqueries, set operations and names made by WITH."""
    source = draw(sources(depth))
    with_names = ""
    if depth and draw(some.integers(0, 3)) == 0:
        name = draw(some.sampled_from(["q", "r"]))
        recursive = draw(some.sampled_from(["", "RECURSIVE "]))
        with_names = f"WITH {recursive}{name}(x, y, z) AS ({draw(queries(depth=depth - 1))}) "
        source = f"{name}, {source}"
    text = f"{with_names}SELECT {draw(expressions(depth))} AS x, 1 AS y, 2 AS z FROM {source}"
    if draw(some.booleans()):
        text += f" WHERE {draw(expressions(depth))} IS NOT NULL"
    if depth and draw(some.integers(0, 3)) == 0:
        other = draw(queries(depth=depth - 1))
        text += f" {draw(some.sampled_from(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT']))} SELECT * FROM ({other})"
    return text


@some.composite
def sources(draw: some.DrawFn, depth: int) -> str:
    """What stands after FROM."""
    kinds = ["table", "table", "list", "join"] + (["query", "group"] if depth else [])
    kind, alias = draw(some.sampled_from(kinds)), f"t{draw(some.integers(0, 10**6))}"
    if kind == "table":
        return f'"{draw(table)}" AS {alias}'
    if kind == "query":
        return f"({draw(queries(depth=depth - 1))}) {alias}"
    first, second = draw(sources(max(depth - 1, 0))), draw(sources(max(depth - 1, 0)))
    if kind == "list":
        return f"{first}, {second}"
    if kind == "group":
        return f"(({first} CROSS JOIN {second}))"
    return f"{first} {draw(some.sampled_from(['JOIN', 'LEFT JOIN', 'CROSS JOIN']))} ({second}) ON 1 = 1"


@some.composite
def expressions(draw: some.DrawFn, depth: int) -> str:
    """A value."""
    kinds = ["number", "text", "function"] + (["query", "exists", "both"] if depth else [])
    match draw(some.sampled_from(kinds)):
        case "number":
            return "1"
        case "text":
            return "' from a, (select * from b) '"
        case "function":
            return "coalesce(replace('a', 'b', 'c'), (1))"
        case "query":
            return f"(SELECT x FROM ({draw(queries(depth=depth - 1))}))"
        case "exists":
            return f"(1 IN (2, 3) OR EXISTS ({draw(queries(depth=depth - 1))}))"
        case _:
            return f"(({draw(expressions(depth - 1))}) + {draw(expressions(depth - 1))})"


@some.composite
def statements(draw: some.DrawFn) -> str:
    """Any statement."""
    target = draw(table)
    match draw(some.sampled_from(["select", "insert", "values", "update", "from", "delete"])):
        case "select":
            return draw(queries())
        case "insert":
            return f"INSERT OR REPLACE INTO {target} (x, y, z) {draw(queries())}"
        case "values":
            return f"INSERT INTO {target} (x) VALUES ({draw(expressions(2))}), (2) RETURNING x"
        case "update":
            return f"UPDATE {target} SET x = {draw(expressions(2))}, y = 1 WHERE {draw(expressions(1))}"
        case "from":
            return f"UPDATE {target} SET x = s.x FROM ({draw(queries())}) s WHERE 1 = 1"
        case _:
            return f"DELETE FROM {target} WHERE x IN (SELECT x FROM ({draw(queries())}))"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(sql=statements())
def test_what_sqlite_touches_is_found_and_nothing_else(witness: Witness, sql: str) -> None:
    reads, writes = witness.asked(sql)
    found = read_tables(sql, "sqlite")
    assert found.writes == writes
    # SQLite does not look at columns that nobody asks for, and UPDATE and DELETE look at what they write to.
    assert reads <= found.reads | found.writes
    assert found.reads <= {"a", "b", "c", "d"}


def test_nothing_is_one_thing() -> None:
    assert read_tables("SELECT 1") is NONE
