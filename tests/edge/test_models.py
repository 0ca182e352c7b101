"""Live is derived, steering is a row and a signal after commit."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from scriptapps.models import SavedSnapshot, ScriptApp, ScriptSession, SessionRequest, live_since
from scriptapps.signals import steering_requested

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> ScriptApp:
    return ScriptApp.objects.create(slug="orders")


def silent() -> dict:
    return {"beat": timezone.now() - timedelta(minutes=5)}


@pytest.fixture
def heard():
    received: list[dict] = []

    def listen(sender, **kwargs):
        received.append({key: kwargs[key] for key in ("kind", "ids")})

    steering_requested.connect(listen)
    yield received
    steering_requested.disconnect(listen)


def test_live_needs_an_open_row_and_a_beating_node(row):
    live = ScriptSession.objects.create(script_app=row, node="web-1")
    parked = ScriptSession.objects.create(script_app=row, node="")
    ScriptSession.objects.create(script_app=row, node="web-1", **silent())
    ScriptSession.objects.create(script_app=row, node="web-1", state="closed")
    assert list(ScriptSession.objects.live()) == [live]
    assert list(ScriptSession.objects.parked()) == [parked]
    assert ScriptSession.objects.not_live().count() == 3
    assert live not in ScriptSession.objects.not_live()


def test_the_limit_follows_the_setting(settings):
    now = timezone.now()
    settings.SCRIPTAPPS = {"BEAT_SECONDS": 2}
    assert live_since(now) == now - timedelta(seconds=6)


@pytest.mark.parametrize(
    ("fields", "liveness"),
    [
        ({"state": "running", "viewers": 1}, "running"),
        ({"state": "running", "viewers": 0}, "running"),
        ({"state": "queued", "viewers": 1}, "queued"),
        ({"state": "idle", "viewers": 2}, "idle"),
        ({"state": "idle", "viewers": 0}, "away"),
        ({"state": "running", "viewers": 1, "beat": None}, "gone"),
        ({"state": "idle", "viewers": 0, "node": ""}, "parked"),
        ({"state": "idle", "viewers": 0, "node": "", "beat": None}, "parked"),
        ({"state": "closed", "viewers": 1}, "closed"),
    ],
)
def test_liveness(row, fields, liveness):
    if "beat" in fields:
        fields = {**fields, **silent()}
    session = ScriptSession(script_app=row, **{"node": "web-1", **fields})
    assert session.liveness == liveness
    assert session.is_live == (liveness not in {"parked", "gone", "closed"})


@pytest.mark.parametrize("kind", ["rerun", "stop", "close"])
def test_steering_writes_a_request_and_tells_after_commit(row, heard, kind, django_capture_on_commit_callbacks):
    session = ScriptSession.objects.create(script_app=row, node="web-1")
    other = ScriptSession.objects.create(script_app=row, node="web-1")
    with django_capture_on_commit_callbacks(execute=True):
        assert getattr(ScriptSession.objects.filter(pk=session.pk), kind)() == 1
        assert heard == []
    assert heard == [{"kind": kind, "ids": [session.pk]}]
    assert [request.kind for request in session.requests.waiting()] == [kind]
    assert not other.requests.exists()


def test_closed_sessions_are_not_asked(row, heard, django_capture_on_commit_callbacks):
    ScriptSession.objects.create(script_app=row, state="closed")
    with django_capture_on_commit_callbacks(execute=True):
        assert ScriptSession.objects.rerun() == 0
    assert heard == []


def test_many_are_asked_in_a_few_statements(row, django_assert_max_num_queries):
    ScriptSession.objects.bulk_create(ScriptSession(script_app=row, node="web-1") for _ in range(1_200))
    # The ids, an INSERT for each 100 (SQLite) to 500 of them, and savepoints inside a test.
    with django_assert_max_num_queries(20):
        assert ScriptSession.objects.order_by("node").rerun() == 1_200
    assert SessionRequest.objects.count() == 1_200


def test_steering_works_on_joins_and_slices(row):
    sessions = [ScriptSession.objects.create(script_app=row, node="web-1") for _ in range(3)]
    assert ScriptSession.objects.filter(script_app__slug="orders").rerun() == 3
    assert ScriptSession.objects.filter(pk__in=[session.pk for session in sessions[:2]]).live().rerun() == 2
    assert ScriptSession.objects.order_by("pk")[:2].rerun() == 2


@pytest.mark.parametrize("fields", [{"node": ""}, {"node": "web-1", **silent()}])
def test_what_no_process_holds_is_closed_at_once(row, fields):
    session = ScriptSession.objects.create(script_app=row, viewers=1, **fields)
    earlier = ScriptSession.objects.create(script_app=row, state="closed", close_reason="signed out")
    assert ScriptSession.objects.filter(script_app=row).close() == 1
    session.refresh_from_db()
    earlier.refresh_from_db()
    assert (session.state, session.close_reason, session.viewers) == ("closed", "closed by staff", 0)
    assert session.closed_at is not None
    assert session.requests.get().outcome == "completed"
    assert earlier.close_reason == "signed out"


@pytest.mark.django_db(transaction=True)
def test_a_rollback_tells_nobody(row, heard):
    session = ScriptSession.objects.create(script_app=row)
    with transaction.atomic():
        ScriptSession.objects.rerun()
        transaction.set_rollback(True)
    assert heard == []
    assert not session.requests.exists()


@pytest.mark.django_db(transaction=True)
def test_a_failing_listener_does_not_fail_the_request(row):
    def fail(**kwargs):
        raise RuntimeError("deaf")

    ScriptSession.objects.create(script_app=row)
    steering_requested.connect(fail)
    try:
        assert ScriptSession.objects.rerun() == 1
    finally:
        steering_requested.disconnect(fail)


@pytest.mark.django_db(transaction=True)
async def test_the_async_twins():
    row = await ScriptApp.objects.acreate(slug="orders")
    session = await ScriptSession.objects.acreate(script_app=row, node="web-1")
    assert await ScriptSession.objects.arerun() == 1
    assert await ScriptSession.objects.live().astop() == 1
    assert await ScriptSession.objects.filter(pk=session.pk).aclose() == 1
    assert await session.arerun() == 1
    assert [request.kind async for request in session.requests.order_by("pk")] == ["rerun", "stop", "close", "rerun"]


def test_a_deleted_user_leaves_the_rows_to_nobody(row, alice):
    session = ScriptSession.objects.create(script_app=row, user=alice)
    snapshot = SavedSnapshot.objects.create(script_app=row, user=alice, payload=b"x")
    alice.delete()
    session.refresh_from_db()
    snapshot.refresh_from_db()
    assert session.user is None
    assert snapshot.user is None
    assert session.state == "closed"


def test_snapshots_know_their_size_and_address(row):
    snapshot = SavedSnapshot.objects.create(script_app=row, payload=b"12345", title="Monday")
    assert snapshot.size == 5
    assert str(snapshot) == "Monday"
    assert re.search(rf"/orders/saved/{snapshot.pk}/$", snapshot.get_absolute_url())
    assert row.get_absolute_url().endswith("/orders/")


def test_ids_are_random_uuids(row):
    session = ScriptSession.objects.create(script_app=row)
    assert isinstance(session.pk, uuid.UUID)
    assert session.pk.version == 4


def test_deleting_a_script_app_takes_its_rows(row):
    ScriptSession.objects.create(script_app=row)
    SavedSnapshot.objects.create(script_app=row, payload=b"")
    row.delete()
    assert not ScriptSession.objects.exists()
    assert not SavedSnapshot.objects.exists()
