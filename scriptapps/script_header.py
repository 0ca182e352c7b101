"""What a script says about itself in its first comment lines, read without importing or compiling it.

Runs on: request threads. Pure: bytes in, a value out.
Invariant: a line that is meant as a declaration but cannot be understood is reported, and never widens access.
"""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from dataclasses import dataclass

from scriptapps.access import NOBODY, AccessRule, AccessRuleError
from scriptapps.scope import SCOPE_WORDS, Scope

# The header has to fit into the file's beginning, so that listing many scripts stays cheap.
HEADER_BYTES = 8_192
LINE = re.compile(r"^#+\s*([A-Za-z][A-Za-z _-]{0,30}?)\s*:\s*(.*?)\s*$")
KEYS = ("title", "access", "deadline", "scope", "description", "order", "category", "memory", "sessions per user")
MAX_ORDER = 1_000_000
MAX_MEMORY_MB = 1_000_000.0
MAX_SESSIONS = 100_000


@dataclass(frozen=True, slots=True)
class ScriptHeader:
    """The declarations of one script; None or "" where it says nothing. `problems` are sentences for the developer.

    ``deadline`` is in seconds, ``memory`` in megabytes for each session.
    """

    title: str = ""
    access: AccessRule | None = None
    deadline: float | None = None
    scope: Scope | None = None
    description: str = ""
    order: int | None = None
    category: str = ""
    memory: float | None = None
    sessions_per_user: int | None = None
    problems: tuple[str, ...] = ()


def parse_header(source: bytes) -> ScriptHeader:
    """Read the leading comment lines of `source`; the first line of code or docstring ends the header."""
    found: dict[str, str] = {}
    problems: list[str] = []
    for line in _leading_comments(source):
        match = LINE.match(line)
        if not match:
            continue
        key = re.sub(r"[ _-]+", " ", match[1].lower())
        if key in KEYS:
            found.setdefault(key, match[2])
        elif near := difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8):
            problems.append(f"“# {match[1]}:” is not a declaration; did you mean “# {near[0]}:”?")
    access, deadline, scope = _access(found, problems), _deadline(found, problems), _scope(found, problems)
    order = _whole(found, "order", -MAX_ORDER, MAX_ORDER, problems)
    sessions_per_user = _whole(found, "sessions per user", 1, MAX_SESSIONS, problems)
    return ScriptHeader(
        title=found.get("title", "")[:200],
        access=access,
        deadline=deadline,
        scope=scope,
        description=found.get("description", ""),
        order=order,
        category=found.get("category", "")[:100],
        memory=_memory(found, problems),
        sessions_per_user=sessions_per_user,
        problems=tuple(problems),
    )


def _leading_comments(source: bytes) -> list[str]:
    head = source[:HEADER_BYTES]
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(head).readline)
    except SyntaxError:
        encoding = "utf-8"
    comments = []
    for line in head.decode(encoding, errors="replace").splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append(stripped)
        elif stripped:
            break
    return comments


def _access(found: dict[str, str], problems: list[str]) -> AccessRule | None:
    if "access" not in found:
        return None
    try:
        return AccessRule.parse(found["access"])
    except AccessRuleError as error:
        problems.append(f"“# access:” cannot be understood, so nobody may open the script app: {error}")
        return NOBODY


def _deadline(found: dict[str, str], problems: list[str]) -> float | None:
    if "deadline" not in found:
        return None
    try:
        seconds = float(found["deadline"].removesuffix("s").strip())
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= 86_400:
        return seconds
    problems.append(f"“# deadline:” takes seconds from 0 to 86400, not {found['deadline']!r}; the default holds")
    return None


def _scope(found: dict[str, str], problems: list[str]) -> Scope | None:
    if "scope" not in found:
        return None
    try:
        return Scope(found["scope"].lower())
    except ValueError:
        problems.append(f"“# scope:” is one of {SCOPE_WORDS}, not {found['scope']!r}; each tab has its own session")
        return None


def _whole(found: dict[str, str], key: str, least: int, most: int, problems: list[str]) -> int | None:
    if key not in found:
        return None
    text = found[key]
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text) and least <= int(text) <= most:
        return int(text)
    problems.append(f"“# {key}:” takes a whole number from {least} to {most}, not {text!r}; it is left out")
    return None


def _memory(found: dict[str, str], problems: list[str]) -> float | None:
    if "memory" not in found:
        return None
    text = found["memory"].upper().removesuffix("MB").strip()
    try:
        megabytes = float(text)
    except ValueError:
        megabytes = 0.0
    if 0 < megabytes <= MAX_MEMORY_MB:
        return megabytes
    problems.append(f"“# memory:” takes megabytes, as in “# memory: 200 MB”, not {found['memory']!r}; it is left out")
    return None
