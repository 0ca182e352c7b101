"""`manage.py scriptapps`: what it lists, whom it reaches, what it refuses, and how it ends."""

import json
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.utils import timezone

from scriptapps.models import AuditRecord, ScriptApp, ScriptSession, SessionRequest
from tests.live import Browser, Site

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = """# access: signed-in
from scriptapps import st
region = st.selectbox("Region", ["US", "EU"], key="region")
runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
heard = [event["text"] for event in st.on_event("news")]
st.text(f"{region} order={st.session_state.get('order')} runs={runs} heard={heard}")
"""


async def run(*words: str) -> str:
    """What the command prints."""
    return await sync_to_async(printed)(*words)


def printed(*words: str) -> str:
    out = StringIO()
    call_command("scriptapps", *words, stdout=out)
    return out.getvalue()


def refusal(*words: str) -> CommandError:
    with pytest.raises(CommandError) as refused:
        printed(*words)
    return refused.value


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", SCRIPT)
    yield await site.browser(alice)
    await site.leave()


@pytest.fixture
def parked(alice: User) -> ScriptSession:
    app = ScriptApp.objects.create(slug="page", title="Page")
    return ScriptSession.objects.create(script_app=app, user=alice, binding="b")


# -- looking -----------------------------------------------------------------------------------------------------------


async def test_sessions_are_listed_in_columns(site: Site, browser: Browser, staff: User):
    viewer, other = await browser.open(), await (await site.browser(staff)).open()
    await site.until_row(viewer, viewers=1, runs=1, state="idle")
    await site.until_row(other, viewers=1, runs=1, state="idle")
    heading, *rows, count = (await run("sessions")).splitlines()
    assert heading.split("  ")[0] == "ID"
    assert sorted(row.split()[:4] for row in rows) == sorted(
        [[viewer.session_id, "alice", "page", "idle"], [other.session_id, staff.username, "page", "idle"]]
    )
    assert count == "2 sessions"
    assert len({row.index(site.node.name) for row in rows}) == 1
    assert (await run("sessions", "--user", "alice")).splitlines()[-1] == "1 session"
    assert (await run("sessions", "--node", "elsewhere")).splitlines()[-1] == "0 sessions"


async def test_sessions_as_json(site: Site, browser: Browser):
    viewer = await browser.open()
    [row] = json.loads(await run("sessions", "--script-app", "page", "--json"))
    assert (row["id"], row["user"], row["script_app"]) == (viewer.session_id, "alice", "page")
    assert json.loads(await run("sessions", "--liveness", "parked", "--json")) == []


