"""What a command says: tables of sessions, and how it ended for each.

Runs on: the command's thread. Invariant: nothing that a session holds is in a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from scriptapps.api.schemas import WAITING
from scriptapps.models import ScriptSession, SessionRequest, SteeringReport

Outcome = SessionRequest.Outcome
ENDED_WELL = frozenset((Outcome.COMPLETED, Outcome.DEFERRED, Outcome.UNSEEN, Outcome.UNHEARD))
COLUMNS = ("id", "user", "script app", "liveness", "viewers", "runs", "last run", "seen", "node")
RIGHT = frozenset(("viewers", "runs", "last run", "seen"))
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def session_table(sessions: Iterable[ScriptSession]) -> list[str]:
    """Lines: a heading, and one for each session."""
    now = timezone.now()
    return table(COLUMNS, [_cells(session, now) for session in sessions])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Text in columns as wide as they need to be."""
    lines = [tuple(name.upper() for name in columns), *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return ["  ".join(_fit(*cell) for cell in zip(columns, line, widths, strict=True)).rstrip() for line in lines]


def _fit(column: str, text: str, width: int) -> str:
    return text.rjust(width) if column in RIGHT else text.ljust(width)


def _cells(session: ScriptSession, now: datetime) -> tuple[str, ...]:
    last = "" if session.last_run_ms is None else f"{session.last_outcome} {session.last_run_ms:,.0f} ms".strip()
    return (
        str(session.pk),
        session.user.get_username() if session.user else "-",
        session.script_app.slug,
        session.liveness.value,
        str(session.viewers),
        str(session.runs),
        last,
        since(session.last_seen, now),
        session.node or "-",
    )


def since(moment: datetime, now: datetime) -> str:
    """How long ago: "3 min"."""
    seconds = max((now - moment).total_seconds(), 0)
    return next((f"{seconds // size:.0f} {unit}" for unit, size in UNITS if seconds >= size), "now")


def report_lines(report: SteeringReport, *, waited: bool) -> list[str]:
    """How many were asked, and how it ended: each word with its count, each trouble by its session."""
    if not report.asked:
        return ["No session fits."]
    lines = [f"{report.asked} {'session was' if report.asked == 1 else 'sessions were'} asked."]
    if counts := Counter(report.outcomes.values()):
        lines += [f"  {number} {Outcome(word).label}" for word, number in sorted(counts.items())]
    if waited and report.waiting:
        lines.append(f"  {len(report.waiting)} {WAITING}: nobody knows yet how they end")
    for key, word in sorted(report.outcomes.items()):
        if word not in ENDED_WELL or key in report.errors:
            lines.append(": ".join(filter(None, [f"  {key}", str(Outcome(word).label), report.errors.get(key)])))
    return lines
