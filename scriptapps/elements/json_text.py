"""Python objects as JSON text that every browser can read.

Runs on: any thread (pure). Invariant: valid JSON comes out, whatever goes in: what JSON lacks becomes text.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Set
from enum import Enum
from typing import Any

from scriptapps.elements.wire_numbers import LARGEST_EXACT
from scriptapps.errors import ScriptApiError

DEEPEST = 100


def json_text(value: Any) -> str:
    """JSON of an object; a string must be JSON already. Raises ScriptApiError."""
    if isinstance(value, str):
        try:
            return json.dumps(plain(json.loads(value)), ensure_ascii=False)
        except ValueError as error:
            raise ScriptApiError(f"The text is not valid JSON: {error}.") from error
    return json.dumps(plain(value), ensure_ascii=False)


def plain(value: Any, depth: int = 0) -> Any:
    """The object in dicts, lists, texts, numbers, booleans and None only. Raises ScriptApiError if it never ends."""
    if depth > DEEPEST:
        raise ScriptApiError(f"The object is nested more than {DEEPEST} levels deep, or contains itself.")
    if value is None or isinstance(value, bool | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and not isinstance(value, Enum):
        return int(value) if abs(value) <= LARGEST_EXACT else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    fields = fields_of(value)
    if fields is not None:
        return plain(fields, depth + 1)
    if isinstance(value, list | tuple | Set | type({}.values())) or _is_iterator(value):
        return [plain(item, depth + 1) for item in value]
    to_list = getattr(value, "tolist", None)
    return plain(to_list(), depth + 1) if callable(to_list) else str(value)


def fields_of(value: Any) -> dict[str, Any] | None:
    """The fields of a named tuple, a dataclass or a pydantic model, None for other objects."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dump = getattr(type(value), "model_dump", None)
    return dict(dump(value)) if callable(dump) else None


def _is_iterator(value: object) -> bool:
    return isinstance(value, map | enumerate | zip | range) and isinstance(value, Iterable)