async def test_state_shows_what_is_stored_and_leaves_a_record(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Region"), "EU")
    await viewer.until(lambda: viewer.texts() == ["EU order=None runs=2 heard=[]"])
    await viewer.settled()
    held = json.loads(await run("state", viewer.session_id[:8]))
    assert held["state"]["runs"] == 2
    assert held["values"] == {"region": "EU"}
    record = await AuditRecord.objects.aget()
    assert (record.act, record.via, str(record.session_id)) == ("view values", "command", viewer.session_id)
    assert "EU" not in record.detail


# -- acting ------------------------------------------------------------------------------------------------------------


async def test_rerun_with_values_and_state(site: Site, browser: Browser, staff: User):
    viewer, other = await browser.open(), await (await site.browser(staff)).open()
    said = await run(
        "rerun", "--user", "alice", "--value", 'region="EU"', "--state", '{"order": 7}', "--wait"
    )  # fmt: skip
    assert said.splitlines() == ["1 session was asked.", "  1 completed"]
    await viewer.until(lambda: viewer.texts() == ["EU order=7 runs=2 heard=[]"])
    assert other.texts() == ["US order=None runs=1 heard=[]"]
    request = await SessionRequest.objects.aget()
    assert (request.trigger, request.requested_by_id) == ("command", None)
    record = await AuditRecord.objects.aget()
    assert (record.act, record.count, record.actor_name) == ("rerun", 1, "")
    assert record.detail.startswith("user=alice; assigns order, region; by ")
    # The admin's log is of users of the site, and nobody said --as.
    assert not await LogEntry.objects.aexists()


async def test_all_is_said_or_somebody_is_named(site: Site, browser: Browser, staff: User):
    viewer, other = await browser.open(), await (await site.browser(staff)).open()
    refused = await sync_to_async(refusal)("rerun")
    assert "--all" in str(refused)
    report = json.loads(await run("rerun", "--all", "--wait", "--json"))
    assert report["asked"] == 2
    assert report["outcomes"] == dict.fromkeys([viewer.session_id, other.session_id], "completed")


async def test_stop_notify_event_and_close(site: Site, browser: Browser):
    viewer = await browser.open()
    await site.until_row(viewer, listens_to=["news"])
    await run("notify", "Lunch", "--icon", "🍲", "--all", "--wait")
    await viewer.until(lambda: ["Lunch" in toast.body_html for toast in viewer.toasts] == [True])
    await run("event", "news", '{"text": "sold"}', "--id", viewer.session_id, "--wait")
    await viewer.until(lambda: viewer.texts() == ["US order=None runs=2 heard=['sold']"])
    assert "1 completed" in await run("stop", "--id", viewer.session_id, "--wait")
    assert "1 completed" in await run("close", "--message", "Bye", "--id", viewer.session_id, "--wait")
    assert await viewer.socket.closed() == 4001


async def test_state_is_assigned_with_and_without_a_run(site: Site, browser: Browser):
    viewer = await browser.open()
    await run("state", viewer.session_id, "--set", "order=7", "--no-rerun")
    await run("state", viewer.session_id, "--set", "other=[1, 2]", "--wait")
    await viewer.until(lambda: viewer.texts() == ["US order=7 runs=2 heard=[]"])
    held = json.loads(await run("state", viewer.session_id))
    assert (held["state"]["order"], held["state"]["other"]) == (7, [1, 2])


# -- refusing ----------------------------------------------------------------------------------------------------------


async def test_what_does_not_fit_is_told_with_an_exit_code(site: Site, browser: Browser):
    viewer = await browser.open()

    def ask() -> tuple[str, CommandError]:
        out = StringIO()
        with pytest.raises(CommandError) as refused:
            call_command("scriptapps", "rerun", "--all", "--value", "nowhere=1", "--wait", stdout=out)
        return out.getvalue(), refused.value

    said, refused = await sync_to_async(ask)()
    assert refused.returncode == 4
    assert f"  {viewer.session_id}: refused: no widget with the key 'nowhere'; the page has: region" in said


def test_nobody_is_an_exit_code_of_its_own():
    assert refusal("rerun", "--user", "nobody").returncode == 3
    assert refusal("state", "12345678").returncode == 3
    assert refusal("stop", "--id", "1").returncode == 3


def test_who_has_not_ended_in_time_is_an_exit_code_of_its_own(parked: ScriptSession):
    # Its process seems to live, and does nothing.
    ScriptSession.objects.filter(pk=parked.pk).update(node="elsewhere", beat=timezone.now())
    words = ("rerun", "--id", str(parked.pk), "--value", "region=1", "--wait", "--timeout", "0")
    assert refusal(*words).returncode == 5


@pytest.mark.parametrize("given", ["region=EU", "region", "=1", 'region={"$type": "model", "v": 1}'])
def test_values_that_cannot_be_read(given: str):
    refused = refusal("rerun", "--all", "--value", given)
    assert refused.returncode == 1
    assert "region" in str(refused) or given in str(refused)


def test_acting_as_somebody_gives_their_rights_and_no_more(parked: ScriptSession, staff: User):
    words = ("rerun", "--id", str(parked.pk), "--as", staff.username)
    assert "may not do this (rerun)" in str(refusal(*words))
    staff.user_permissions.add(Permission.objects.get(codename="rerun_scriptsession"))
    assert "(patch)" in str(refusal(*words, "--value", "region=1"))
    assert printed(*words).splitlines() == ["1 session was asked.", "  1 when it is seen next"]
    record = AuditRecord.objects.get()
    assert (record.actor_name, record.act, record.detail) == (staff.username, "rerun", f"id {parked.pk}")
    [entry] = LogEntry.objects.filter(user=staff, object_id=str(parked.pk))
    assert entry.get_change_message() == "Asked to rerun. [command]"
    assert "no user" in str(refusal("sessions", "--as", "nobody"))


def test_a_close_of_parked_sessions_is_done_at_once(parked: ScriptSession):
    said: Any = json.loads(printed("close", "--id", str(parked.pk), "--wait", "--json"))
    assert said["outcomes"] == {str(parked.pk): "completed"}
    parked.refresh_from_db()
    assert parked.state == "closed"
