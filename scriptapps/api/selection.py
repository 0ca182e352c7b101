"""Which sessions a request is about.

Runs on: request threads. Invariant: a selection that says nothing is refused; "all" has to be said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth import get_user_model

from scriptapps.models import ScriptSession, ScriptSessionQuerySet

State = ScriptSession.State
Sessions = ScriptSessionQuerySet

LIVENESS: dict[str, Callable[[Sessions], Sessions]] = {
    "live": lambda sessions: sessions.live(),
    "running": lambda sessions: sessions.live().filter(state=State.RUNNING),
    "queued": lambda sessions: sessions.live().filter(state=State.QUEUED),
    "idle": lambda sessions: sessions.live().filter(state=State.IDLE, viewers__gt=0),
    "away": lambda sessions: sessions.live().filter(state=State.IDLE, viewers=0),
    "parked": lambda sessions: sessions.parked(),
    "gone": lambda sessions: sessions.not_live().exclude(state=State.CLOSED).exclude(node=""),
    "open": lambda sessions: sessions.exclude(state=State.CLOSED),
    "closed": lambda sessions: sessions.filter(state=State.CLOSED),
    "any": lambda sessions: sessions.all(),
}
"""What is true of a session now; the first seven as `ScriptSession.liveness` says it."""
ENDED = ("closed", "any")


def select(sessions: Sessions, given: Mapping[str, Any]) -> Sessions:
    """Those of these sessions that fit all that is given; live ones unless ids or a liveness are."""
    if "ids" in given:
        sessions = sessions.filter(pk__in=given["ids"])
    if "script_app" in given:
        sessions = sessions.filter(script_app__slug=given["script_app"])
    if "user" in given:
        sessions = sessions.filter(**{f"user__{get_user_model().USERNAME_FIELD}": given["user"]})
    if "scope" in given:
        sessions = sessions.filter(scope=given["scope"])
    return LIVENESS[given.get("liveness") or ("open" if "ids" in given else "live")](sessions)


def in_words(given: Mapping[str, Any]) -> str:
    """The selection for a record: whom was meant, not whom it reached."""
    words = []
    for name, value in given.items():
        if name == "ids":
            words.append(f"{len(value)} ids" if len(value) > 1 else f"id {value[0]}")
        else:
            words.append(name if value is True else f"{name}={value}")
    return ", ".join(words)
