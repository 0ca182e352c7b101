"""What script apps did is counted exactly, whoever ran it; versions that ran are kept; the admin shows both."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scriptapps.admin_app_pages import differences
from scriptapps.models import ScriptApp, ScriptUsage, ScriptVersion
from scriptapps.models.script_usage import MOST_PEOPLE
from scriptapps.registry import registry
from scriptapps.run_usage import HourCounts, RunUsage
from scriptapps.runtime.options import Visitor
from scriptapps.sweep import sweep
from scriptapps.usage import time_class, used_by_app, used_over_time
from tests.live import Site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row(folder) -> ScriptApp:
    folder.write("page.py", "# access: signed-in\nx = 1\n")
    return ScriptApp.objects.create(slug="page")


def run_of(user_id: int | None, outcome: str = "COMPLETED", binding: str = ""):
    visitor = Visitor(user_id=user_id, binding=binding)
    return SimpleNamespace(session=SimpleNamespace(slug="page", visitor=visitor), outcome=outcome)


def day(script_app=None):
    """All of the last day as one."""
    [(_, used)] = used_by_app(timezone.now() - timedelta(days=1))
    return used


def test_two_nodes_are_summed_and_people_count_once(row):
    first, second = RunUsage("host:1"), RunUsage("host:2")
    for node, user, times in ((first, 1, 3), (second, 1, 4), (second, 2, 1)):
        for _ in range(times):
            node.ended(run_of(user), 10)
    second.ended(run_of(None, "FAILED", "browser"), 10)
    for node in (first, second, first):
        node.write()
    used = day()
    assert (used.runs, used.failed, used.people, used.more_people) == (9, 1, 3, False)
    assert ScriptUsage.objects.values("node").distinct().count() == 2
    first.ended(run_of(1, "DEADLINE"), 10)
    first.write()
    assert (day().runs, day().failed) == (10, 2)


def test_a_node_that_begins_again_in_its_process_goes_on_counting(row):
    for _ in range(2):
        node = RunUsage("host:1")
        node.ended(run_of(1), 10)
        node.write()
        node.write()
    assert day().runs == 2


def test_what_could_not_be_written_is_written_later(row, monkeypatch):
    node = RunUsage("host:1")
    node.ended(run_of(1), 10)
    with monkeypatch.context() as patch:
        patch.setattr(ScriptUsage.objects, "create", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            node.write()
    node.ended(run_of(1), 10)
    node.write()
    assert day().runs == 2


def test_percentiles_are_within_a_tenth(row):
    node = RunUsage("host:1")
    for milliseconds in range(1, 1001):
        node.ended(run_of(1), milliseconds)
    node.write()
    used = day()
    assert used.p50 == pytest.approx(500, rel=0.1)
    assert used.p95 == pytest.approx(950, rel=0.1)
    assert time_class(0) == time_class(0.001)


def test_more_people_than_are_counted_are_said_to_be_more():
    counts = HourCounts()
    for number in range(MOST_PEOPLE):
        counts.add(str(number), 1, False)
    assert not counts.more_people
    counts.add("0", 1, False)
    assert not counts.more_people
    counts.add("one more", 1, False)
    assert counts.more_people
    assert len(counts.people) == MOST_PEOPLE


def test_empty_hours_and_days_are_there(row):
    now = timezone.now()
    ScriptUsage.objects.create(script_app=row, hour=now - timedelta(hours=3), node="a", runs=2, times={"4": 2})
    hours = used_over_time(now - timedelta(hours=24), daily=False)
    assert len(hours) == 25
    assert sum(used.runs for used in hours) == 2
    assert hours[0].p95 is None
    days = used_over_time(now - timedelta(days=30), daily=True, script_app=row)
    assert len(days) == 31
    assert sum(used.runs for used in days) == 2


async def test_runs_of_real_pages_are_counted_and_their_version_is_kept(site: Site, alice: User, staff: User):
    viewers = [await (await site.browser(user)).open() for user in (alice, staff)]
    for viewer in viewers:
        await viewer.send(event=True, rerun={})
        await viewer.settled()
    await site.until(lambda: ScriptVersion.objects.filter(script_app__slug="page").exists())
    version = await ScriptVersion.objects.aget()
    path = site.folder.path / "page.py"
    assert version.source == path.read_text()
    site.folder.write("page.py", path.read_text() + "st.text('more')\n")
    await viewers[0].send(event=True, rerun={})
    await viewers[0].until(lambda: "more" in viewers[0].texts())
    await viewers[0].settled()
    await site.until(lambda: ScriptVersion.objects.count() == 2)
    await sync_to_async(site.node.usage.write)()
    used = await sync_to_async(day)()
    assert (used.runs, used.people) == (sum([row.runs async for row in ScriptVersion.objects.all()]), 2)
    assert used.runs == 5
    await site.leave()


def test_the_sweep_keeps_the_versions_that_ran_last_and_the_last_months(row, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "SCRIPT_VERSIONS_KEPT": 2, "USAGE_DAYS": 10}
    now = timezone.now()
    for number in range(4):
        ScriptVersion.objects.create(script_app=row, version=str(number), last_seen=now - timedelta(days=number))
        ScriptUsage.objects.create(script_app=row, hour=now - timedelta(days=6 * number), node="a")
    assert (sweep(dry_run=True).versions, sweep(dry_run=True).usage) == (2, 2)
    report = sweep()
    assert (report.versions, report.usage) == (2, 2)
    assert set(ScriptVersion.objects.values_list("version", flat=True)) == {"0", "1"}
    assert ScriptUsage.objects.count() == 2


def test_the_pages_in_the_admin(row, staff):
    old = ScriptVersion.objects.create(
        script_app=row, version="old", source="a\nb\n", first_seen=timezone.now() - timedelta(days=1)
    )
    new = ScriptVersion.objects.create(script_app=row, version="new", source="a\n<c>\n")
    ScriptUsage.objects.create(script_app=row, hour=timezone.now(), node="a", runs=1234, times={"20": 1234})
    client, base = Client(), f"/admin/scriptapps/scriptapp/{row.pk}"
    client.force_login(staff)
    pages = [f"{base}/source/", f"{base}/versions/", f"{base}/versions/new/", f"{base}/usage/"]
    pages.append("/admin/scriptapps/scriptapp/usage/")
    assert {client.get(page).status_code for page in pages} == {403}
    staff.user_permissions.add(Permission.objects.get(codename="view_scriptapp"))
    source, versions, version, usage, everything = [client.get(page).content.decode() for page in pages]
    assert "x = 1" in source
    assert versions.index("/versions/new/") < versions.index("/versions/old/")
    assert '<span data-kind="removed">-b' in version
    assert '<span data-kind="added">+&lt;c&gt;' in version
    assert "1234" in usage.replace(",", "")
    assert "<script-app" in everything
    assert "<script-app" not in usage
    assert client.get(f"{base}/versions/none/").status_code == 404
    assert differences(old, new)[1:] == [("same", " a"), ("removed", "-b"), ("added", "+<c>")]


def test_the_charts_are_in_no_list_and_need_the_permission(row, alice, superuser):
    assert "scriptapps_usage" not in {source.slug for source in registry.all()}
    for user, status in ((None, 302), (alice, 403), (superuser, 200)):
        client = Client()
        if user:
            client.force_login(user)
        assert "scriptapps_usage" not in client.get("/apps/").content.decode()
        assert client.get("/apps/scriptapps_usage/").status_code == status


async def test_the_charts_run(site: Site, superuser: User, alice: User):
    row = await ScriptApp.objects.acreate(slug="orders", title="Orders")
    await ScriptUsage.objects.acreate(script_app=row, hour=timezone.now(), node="a", runs=3, times={"20": 3})
    viewer = await (await site.browser(superuser)).open("scriptapps_usage")
    assert [len(viewer.find(kind)) for kind in ("chart", "exception")] == [3, 0]
    # Whatever staff make of its access rule.
    await ScriptApp.objects.filter(slug="scriptapps_usage").aupdate(access="signed_in")
    stranger = await (await site.browser(alice)).open("scriptapps_usage")
    assert stranger.find("chart") == []
    await site.leave()
