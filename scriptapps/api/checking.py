"""Checks a JSON value against the part of JSON Schema that the API's own schemas use.

Runs on: request threads; pure. Invariant: the schema that is checked here is the one in the OpenAPI document, so what
is documented and what is accepted cannot differ. A keyword that is not known here raises KeyError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

Schema = Mapping[str, Any]
Found = Iterator[tuple[str, str]]

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}
SAYS_NOTHING = {"description", "default", "examples", "type", "title"}


def problems_of(value: Any, schema: Schema, pointer: str = "") -> list[tuple[str, str]]:
    """What is wrong with the value, as (JSON pointer, words) pairs; empty when nothing is."""
    return list(_problems(value, schema, pointer))


def _problems(value: Any, schema: Schema, pointer: str) -> Found:
    kind = schema.get("type")
    if kind is not None and not TYPES[kind](value):
        yield pointer, f"must be of type {kind}"
        return
    if isinstance(value, str) and (what := _unsuited(value)):
        yield pointer, what
        return
    for keyword in schema:
        if keyword not in SAYS_NOTHING:
            yield from CHECKS[keyword](value, schema, pointer)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _unsuited(text: str) -> str:
    """No database takes these."""
    if "\0" in text:
        return "must not contain the character U+0000"
    return "" if text.isascii() or _is_unicode(text) else "must not contain half a surrogate pair"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _properties(value: Any, schema: Schema, pointer: str) -> Found:
    for name, inner in schema["properties"].items():
        if name in value:
            yield from _problems(value[name], inner, f"{pointer}/{name}")


def _additional(value: Any, schema: Schema, pointer: str) -> Found:
    known = schema.get("properties", {})
    inner = schema["additionalProperties"]
    for name in value:
        if name not in known and inner is False:
            yield f"{pointer}/{_escaped(name)}", f"is not known here; known are: {', '.join(known)}"
        elif name not in known and inner is not True:
            yield from _problems(value[name], inner, f"{pointer}/{_escaped(name)}")


def _required(value: Any, schema: Schema, pointer: str) -> Found:
    for name in schema["required"]:
        if name not in value:
            yield f"{pointer}/{name}", "is missing"


def _names(value: Any, schema: Schema, pointer: str) -> Found:
    for name in value:
        for _pointer, what in _problems(name, schema["propertyNames"], ""):
            yield f"{pointer}/{_escaped(name)}", f"as a name {what}"


def _any_of(value: Any, schema: Schema, pointer: str) -> Found:
    if not any(not problems_of(value, branch) for branch in schema["anyOf"]):
        names = [branch["required"][0] for branch in schema["anyOf"] if "required" in branch]
        yield pointer, f"must have at least one of: {', '.join(names)}"


def _one_of(value: Any, schema: Schema, pointer: str) -> Found:
    """The branches are so made that at most one fits; told is what keeps the value out of the nearest."""
    found = [problems_of(value, branch, pointer) for branch in schema["oneOf"]]
    if all(found):
        yield from min(found, key=len)


def _items(value: Any, schema: Schema, pointer: str) -> Found:
    for number, item in enumerate(value):
        yield from _problems(item, schema["items"], f"{pointer}/{number}")


def _unique(value: Any, schema: Schema, pointer: str) -> Found:
    if schema["uniqueItems"] and len({repr(item) for item in value}) < len(value):
        yield pointer, "must not hold anything twice"


def _limit(keyword: str, is_wrong: Callable[[Any, Any], bool], words: str) -> Any:
    def check(value: Any, schema: Schema, pointer: str) -> Found:
        if is_wrong(value, schema[keyword]):
            yield pointer, words.format(schema[keyword])

    return check


def _is_no_uuid(value: Any, _format: str) -> bool:
    try:
        return str(UUID(value)) != value.lower()
    except ValueError:
        return True


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


CHECKS: dict[str, Callable[[Any, Schema, str], Found]] = {
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "propertyNames": _names,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "items": _items,
    "uniqueItems": _unique,
    "const": _limit("const", lambda value, wanted: value != wanted or type(value) is not type(wanted), "must be {!r}"),
    "enum": _limit("enum", lambda value, words: value not in words, "must be one of {}"),
    "minimum": _limit("minimum", lambda value, least: value < least, "must be at least {}"),
    "maximum": _limit("maximum", lambda value, most: value > most, "must be at most {}"),
    "minLength": _limit("minLength", lambda value, least: len(value) < least, "must have at least {} characters"),
    "maxLength": _limit("maxLength", lambda value, most: len(value) > most, "must have at most {} characters"),
    "minItems": _limit("minItems", lambda value, least: len(value) < least, "must have at least {} entries"),
    "maxItems": _limit("maxItems", lambda value, most: len(value) > most, "must have at most {} entries"),
    "pattern": _limit("pattern", lambda value, pattern: not _compiled(pattern).search(value), "must match {}"),
    "format": _limit("format", _is_no_uuid, "must be a {}"),
}
