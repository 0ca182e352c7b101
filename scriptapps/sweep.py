"""Takes away what nobody will come back to: idle sessions with state and files, those of closed ones, old rows.

Runs on: the database executor of a node a few times per hour, or the command line. Invariant: a session that somebody
looks at, or that comes back meanwhile, is left alone: every statement asks again. Two sweeps at once do no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from scriptapps import signals
from scriptapps.conf import scriptapps_settings
from scriptapps.models import (
    ApiAnswer,
    AuditRecord,
    ErrorGroup,
    RunRecord,
    ScriptSession,
    ScriptUsage,
    ScriptVersion,
    ServerProcess,
    SessionRequest,
)
from scriptapps.store import get_state_store
from scriptapps.stored_files import delete_forgotten, forgotten

CHUNK = 500
REASON = "nobody came back"
LOOKS_KEPT = timedelta(minutes=1)
ANSWERS_KEPT = timedelta(days=1)
"""For so long the HTTP API knows what it answered a request with an Idempotency-Key."""
CLOSED = ScriptSession.State.CLOSED


@dataclass
class SweepReport:
    """``closed`` sessions nobody came back to, ``asked`` ones whose process has to close them, ``emptied`` ones whose
    stored values went, ``deleted`` rows, ``processes`` rows of processes that are gone, ``files`` that people had
    uploaded; ``bytes`` is what the stored values came to, ``file_bytes`` what the files did. ``audit`` are records of
    the audit after their time, ``answers`` stored answers of the HTTP API.
    ``requests`` are rows of what was asked from outside, long finished,
    ``run_records`` kept runs and errors of long ago, ``usage`` hours of script apps, ``versions`` of scripts."""

    closed: int = 0
    asked: int = 0
    audit: int = 0
    answers: int = 0
    emptied: int = 0
    deleted: int = 0
    processes: int = 0
    bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    requests: int = 0
    run_records: int = 0
    usage: int = 0
    versions: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


def sweep(*, dry_run: bool = False, limit: int | None = None) -> SweepReport:
    """Take away what is due, at most ``limit`` sessions of each kind; only count it in a dry run."""
    now = timezone.now()
    report = SweepReport()
    if dry_run:
        idle, with_values = _unowned_idle(now), _with_values(_ended(now))
        report.closed, report.asked = idle.count(), _owned_idle(now).count()
        report.emptied, report.deleted = with_values.count(), _outdated(now).count()
        report.processes = _past_processes(now).count()
        report.audit, report.answers = _old_audit(now).count(), _old_answers(now).count()
        report.bytes = sum(with_values.values_list("state_bytes", flat=True))
        sizes = dict(row for rows in forgotten(_ended(now)) for row in rows.values_list("pk", "size"))
        report.files, report.file_bytes = len(sizes), sum(sizes.values())
        report.requests = _old_requests(now).count()
        report.run_records = _old_records(now).count()
        report.usage, report.versions = _old_usage(now).count(), len(_surplus_versions())
        return report
    # Its process ends sockets and runs; the row is closed by then, and emptied at the next sweep.
    report.asked = int(_owned_idle(now).close(trigger="sweep", detail=REASON))
    for ids in _chunks(_unowned_idle(now), limit):
        report.closed += _close(_unowned_idle(now), ids)
    store = get_state_store()
    for ids in _chunks(_with_values(_closed()), limit):
        report.bytes += sum(_closed().filter(pk__in=ids).values_list("state_bytes", flat=True))
        store.delete([str(key) for key in ids])
        report.emptied += _closed().filter(pk__in=ids).update(state_keys=0, state_bytes=0, not_durable={})
    report.files, report.file_bytes = delete_forgotten(limit)
    for ids in _chunks(_outdated(now), limit):
        # What a store keeps elsewhere goes first: without the row nobody would find it again.
        store.delete([str(key) for key in ids])
        _, counts = _outdated(now).filter(pk__in=ids).delete()
        report.deleted += counts.get(ScriptSession._meta.label, 0)
    report.processes, _ = _past_processes(now).delete()
    for ids in _chunks(_old_audit(now), limit):
        report.audit += AuditRecord.objects.filter(pk__in=ids).delete()[0]
    for ids in _chunks(_old_answers(now), limit):
        report.answers += ApiAnswer.objects.filter(pk__in=ids).delete()[0]
    # Asked in the moment of the end, so that nobody was left to answer.
    unanswered = SessionRequest.objects.unfinished().filter(session__state=CLOSED)
    SessionRequest.objects.session_ended(set(unanswered.values_list("session_id", flat=True)[:CHUNK]))
    for ids in _chunks(_old_requests(now), limit):
        report.requests += SessionRequest.objects.filter(pk__in=ids).delete()[0]
    for ids in _chunks(_old_records(now), limit):
        report.run_records += RunRecord.objects.filter(pk__in=ids).delete()[0]
    for ids in _chunks(_old_errors(now), limit):
        _old_errors(now).filter(pk__in=ids).delete()
    _sweep_usage(report, now, limit)
    return report


def _close(idle: QuerySet[ScriptSession], ids: list[Any]) -> int:
    """Close those that are still idle; returns how many."""
    closed = 0
    for row in idle.filter(pk__in=ids).select_related("script_app"):
        fields = {"state": CLOSED, "closed_at": timezone.now(), "close_reason": REASON, "viewers": 0}
        if idle.filter(pk=row.pk).update(node="", lease_expires=None, **fields):
            closed += 1
            signals.session_closed.send_robust(
                sender=ScriptSession,
                session_id=str(row.pk),
                slug=row.script_app.slug,
                user_id=row.user_id,
                reason=REASON,
            )
    return closed


def _chunks(rows: QuerySet[Any], limit: int | None) -> Iterator[list[Any]]:
    """Primary keys in short lists, so that no transaction lasts long."""
    ids = list(rows.order_by().values_list("pk", flat=True)[:limit])
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def _idle(now: Any) -> Any:
    border = now - timedelta(seconds=scriptapps_settings.IDLE_CULL_SECONDS)
    return ScriptSession.objects.exclude(state=CLOSED).filter(last_seen__lt=border)


def _owned_idle(now: Any) -> Any:
    """In a living process, without viewers."""
    asked = SessionRequest.objects.waiting().filter(session=OuterRef("pk"), kind=SessionRequest.Kind.CLOSE)
    return _idle(now).live().filter(viewers=0).exclude(Exists(asked))


def _unowned_idle(now: Any) -> Any:
    """Parked, or left behind by a process that is gone: until its last beat there may have been viewers."""
    border = now - timedelta(seconds=scriptapps_settings.IDLE_CULL_SECONDS)
    return _idle(now).not_live().filter(beat__lt=border)


def _closed() -> Any:
    return ScriptSession.objects.filter(state=CLOSED)


def _ended(now: Any) -> Any:
    """Closed, or closed by the sweep that is counted here."""
    return ScriptSession.objects.filter(Q(state=CLOSED) | Q(pk__in=_unowned_idle(now).values("pk")))


def _with_values(rows: Any) -> Any:
    return rows.exclude(state_keys=0, state_bytes=0, state_ref="", not_durable={})


def _past_processes(now: Any) -> Any:
    return ServerProcess.objects.filter(beat__lt=now - timedelta(seconds=scriptapps_settings.CLOSED_ROWS_SECONDS))


def _old_audit(now: Any) -> Any:
    return AuditRecord.objects.filter(created__lt=now - timedelta(days=scriptapps_settings.AUDIT_DAYS))


def _old_answers(now: Any) -> Any:
    return ApiAnswer.objects.filter(created__lt=now - ANSWERS_KEPT)


def _outdated(now: Any) -> Any:
    border = now - timedelta(seconds=scriptapps_settings.CLOSED_ROWS_SECONDS)
    since = Q(closed_at__lt=border) | Q(closed_at=None, beat__lt=border)
    return _closed().filter(since)


def _old_requests(now: Any) -> Any:
    border = now - timedelta(seconds=scriptapps_settings.CLOSED_ROWS_SECONDS)
    # Who looks takes the answer away; if that failed, values must not stay.
    looks = Q(kind=SessionRequest.Kind.INSPECT, created__lt=now - LOOKS_KEPT)
    return SessionRequest.objects.filter(Q(finished__lt=border) | looks)


def _old_records(now: Any) -> Any:
    return RunRecord.objects.filter(created__lt=now - timedelta(seconds=scriptapps_settings.RUN_RECORDS_SECONDS))


def _old_errors(now: Any) -> Any:
    border = now - timedelta(seconds=scriptapps_settings.RUN_RECORDS_SECONDS)
    return ErrorGroup.objects.filter(last_seen__lt=border, records=None)


def _sweep_usage(report: SweepReport, now: Any, limit: int | None) -> None:
    for ids in _chunks(_old_usage(now), limit):
        report.usage += ScriptUsage.objects.filter(pk__in=ids).delete()[0]
    report.versions = ScriptVersion.objects.filter(pk__in=_surplus_versions()[:CHUNK]).delete()[0]


def _old_usage(now: Any) -> Any:
    return ScriptUsage.objects.filter(hour__lt=now - timedelta(days=scriptapps_settings.USAGE_DAYS))


def _surplus_versions() -> list[int]:
    """Of each script app all versions but those that ran last."""
    kept = scriptapps_settings.SCRIPT_VERSIONS_KEPT
    crowded = ScriptVersion.objects.order_by().values("script_app").annotate(many=Count("pk")).filter(many__gt=kept)
    found: list[int] = []
    for script_app in crowded.values_list("script_app", flat=True):
        versions = ScriptVersion.objects.filter(script_app=script_app).order_by("-last_seen", "-pk")
        found += versions.values_list("pk", flat=True)[kept:]
    return found
