"""The words, names and marks of an SQL text; what tells nothing about tables is left out.

Runs on: any thread; pure. Invariant: nothing within a text, a comment or a quoted name is taken for SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Token(NamedTuple):
    """``word`` is a word in capitals, a mark, an apostrophe for a text, or nothing for a quoted name."""

    word: str
    text: str = ""

    @property
    def is_name(self) -> bool:
        """Whether it can be a table's name."""
        return not self.word or self.word[0].isalpha() or self.word[0] == "_"


END = Token(";")

PLACEHOLDERS = re.compile(r"\(?%s\)?(?:\s*,\s*\(?%s\)?)+")
"""Lists of placeholders, also those of several rows."""

_PARTS = r"""
    (?P<comment>/\*) | --[^\n]*%(hash_comment)s
  | (?P<text>%(text)s | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
  | (?P<name>"(?:[^"]|"")*" | `(?:[^`]|``)*`%(bracket_name)s)
  | %%(?:s|%%|\([^)]*\)s) | [@:$]+\w+ | \d[\w.]*
  | (?P<word>[^\W\d][\w$]*)
  | (?P<mark>[(),.;])
"""
_ESCAPED_TEXT = r"'(?:[^'\\]|\\.|'')*'"
_STANDARD_TEXT = rf"[eE]{_ESCAPED_TEXT} | '(?:[^']|'')*'"


def _pattern(vendor: str) -> re.Pattern[str]:
    parts = {
        "text": _ESCAPED_TEXT if vendor == "mysql" else _STANDARD_TEXT,
        "hash_comment": r" | \#[^\n]*" if vendor == "mysql" else "",
        "bracket_name": r" | \[[^\]]*\]" if vendor in ("sqlite", "microsoft") else "",
    }
    return re.compile(_PARTS % parts, re.VERBOSE | re.DOTALL)


_PATTERNS = {vendor: _pattern(vendor) for vendor in ("", "mysql", "sqlite", "microsoft")}
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def tokens(sql: str, vendor: str) -> Iterator[Token]:
    """The tokens of a text in the dialect of a database (Django's word for it)."""
    search = _PATTERNS.get(vendor, _PATTERNS[""]).search
    position = 0
    while (match := search(sql, position)) is not None:
        position = match.end()
        text = match.group()
        if match["word"] is not None:
            yield Token(text.upper(), text)
        elif match["mark"] is not None:
            yield Token(text, text)
        elif match["name"] is not None:
            yield Token("", text)
        elif match["text"] is not None:
            yield Token("'", text)
        elif match["comment"] is not None:
            position = _end_of_comment(sql, position)


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position
