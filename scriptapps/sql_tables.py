"""Which tables an SQL statement reads and writes, told from its text.

Runs on: any thread; pure. Invariant: a table that the statement names as read or written is always found; a name too
many (of a function or a temporary table) may be. What the database does by itself (views, triggers, functions, ON
DELETE) is not in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from scriptapps.sql_tokens import END, PLACEHOLDERS, Token, tokens

STATEMENTS_KEPT = 4_096
"""Texts whose tables are remembered in a process."""
LONG_TEXT = 2_000
"""Characters above which lists of placeholders are shortened first: their length is all that differs."""
LONGEST_KEPT = 20_000


class Tables(NamedTuple):
    """Names without schema and quotes, in small letters."""

    reads: frozenset[str]
    writes: frozenset[str]


NONE = Tables(frozenset(), frozenset())


def table_name(name: str) -> str:
    """The name by which a table is known here: `Order._meta.db_table`, `"shop"."Order"` and `order` alike."""
    return name.rpartition(".")[2].strip('"`[]').replace('""', '"').lower()


def tables_of(sql: str, vendor: str = "") -> Tables:
    """What the statement, or the statements between semicolons, read and write.

    ``vendor`` is Django's word for the database; it decides how texts and names are quoted.
    """
    sql = shortened(sql)
    return read_tables(sql, vendor) if len(sql) > LONGEST_KEPT else _kept(sql, vendor)


def shortened(sql: str) -> str:
    """The same statement with its lists of placeholders made short, if it is long: by it the tables can be kept."""
    return sql if len(sql) <= LONG_TEXT else PLACEHOLDERS.sub("%s", sql)


def read_tables(sql: str, vendor: str = "") -> Tables:
    """Like ``tables_of``, without remembering."""
    return _Reader(list(tokens(sql, vendor))).read()


_kept = lru_cache(STATEMENTS_KEPT)(read_tables)

READ, WRITE, BOTH = "read", "write", "both"

# Words between a keyword and the table that it is about.
# fmt: off
PASSED_OVER = frozenset([
    "ABORT", "CONCURRENTLY", "DELAYED", "EXISTS", "FAIL", "HIGH_PRIORITY", "IF", "IGNORE", "INTO", "LATERAL",
    "LOW_PRIORITY", "MATERIALIZED", "NOT", "ONLY", "OR", "QUICK", "REPLACE", "ROLLBACK", "TABLE", "VIEW",
])
# Words after which no more names of a list of tables come.
END_OF_LIST = frozenset([
    "CONNECT", "FETCH", "FOR", "GROUP", "HAVING", "LIMIT", "OFFSET", "ORDER", "RETURNING", "SET", "VALUES", "WHEN",
    "WHERE", "WINDOW",
])
# fmt: on
SET_OPERATORS = frozenset(["UNION", "EXCEPT", "INTERSECT", "MINUS"])
# What may stand before the verb of a statement.
BEFORE_VERB = frozenset(["", "EXPLAIN", "WITH"])
DEFINITIONS = frozenset(["EVENT", "FUNCTION", "PROCEDURE", "RULE", "TRIGGER"])


@dataclass
class _Statement:
    """What is known of the statement, or the part in parentheses, that is being read.

    ``verb`` is "?" for what is none. ``awaits``: what the next name is; ``list_of``: what names after a comma are.
    ``known`` are the names that WITH has made. ``plain`` counts open parentheses of mere expressions.
    """

    known: frozenset[str] = frozenset()
    awaits: str = ""
    list_of: str = ""
    verb: str = ""
    selects: bool = False
    joined: bool = False
    several: bool = False
    plain: int = 0


class _Reader:
    """Walks once over the tokens of a text. ``is_definition``: it makes something that is executed later."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.is_definition = False

    def read(self) -> Tables:
        """What all statements of the text read and write."""
        while self.at < len(self.tokens) and not self.is_definition:
            self.statement(_Statement())
        if self.is_definition or not (self.reads or self.writes):
            return NONE
        return Tables(frozenset(self.reads), frozenset(self.writes))

    def peek(self, ahead: int = 0) -> Token:
        """A token that comes."""
        index = self.at + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else END

    def next(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self.at += 1
        return token

    def statement(self, now: _Statement) -> None:
        """Read to the semicolon, or the parenthesis that closes what was opened before."""
        while self.at < len(self.tokens):
            token = self.next()
            if token.word == ";":
                return
            if token.word == ")":
                if not now.plain:
                    return
                now.plain -= 1
            elif token.word == "(":
                self.parenthesis(now)
            elif now.plain:
                self.within_expression(now, token)
            else:
                self.token(now, token)

    def parenthesis(self, now: _Statement) -> None:
        """Something in parentheses: a subquery, tables, or an expression, which needs no level of its own."""
        if now.awaits in (READ, BOTH) and not now.plain:
            awaits, now.awaits = now.awaits, ""
            self.statement(_Statement(now.known, awaits=awaits, list_of=awaits))
        elif self.peek().word in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE"):
            self.statement(_Statement(now.known))
        else:
            now.plain += 1

    def within_expression(self, now: _Statement, token: Token) -> None:
        """In an expression only a SELECT tells anything, as in ((SELECT ...) UNION SELECT ...)."""
        if token.word == "SELECT":
            self.at -= 1
            now.plain -= 1
            self.statement(_Statement(now.known))

    def token(self, now: _Statement, token: Token) -> None:
        """A word, name or mark outside of expressions."""
        word = token.word
        if word in _VERBS and now.verb in BEFORE_VERB and not (now.awaits and word == "TABLE"):
            now.awaits = now.list_of = ""
            now.verb = word
            _VERBS[word](self, now)
            return
        if word in _WORDS:
            _WORDS[word](self, now)
        elif word == "," and now.list_of:
            now.awaits, now.joined = now.list_of, False
        elif word in END_OF_LIST:
            now.awaits = now.list_of = ""
        elif word in SET_OPERATORS:
            now.awaits = now.list_of = now.verb = ""
            while self.peek().word in ("ALL", "DISTINCT"):
                self.at += 1
            return
        elif now.awaits and word not in PASSED_OVER and token.is_name:
            self.table(now, token)
        now.verb = now.verb or "?"

    def table(self, now: _Statement, token: Token) -> None:
        """The name of a table, perhaps after that of its schema."""
        kind, now.awaits = now.awaits, ""
        name, qualified = self.name(token)
        if kind in (WRITE, BOTH):
            self.writes.add(name)
        # In a list to read from, a name before a parenthesis is a function's.
        if kind in (READ, BOTH) and self.peek().word != "(" and (qualified or name not in now.known):
            self.reads.add(name)

    def name(self, token: Token) -> tuple[str, bool]:
        """A name that begins here, and whether it is given with its schema."""
        qualified = self.peek().word == "."
        while self.peek().word == ".":
            self.at += 1
            token = self.next()
        return table_name(token.text), qualified

    def skip_parentheses(self) -> None:
        """Pass over what is in parentheses, if anything is."""
        depth = 0
        while self.at < len(self.tokens) and (depth or self.peek().word == "("):
            depth += {"(": 1, ")": -1}.get(self.next().word, 0)

    # -- verbs -----------------------------------------------------------------------------------------------------

    def select(self, now: _Statement) -> None:
        """Also within INSERT ... SELECT and CREATE TABLE ... AS SELECT."""
        now.selects, now.awaits, now.list_of = True, "", ""

    def write_one(self, now: _Statement) -> None:
        """INSERT, REPLACE, MERGE: one table, after INTO or at once."""
        now.awaits = WRITE

    def write_list(self, now: _Statement) -> None:
        """TRUNCATE a, b. On MySQL also UPDATE a, b SET."""
        now.awaits = now.list_of = WRITE

    def delete(self, now: _Statement) -> None:
        """DELETE FROM a; on MySQL also DELETE a, b FROM ..., where a and b name, or rename, tables of the list."""
        now.several = self.peek().word not in ("FROM", "LOW_PRIORITY", "QUICK", "IGNORE")

    def read_one(self, now: _Statement) -> None:
        """TABLE a: the whole of it."""
        now.awaits = READ

    def copy(self, now: _Statement) -> None:
        """COPY a FROM, COPY a TO; a query in parentheses reads what it reads."""
        if self.peek().word == "(":
            return
        name, _ = self.name(self.next())
        self.skip_parentheses()
        (self.writes if self.peek().word == "FROM" else self.reads).add(name)

    def define(self, now: _Statement) -> None:
        """CREATE, ALTER, DROP: what happens to a table with rows is a write; what is executed later is none."""
        words = [self.peek(ahead).word for ahead in range(4)]
        if "TABLE" in words:
            self.at += words.index("TABLE")
            now.awaits = WRITE
            now.list_of = WRITE if now.verb == "DROP" else ""
        elif now.verb == "CREATE" and DEFINITIONS.intersection(words):
            self.is_definition = True

    def refresh(self, now: _Statement) -> None:
        """REFRESH MATERIALIZED VIEW a."""
        now.awaits = WRITE

    def explain(self, now: _Statement) -> None:
        """EXPLAIN (options) or EXPLAIN ANALYZE: with it the statement may be executed."""
        self.skip_parentheses()
        while self.peek().word in ("ANALYZE", "VERBOSE", "QUERY", "PLAN", "EXTENDED"):
            self.at += 1

    def common_tables(self, now: _Statement) -> None:
        """WITH a AS (...), b AS (...): names for this statement only. WITH ORDINALITY and the like are none."""
        start = self.at
        recursive = self.peek().word == "RECURSIVE"
        self.at += recursive
        while self.peek().is_name:
            name = table_name(self.next().text)
            self.skip_parentheses()
            if self.next().word != "AS":
                self.at = start
                return
            while self.peek().word in ("NOT", "MATERIALIZED"):
                self.at += 1
            if self.next().word != "(":
                self.at = start
                return
            self.statement(_Statement(now.known | {name} if recursive else now.known))
            now.known |= {name}
            start = self.at = self.after_search_and_cycle()
            if self.next().word != ",":
                self.at = start
                return

    def after_search_and_cycle(self) -> int:
        """Where PostgreSQL's SEARCH and CYCLE clauses of a common table end: at the next one or at the verb."""
        if self.peek().word not in ("SEARCH", "CYCLE"):
            return self.at
        ahead = 0
        while (word := self.peek(ahead).word) not in _VERBS and word != ";":
            if word == "," and self.peek(ahead + 2).word in ("AS", "("):
                break
            ahead += 1
        return self.at + ahead

    # -- words within statements -----------------------------------------------------------------------------------

    def with_(self, now: _Statement) -> None:
        """INSERT INTO a WITH b AS (...) SELECT."""
        self.common_tables(now)

    def from_(self, now: _Statement) -> None:
        """What is read, with DELETE what is written. IS DISTINCT FROM is none, nor is one within a function."""
        if self.peek(-2).word == "DISTINCT" and self.peek(-3).word in ("IS", "NOT"):
            return
        if now.verb == "DELETE" and not now.selects and not now.list_of:
            now.awaits = now.list_of = BOTH if now.several else WRITE
        elif now.selects or now.verb == "UPDATE":
            now.awaits = now.list_of = READ
        now.joined = False

    def join(self, now: _Statement) -> None:
        """One more table of a list; MySQL also writes to joined ones."""
        if now.list_of:
            now.awaits = READ if now.list_of == READ else BOTH
            now.joined = True

    def using(self, now: _Statement) -> None:
        """DELETE FROM a USING b, MERGE INTO a USING b; after a JOIN it is followed by columns."""
        if now.verb in ("DELETE", "MERGE") and not now.joined:
            now.awaits = now.list_of = READ
        now.joined = False

    def into(self, now: _Statement) -> None:
        """SELECT ... INTO a FROM b makes a table."""
        if now.selects and now.verb in ("SELECT", "WITH"):
            now.awaits = WRITE

    def rename(self, now: _Statement) -> None:
        """ALTER TABLE a RENAME TO b."""
        if now.verb == "ALTER" and self.peek().word == "TO":
            self.at += 1
            now.awaits = WRITE


_Step = Callable[[_Reader, _Statement], None]
_VERBS: dict[str, _Step] = {
    "SELECT": _Reader.select,
    "INSERT": _Reader.write_one,
    "REPLACE": _Reader.write_one,
    "MERGE": _Reader.write_one,
    "UPDATE": _Reader.write_list,
    "DELETE": _Reader.delete,
    "TRUNCATE": _Reader.write_list,
    "TABLE": _Reader.read_one,
    "COPY": _Reader.copy,
    "CREATE": _Reader.define,
    "ALTER": _Reader.define,
    "DROP": _Reader.define,
    "REFRESH": _Reader.refresh,
    "EXPLAIN": _Reader.explain,
    "WITH": _Reader.common_tables,
}
_WORDS: dict[str, _Step] = {
    "SELECT": _Reader.select,
    "WITH": _Reader.with_,
    "FROM": _Reader.from_,
    "JOIN": _Reader.join,
    "STRAIGHT_JOIN": _Reader.join,
    "APPLY": _Reader.join,
    "USING": _Reader.using,
    "INTO": _Reader.into,
    "RENAME": _Reader.rename,
}
