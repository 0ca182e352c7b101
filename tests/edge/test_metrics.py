"""What is collected about a process can be read by a parser that is not ours, is true, and is not for everybody."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.db import OperationalError
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from scriptapps import metrics
from scriptapps.node import get_node
from scriptapps.open_metrics import CONTENT_TYPE, MetricsText
from scriptapps.run_counts import Histogram, RunCounts
from tests.live import PAGE, Site

ADDRESS = "/apps/-/metrics/"
TOKEN = "a-token-of-this-test"


def read(text: str) -> dict[tuple, float]:
    """Values by name and labels, as a collector sees them."""
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def quiet(monkeypatch):
    """A process whose numbers are not asked for: who may ask is the question."""
    monkeypatch.setattr(metrics, "get_node", lambda: None)
    monkeypatch.setattr(metrics, "text_of", lambda node: "# EOF\n")


def test_staff_with_the_permission(quiet, client, alice, staff, superuser):
    assert client.get(ADDRESS).status_code == 403
    permission = Permission.objects.get(codename="view_serverprocess")
    alice.user_permissions.add(permission)
    for user, status in [(alice, 403), (staff, 403), (superuser, 200)]:
        client.force_login(user)
        assert client.get(ADDRESS).status_code == status
    staff.user_permissions.add(permission)
    client.force_login(staff)
    response = client.get(ADDRESS)
    assert (response.status_code, response.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert response.headers["Cache-Control"] == "no-store, private"
    assert client.post(ADDRESS).status_code == 405
    # A token is worth nothing in this mode.
    client.logout()
    assert client.get(ADDRESS, headers=bearer(TOKEN)).status_code == 403


def test_the_token_is_asked_for_without_the_database(quiet, client, settings):
    settings.SCRIPTAPPS = {"METRICS_ACCESS": "token", "METRICS_TOKEN": TOKEN}
    assert client.get(ADDRESS, headers=bearer(TOKEN)).status_code == 200
    for headers in ({}, bearer(""), bearer(TOKEN[:-1]), bearer("ä"), {"Authorization": f"Basic {TOKEN}"}):
        refused = client.get(ADDRESS, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        assert TOKEN not in refused.content.decode()


@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_set(quiet, client, settings, token):
    settings.SCRIPTAPPS = {"METRICS_ACCESS": "token", "METRICS_TOKEN": token}
    for headers in ({}, bearer(""), bearer("None")):
        assert client.get(ADDRESS, headers=headers).status_code == 401


def test_staff_without_the_token(quiet, client, settings, superuser):
    settings.SCRIPTAPPS = {"METRICS_ACCESS": "token", "METRICS_TOKEN": TOKEN}
    client.force_login(superuser)
    assert client.get(ADDRESS).status_code == 401


def test_turned_off(quiet, client, settings, superuser):
    settings.SCRIPTAPPS = {"METRICS_ACCESS": "off", "METRICS_TOKEN": TOKEN}
    client.force_login(superuser)
    assert client.get(ADDRESS, headers=bearer(TOKEN)).status_code == 404


async def test_the_numbers_of_a_live_process(site: Site, alice, settings):
    settings.SCRIPTAPPS = settings.SCRIPTAPPS | {"METRICS_ACCESS": "token", "METRICS_TOKEN": TOKEN}
    site.folder.write("page.py", PAGE + "st.session_state['kept'] = 1\n")
    site.folder.write("broken.py", "# access: signed-in\n1 / 0\n")
    browser = await site.browser(alice)
    await browser.open()
    await browser.open("broken")
    response = await sync_to_async(browser.client.get)(ADDRESS, headers=bearer(TOKEN))
    found = read(response.content.decode())
    node = get_node()
    assert found["scriptapps_runs_total", "completed", "page"] == 1
    assert found["scriptapps_runs_total", "broken", "failed"] == 1
    assert found["scriptapps_sessions",] == found["scriptapps_viewers",] == found["scriptapps_leases",] == 2
    assert found["scriptapps_sockets",] >= 2
    assert found["scriptapps_workers",] == node.options.workers
    assert found["scriptapps_abandoned_runs",] == found["scriptapps_runs_now",] == 0
    assert found["scriptapps_ready",] == 1
    assert found["scriptapps_run_duration_seconds_count",] == 2
    assert found["scriptapps_run_duration_seconds_sum",] > 0
    assert found["scriptapps_state_commit_seconds_count",] >= 1
    assert found["scriptapps_state_commit_failures_total",] == 0
    assert found["scriptapps_resident_memory_bytes",] > 1_000_000
    assert any(name == "scriptapps_node_info" and node.name in labels for name, *labels in found)
    assert alice.username not in response.content.decode()


async def test_a_commit_that_fails_is_counted(site: Site, alice, monkeypatch):
    def fail(*args: Any) -> None:
        raise OperationalError("the database is away")

    site.folder.write("page.py", PAGE + "st.session_state['kept'] = 1\n")
    monkeypatch.setattr(get_node().store, "commit", fail)
    browser = await site.browser(alice)
    await browser.open()
    counted = get_node().counts.read()
    assert counted.failed_commits == sum(counted.commit_seconds.counts) >= 1


def test_labels_may_hold_anything():
    text, odd = MetricsText(), 'a "b" \\ c\nd \\n é'
    text.info("some", f"About {odd}.", {"name": odd})
    text.counter("things", "Things.", [({"kind": odd, "of": "x"}, 3), ({"kind": "", "of": "y"}, 4)])
    text.gauge("unknown", "Nobody knows.", None)
    [info, things] = text_string_to_metric_families(text.end())
    assert info.documentation == f"About {odd}."
    assert info.samples[0].labels == {"name": odd}
    assert [(sample.labels["kind"], sample.value) for sample in things.samples] == [(odd, 3), ("", 4)]


def test_a_histogram_counts_up():
    text, histogram = MetricsText(), Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.add(seconds)
    text.histogram("wait_seconds", "Waiting.", histogram)
    found = read(text.end())
    assert [found["wait_seconds_bucket", bound] for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert found["wait_seconds_count",] == 4
    assert found["wait_seconds_sum",] == pytest.approx(7.65)


def test_many_threads_count():
    counts = RunCounts()
    run: Any = SimpleNamespace(session=SimpleNamespace(slug="page"), outcome="COMPLETED")

    def count() -> None:
        for _ in range(1_000):
            counts.ended(run, 5.0)
            counts.committed(0.01, failed=True)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = counts.read()
    assert counted.runs == {("page", "completed"): 4_000}
    assert sum(counted.run_seconds.counts) == sum(counted.commit_seconds.counts) == counted.failed_commits == 4_000
