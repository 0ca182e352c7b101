"""What one operation of the API is.

Runs on: any thread; pure data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.http import HttpResponse

from scriptapps.api.call import Call
from scriptapps.api.checking import Schema

Handler = Callable[[Call], HttpResponse]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation. ``act`` is what the actor must be allowed, "" where the handler decides."""

    name: str
    method: str
    # As Django writes it, below the mount.
    route: str
    act: str
    summary: str
    handle: Handler
    # The name of a schema; acts answer 202 as well.
    answers: str
    params: dict[str, Schema] = field(default_factory=dict)
    # Made when it is asked for: limits are settings.
    body: Callable[[], Schema] | None = None

    @property
    def target(self) -> str:
        """The name of the variable part of the address, "" for none."""
        _before, _colon, rest = self.route.partition("<path:")
        return rest.partition(">")[0]

    @property
    def address(self) -> str:
        """The address below the mount, as OpenAPI writes it."""
        return "/" + self.route.replace(f"<path:{self.target}>", f"{{{self.target}}}")
