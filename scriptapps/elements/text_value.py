"""How the text of text_input and text_area travels.

Runs on: the script thread; reading also on the event loop. Invariant: None passes only where the field may be empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol.values import Wire


@dataclass(frozen=True, slots=True)
class TextValue:
    """``default`` None means that an empty field is None; ``max_chars`` 0 means no limit."""

    label: str
    default: str | None
    max_chars: int

    @classmethod
    def check(cls, label: str, value: object, max_chars: int | None) -> TextValue:
        """Raises ScriptApiError for parameters that do not go together."""
        if max_chars is not None and (isinstance(max_chars, bool) or max_chars < 1):
            raise ScriptApiError(f"max_chars of {label!r} must be at least 1 or None, not {max_chars!r}.")
        default = None if value is None else str(value)
        if default is not None and max_chars is not None and len(default) > max_chars:
            raise ScriptApiError(f"value of {label!r} has {len(default)} characters, max_chars allows {max_chars}.")
        return cls(label, default, max_chars or 0)

    def read(self, wire: Wire) -> str | None:
        """The text the browser sent. Raises InvalidWidgetValueError."""
        if wire is None and self.default is None:
            return None
        if not isinstance(wire, str):
            raise InvalidWidgetValueError(f"{self.label!r} takes a text, not {wire!r}.")
        if self.max_chars and len(wire) > self.max_chars:
            raise InvalidWidgetValueError(f"{self.label!r} takes at most {self.max_chars} characters, not {len(wire)}.")
        return wire

    def write(self, value: Any) -> str | None:
        """A script's text; None empties the field. Raises InvalidWidgetValueError."""
        text = (None if self.default is None else "") if value is None else str(value)
        return self.read(text)
