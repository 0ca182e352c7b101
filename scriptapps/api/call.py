"""One request after it was checked, as the handlers of endpoints get it.

Runs on: request threads. Invariant: what stands in here fits the schemas of its endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scriptapps import audit
from scriptapps.api.problems import Problem
from scriptapps.models import ScriptSession, ScriptSessionQuerySet
from scriptapps.permissions import ACT_PERMISSIONS, Actor

VIA = "API"


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks what. ``target`` is the last variable part of the address, ``key`` the Idempotency-Key."""

    actor: Actor
    method: str
    path: str
    target: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    key: str = ""

    def require(self, act: str) -> None:
        """Raises Problem (403) unless the actor may do this; what was tried is on record."""
        if self.actor.may(act):
            return
        self.record(act, outcome="forbidden")
        needed = f"the permission scriptapps.{ACT_PERMISSIONS[act]}"
        if self.actor.token is not None:
            needed = f"a token for {act!r}, of a user who has {needed}"
        raise Problem(403, f"This needs {needed}. Ask the staff of the site for it.")

    def record(self, act: str, **what: Any) -> None:
        """Write an audit record of this actor."""
        audit.record(act, by=self.actor.user, via=VIA, token=self.actor.token_name, **what)

    def sessions(self) -> ScriptSessionQuerySet:
        """All that this actor may act on."""
        return self.actor.visible(ScriptSession.objects.all())
