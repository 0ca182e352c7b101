"""What nobody will come back to goes; what somebody looks at, or comes back to meanwhile, stays."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import caches
from django.utils import timezone

from scriptapps import node_beat
from scriptapps import sweep as sweep_module
from scriptapps.models import ApiAnswer, AuditRecord, ScriptApp, ScriptSession, SessionRequest, SessionValue
from scriptapps.node_beat import NodeBeat
from scriptapps.signals import session_closed
from scriptapps.sweep import SweepReport, sweep

pytestmark = pytest.mark.django_db

IDLE, OLD = 3600, 86_400


@pytest.fixture(autouse=True)
def lifetimes(settings) -> None:
    settings.SCRIPTAPPS = {"IDLE_CULL_SECONDS": IDLE, "CLOSED_ROWS_SECONDS": OLD}


@pytest.fixture
def row() -> ScriptApp:
    return ScriptApp.objects.create(slug="orders")


@pytest.fixture
def make(row):
    def make(*, seen: float = 0, beat: float = 0, closed: float | None = None, **fields: Any) -> ScriptSession:
        """A session whose moments are given as seconds before now."""
        now = timezone.now()
        if closed is not None:
            fields |= {"state": "closed", "closed_at": now - timedelta(seconds=closed)}
        moments = {"last_seen": now - timedelta(seconds=seen), "beat": now - timedelta(seconds=beat)}
        session = ScriptSession.objects.create(script_app=row, state_keys=1, state_bytes=10, **moments, **fields)
        SessionValue.objects.create(session=session, space="s", name="count", payload=b"3")
        return session

    return make


def state(session: ScriptSession) -> tuple[str, int]:
    """The row's state, "" for none, and how many values are stored."""
    found = ScriptSession.objects.filter(pk=session.pk).values_list("state", flat=True).first()
    return found or "", SessionValue.objects.filter(session_id=session.pk).count()


def test_parked_sessions_go_after_their_time(make):
    recent = make(node="", seen=IDLE - 60, beat=IDLE - 60)
    forgotten = make(node="", seen=IDLE + 60, beat=IDLE + 60)
    assert sweep() == SweepReport(closed=1, emptied=1, bytes=10)
    assert state(recent) == ("idle", 1)
    assert state(forgotten) == ("closed", 0)
    forgotten.refresh_from_db()
    assert (forgotten.close_reason, forgotten.state_keys, forgotten.state_bytes) == ("nobody came back", 0, 0)
    assert sweep() == SweepReport()


def test_sessions_of_a_dead_process_are_kept_until_their_time(make):
    resumable = make(node="web-1", viewers=1, seen=OLD, beat=IDLE - 60)
    forgotten = make(node="web-1", viewers=1, seen=OLD, beat=IDLE + 60)
    sweep()
    assert state(resumable) == ("idle", 1)
    assert state(forgotten) == ("closed", 0)


def test_released_with_a_viewer_who_had_been_there_for_days(make):
    # Its last beat says until when its process was there, and the viewer with it.
    released = make(node="", seen=OLD, beat=10)
    sweep()
    assert state(released) == ("idle", 1)


def test_a_page_that_is_looked_at_stays(make):
    looked_at = make(node="web-1", viewers=1, seen=OLD)
    assert sweep() == SweepReport()
    assert state(looked_at) == ("idle", 1)


def test_a_living_process_is_asked_once(make):
    away = make(node="web-1", viewers=0, seen=IDLE + 60)
    assert sweep() == SweepReport(asked=1)
    assert sweep() == SweepReport()
    away.refresh_from_db()
    assert away.state == "idle"
    assert [request.kind for request in away.requests.all()] == ["close"]


def test_audit_records_and_stored_answers_go_after_their_time(settings):
    settings.SCRIPTAPPS = {"AUDIT_DAYS": 30}
    now = timezone.now()
    for days in (29, 31):
        AuditRecord.objects.create(act="rerun", via="API", outcome="asked", created=now - timedelta(days=days))
    for hours in (23, 25):
        ApiAnswer.objects.create(actor="user:1", key=str(hours), created=now - timedelta(hours=hours))
    assert sweep(dry_run=True) == SweepReport(audit=1, answers=1)
    assert sweep() == SweepReport(audit=1, answers=1)
    assert (AuditRecord.objects.count(), ApiAnswer.objects.get().key) == (1, "23")


