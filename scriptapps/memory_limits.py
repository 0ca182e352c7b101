"""Sessions that hold more memory than their script app allows run no more until they hold less.

Runs on: the row writer's thread looks, the beat's thread reads the limits, script threads ask before a run.
Invariant: a run of a session that is within its limit costs one look into a set; what is stored stays stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext

from scriptapps.errors import StopScript
from scriptapps.models import ScriptApp
from scriptapps.protocol import schema
from scriptapps.registry import registry
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.memory import estimated_bytes
from scriptapps.runtime.run_context import RunContext

MEGABYTE = 1_000_000
CLEARS = "clear cache"
"""The trigger of a run that begins with nothing: the way out."""


class MemoryLimits:
    """The limits of this process's script apps, in megabytes, and which sessions are above theirs."""

    def __init__(self) -> None:
        # Guards both.
        self._lock = threading.Lock()
        self._limits: dict[str, float] = {}
        self._over: set[str] = set()

    def note(self, slug: str, megabytes: float | None) -> None:
        """What holds for a script app from now on; None for no limit."""
        with self._lock:
            if megabytes is None:
                self._limits.pop(slug, None)
            else:
                self._limits[slug] = megabytes

    def refresh(self, sessions: Iterable[LiveSession]) -> None:
        """Read the limits again, and forget sessions that are not here any more."""
        living = list(sessions)
        slugs = {session.slug for session in living}
        rows = {row.slug: row for row in ScriptApp.objects.filter(slug__in=slugs)} if slugs else {}
        for slug in slugs:
            source = registry.find(slug)
            self.note(slug, registry.effective(source, rows.get(slug)).memory if source else None)
        with self._lock:
            self._over &= {session.session_id for session in living}

    def look(self, sizes: Mapping[LiveSession, int]) -> None:
        """These sessions hold so many bytes; one that has come to hold too much is told."""
        for session, size in sizes.items():
            limit = self._limits.get(session.slug)
            is_over = limit is not None and size > limit * MEGABYTE
            with self._lock:
                was_over = session.session_id in self._over
                (self._over.add if is_over else self._over.discard)(session.session_id)
            if is_over and not was_over and limit is not None:
                session.broadcast(urgent=True, errors=schema.Error(code="memory_limit", message=text_of(size, limit)))

    def before_run(self, run: RunContext) -> None:
        """Raises StopScript("REFUSED") for a session above its limit, unless the run begins with nothing."""
        session = run.session
        if session.session_id not in self._over or run.trigger == CLEARS:
            return
        limit, size = self._limits.get(session.slug), estimated_bytes(session)
        if limit is None or size <= limit * MEGABYTE:
            with self._lock:
                self._over.discard(session.session_id)
            return
        raise StopScript("REFUSED", text_of(size, limit))


def text_of(size: int, limit: float) -> str:
    """What people are told: how much, how much is allowed, what to do."""
    return gettext(
        "This page holds about %(size).1f MB, and %(limit)g MB are allowed (memory limit), so it does not run any "
        "more. What it holds is kept. “Clear cache” in the page's menu empties it; a new page begins empty, too."
    ) % {"size": size / MEGABYTE, "limit": limit}
