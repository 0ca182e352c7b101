"""Who shares one session, as a value: parsed from a script's first lines or from settings, read from a row.

Runs on: any thread; pure data, asks nobody. Invariant: what cannot be understood never makes people share.
"""

from __future__ import annotations

import enum


class Scope(enum.StrEnum):
    """How far one session reaches. The values are what settings, headers and database columns hold."""

    TAB = "tab"
    BROWSER = "browser"
    USER = "user"

    @property
    def is_shared(self) -> bool:
        """Whether several pages look at one session."""
        return self is not Scope.TAB


SCOPE_WORDS = ", ".join(Scope)