def test_requests_go_after_their_time_and_none_stays_without_an_answer(make):
    session, closed = make(node="web-1", viewers=1), make(node="", closed=60)
    now = timezone.now()
    asked = {"kind": "rerun", "trigger": "test"}
    for finished, outcome in [(OLD + 60, "completed"), (OLD - 60, "completed"), (None, "")]:
        moment = None if finished is None else now - timedelta(seconds=finished)
        session.requests.create(finished=moment, outcome=outcome, created=now - timedelta(days=9), **asked)
    # Asked in the moment of the end.
    late = closed.requests.create(**asked)
    assert sweep(dry_run=True).requests == 1
    assert sweep().requests == 1
    assert [request.outcome for request in session.requests.order_by("pk")] == ["completed", ""]
    late.refresh_from_db()
    assert (late.outcome, late.finished is not None) == ("gone", True)
    closed.delete()
    assert SessionRequest.objects.count() == 2


def test_closed_sessions_lose_their_values_first_and_their_rows_later(make):
    fresh, old = make(node="web-1", closed=60), make(node="web-1", closed=OLD + 60)
    without_moment = make(node="web-1", state="closed", beat=OLD + 60)
    assert sweep() == SweepReport(emptied=3, deleted=2, bytes=30)
    assert state(fresh) == ("closed", 0)
    assert state(old) == state(without_moment) == ("", 0)


def test_whoever_comes_back_meanwhile_wins(make, monkeypatch):
    session = make(node="", seen=IDLE + 60, beat=IDLE + 60)
    chunks = sweep_module._chunks

    def chunks_then_a_visit(*args: Any):
        for ids in chunks(*args):
            ScriptSession.objects.filter(pk=session.pk).update(node="web-1", beat=timezone.now())
            yield ids

    monkeypatch.setattr(sweep_module, "_chunks", chunks_then_a_visit)
    assert sweep() == SweepReport()
    assert state(session) == ("idle", 1)


def test_a_dry_run_counts_the_same_and_changes_nothing(make):
    sessions = [
        make(node="", seen=IDLE + 60, beat=IDLE + 60),
        make(node="web-1", viewers=0, seen=IDLE + 60),
        make(node="web-1", closed=60),
        make(node="web-1", closed=OLD + 60),
        make(node="web-1", viewers=1),
    ]
    before = [state(session) for session in sessions]
    counted = sweep(dry_run=True)
    assert [state(session) for session in sessions] == before
    assert counted == SweepReport(closed=1, asked=1, emptied=3, deleted=1, bytes=30)
    assert sweep() == counted


def test_many_in_short_transactions(make, monkeypatch):
    monkeypatch.setattr(sweep_module, "CHUNK", 2)
    for _ in range(5):
        make(node="", seen=IDLE + 60, beat=IDLE + 60)
    assert sweep(limit=3).closed == 3
    assert sweep().closed == 2


def test_others_hear_of_it(make, alice):
    heard: list[dict[str, Any]] = []

    def listen(sender, signal, **kwargs):
        heard.append(kwargs)

    session = make(node="", seen=IDLE + 60, beat=IDLE + 60, user=alice)
    session_closed.connect(listen)
    try:
        sweep()
    finally:
        session_closed.disconnect(listen)
    expected = {"session_id": str(session.pk), "slug": "orders", "user_id": alice.pk, "reason": "nobody came back"}
    assert heard == [expected]


def test_what_a_cache_keeps_goes_too(make, settings):
    settings.SCRIPTAPPS = {
        "IDLE_CULL_SECONDS": IDLE,
        "CLOSED_ROWS_SECONDS": OLD,
        "STATE_STORE": {"BACKEND": "scriptapps.store.CacheStateStore"},
    }
    for name, seconds in (("closed", 60), ("old", OLD + 60)):
        caches["default"].set(name, "values", None)
        make(node="web-1", closed=seconds, state_ref=name)
    sweep()
    assert caches["default"].get_many(["closed", "old"]) == {}


def test_the_beat_sweeps_a_few_times_per_hour(make, monkeypatch):
    submitted: list[Any] = []
    node = SimpleNamespace(name="web-1", database=SimpleNamespace(submit=submitted.append))
    beat = NodeBeat(node)  # type: ignore[arg-type]
    monkeypatch.setattr(node_beat, "close_old_connections", lambda: None)
    beat._sweep_when_due()
    assert submitted == []
    beat._next_sweep = time.monotonic()
    beat._sweep_when_due()
    beat._sweep_when_due()
    assert submitted == [beat._sweep_on_executor]
    forgotten = make(node="", seen=IDLE + 60, beat=IDLE + 60)
    submitted[0]()
    assert state(forgotten) == ("closed", 0)
