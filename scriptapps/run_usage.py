"""Counts, for each script app and hour, what this process ran, and which versions of scripts; rows once a minute.

Runs on: script threads and the supervisor count, the database executor writes. Invariant: counting touches memory only;
a row is written as a whole with what this process knows, so that writing it again does no harm.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from scriptapps.models import ScriptApp, ScriptUsage, ScriptVersion
from scriptapps.models.script_usage import MOST_PEOPLE
from scriptapps.models.script_version import SOURCE_CHARS
from scriptapps.runtime.options import Visitor
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.script import Script
from scriptapps.usage import time_class

WRITE_SECONDS = 60.0
HOUR = 3_600
FAILED = frozenset({"FAILED", "NOT_COMPILED", "DEADLINE", "ABANDONED"})

Key = tuple[str, int]


@dataclass
class HourCounts:
    """What one script app did in one hour. ``is_based``: what the row held before is part of it."""

    runs: int = 0
    failed: int = 0
    times: Counter[int] = field(default_factory=Counter)
    people: set[str] = field(default_factory=set)
    more_people: bool = False
    is_based: bool = False

    def add(self, person: str, milliseconds: float, failed: bool) -> None:
        """One run more."""
        self.runs += 1
        self.failed += failed
        self.times[time_class(milliseconds)] += 1
        if person and person not in self.people:
            if len(self.people) < MOST_PEOPLE:
                self.people.add(person)
            else:
                self.more_people = True

    def as_fields(self) -> dict[str, Any]:
        """For the row."""
        return {
            "runs": self.runs,
            "failed": self.failed,
            "times": {str(number): count for number, count in self.times.items()},
            "people": sorted(self.people),
            "more_people": self.more_people,
        }

    def begin_with(self, row: ScriptUsage) -> None:
        """Take over what stands in the row: an earlier node of this very process wrote it."""
        self.runs += row.runs
        self.failed += row.failed
        self.times.update({int(number): count for number, count in row.times.items()})
        self.people.update(row.people)
        self.more_people |= row.more_people


class RunUsage:
    """``ended`` is a hook of the runtime, ``loaded`` is told of each script that is about to run."""

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name[:100]
        # Guards all counts; never held while a database works.
        self._lock = threading.Lock()
        # Two writers would overtake each other.
        self._writing = threading.Lock()
        self._hours: dict[Key, HourCounts] = {}
        self._changed: set[Key] = set()
        self._loads: Counter[tuple[str, str]] = Counter()
        self._known: set[tuple[str, str]] = set()
        self._new: dict[tuple[str, str], str] = {}
        self._next_write = time.monotonic() + WRITE_SECONDS

    # -- counting --------------------------------------------------------------------------------------------------

    def ended(self, run: RunContext, milliseconds: float) -> None:
        """A run is over."""
        key = (run.session.slug, int(time.time()) // HOUR)
        person = person_of(run.session.visitor)
        with self._lock:
            counts = self._hours.get(key)
            if counts is None:
                counts = self._hours[key] = HourCounts()
            counts.add(person, milliseconds, run.outcome in FAILED)
            self._changed.add(key)

    def loaded(self, slug: str, script: Script) -> Script:
        """This script is about to run; returns it."""
        key = (slug, script.version)
        with self._lock:
            self._loads[key] += 1
            if key not in self._known:
                self._known.add(key)
                self._new[key] = script.source
        return script

    # -- writing ---------------------------------------------------------------------------------------------------

    def write_when_due(self, submit: Callable[[str, Callable[[], None]], None]) -> None:
        """Called at each beat: once a minute, and soon after a version ran here for the first time."""
        now = time.monotonic()
        if now >= self._next_write or self._new:
            self._next_write = now + WRITE_SECONDS
            submit("Usage could not be written; it is tried again within a minute", self.write)

    def write(self) -> None:
        """Write what has changed since the last time. What fails is written the next time."""
        with self._writing:
            with self._lock:
                changed, loads, new = list(self._changed), dict(self._loads), dict(self._new)
            slugs = {slug for slug, _ in changed} | {slug for slug, _ in loads}
            apps = dict(ScriptApp.objects.filter(slug__in=slugs).values_list("slug", "pk")) if slugs else {}
            for key in changed:
                self._write_hour(key, apps.get(key[0]))
            for version, runs in loads.items():
                self._write_version(version, runs, new.get(version), apps.get(version[0]))

    def _write_hour(self, key: Key, script_app: int | None) -> None:
        hour = datetime.fromtimestamp(key[1] * HOUR, UTC)
        if not settings.USE_TZ:
            hour = timezone.make_naive(hour)
        rows = ScriptUsage.objects.filter(script_app=script_app, hour=hour, node=self._node_name)
        counts = self._hours[key]
        before = None if counts.is_based or script_app is None else rows.first()
        with self._lock:
            if before is not None:
                counts.begin_with(before)
            counts.is_based = True
            self._changed.discard(key)
            fields = counts.as_fields()
        try:
            if script_app is not None and not rows.update(**fields):
                ScriptUsage.objects.create(script_app_id=script_app, hour=hour, node=self._node_name, **fields)
        except Exception:
            with self._lock:
                self._changed.add(key)
            raise
        with self._lock:
            if key not in self._changed and key[1] < int(time.time()) // HOUR:
                del self._hours[key]

    def _write_version(self, key: tuple[str, str], runs: int, source: str | None, script_app: int | None) -> None:
        rows = ScriptVersion.objects.filter(script_app=script_app, version=key[1])
        now = timezone.now()
        if script_app is not None and not rows.update(runs=F("runs") + runs, last_seen=now) and source is not None:
            fields = {"source": source[:SOURCE_CHARS], "is_cut": len(source) > SOURCE_CHARS, "node": self._node_name}
            row, made = ScriptVersion.objects.get_or_create(
                script_app_id=script_app, version=key[1], defaults={"runs": runs, **fields}
            )
            if not made:
                # Another process was quicker.
                rows.filter(pk=row.pk).update(runs=F("runs") + runs, last_seen=now)
        with self._lock:
            self._loads[key] -= runs
            if not self._loads[key]:
                del self._loads[key]
            self._new.pop(key, None)


def person_of(visitor: Visitor) -> str:
    """A keyed hash of the user, or of an anonymous visitor's browser; "" for nobody."""
    name = f"browser {visitor.binding}" if visitor.user_id is None else f"user {visitor.user_id}"
    if visitor.user_id is None and not visitor.binding:
        return ""
    return hashlib.blake2b(name.encode(), digest_size=6, key=settings.SECRET_KEY.encode()[:64]).hexdigest()
