"""How much script apps were used: sums over the rows of all processes, by hour, by day, or as a whole.

Runs on: request threads and script threads; queries. Invariant: runs and failures are exact as far as they were
written (once a minute); a percentile is the middle of its class, so within a tenth of the true time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from scriptapps.models import ScriptApp, ScriptUsage

PER_DOUBLING = 4
"""So many classes of times until the time has doubled."""
SHORTEST = -20


def time_class(milliseconds: float) -> int:
    """The number of the class that a time belongs to."""
    if milliseconds <= 0:
        return SHORTEST
    return max(math.ceil(PER_DOUBLING * math.log2(milliseconds)), SHORTEST)


@dataclass
class Used:
    """``people``: distinct users, and browsers of anonymous visitors; ``more_people`` says that there were more."""

    start: datetime | None = None
    runs: int = 0
    failed: int = 0
    more_people: bool = False
    times: Counter[int] = field(default_factory=Counter)
    who: set[str] = field(default_factory=set)

    def add(self, row: ScriptUsage) -> None:
        """What one process counted in one hour."""
        self.runs += row.runs
        self.failed += row.failed
        self.more_people |= row.more_people
        self.times.update({int(number): count for number, count in row.times.items()})
        self.who.update(row.people)

    @property
    def people(self) -> int:
        """How many are known."""
        return len(self.who)

    @property
    def p50(self) -> float | None:
        """Milliseconds that half of the runs did not exceed, None without runs."""
        return self.percentile(0.5)

    @property
    def p95(self) -> float | None:
        """Milliseconds that 95 of 100 runs did not exceed, None without runs."""
        return self.percentile(0.95)

    def percentile(self, share: float) -> float | None:
        """Milliseconds that this share of the runs did not exceed."""
        rank, seen = math.ceil(share * self.times.total()), 0
        for number in sorted(self.times):
            seen += self.times[number]
            if seen >= rank:
                return float(2 ** ((number - 0.5) / PER_DOUBLING))
        return None


def used_over_time(since: datetime, *, daily: bool, script_app: ScriptApp | None = None) -> list[Used]:
    """One entry for each hour or day from ``since`` until now, empty ones too; of one script app, or of all."""
    found: dict[datetime, Used] = {}
    for start in _starts(since, daily):
        found[start] = Used(start)
    rows = ScriptUsage.objects.filter(hour__gte=min(found))
    for row in (rows if script_app is None else rows.filter(script_app=script_app)).iterator():
        start = _start(row.hour, daily)
        found.setdefault(start, Used(start)).add(row)
    return [found[start] for start in sorted(found)]


def used_by_app(since: datetime) -> list[tuple[ScriptApp, Used]]:
    """Each script app that was used, the one with most runs first."""
    rows = ScriptUsage.objects.filter(hour__gte=_start(since, False)).select_related("script_app")
    found: dict[int, tuple[ScriptApp, Used]] = {}
    for row in rows.iterator():
        found.setdefault(row.script_app_id, (row.script_app, Used()))[1].add(row)
    return sorted(found.values(), key=lambda pair: (-pair[1].runs, pair[0].slug))


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment) if settings.USE_TZ else moment


def _start(moment: datetime, daily: bool) -> datetime:
    hour = _local(moment).replace(minute=0, second=0, microsecond=0)
    return hour.replace(hour=0) if daily else hour


def _starts(since: datetime, daily: bool) -> Iterable[datetime]:
    # Each start anew from its own moment: days have 23 or 25 hours at times.
    step, last = timedelta(hours=12 if daily else 1), None
    moment, now = since, timezone.now()
    while moment <= now:
        start = _start(moment, daily)
        if start != last:
            yield start
        last, moment = start, moment + step
    if (start := _start(now, daily)) != last:
        yield start
