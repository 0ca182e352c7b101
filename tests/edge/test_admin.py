"""The live list tells the truth, needs the model's permissions, and every act is asked by POST and logged."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone

from scriptapps.admin_live_list import duration, short_moment
from scriptapps.models import SavedSnapshot, ScriptApp, ScriptSession, SessionRequest
from scriptapps.signals import steering_requested

pytestmark = pytest.mark.django_db

LIST = "/admin/scriptapps/scriptsession/"
APPS = "/admin/scriptapps/scriptapp/"
SNAPSHOTS = "/admin/scriptapps/savedsnapshot/"


@pytest.fixture
def row() -> ScriptApp:
    return ScriptApp.objects.create(slug="orders", title="Orders")


@pytest.fixture
def session(row, alice) -> ScriptSession:
    return ScriptSession.objects.create(
        script_app=row,
        user=alice,
        node="web-1",
        viewers=1,
        runs=3,
        last_run_ms=34.4,
        last_outcome="COMPLETED",
        last_trigger="widget",
        memory_bytes=2048,
        connected_at=timezone.now(),
        binding="secret-binding-hash",
    )


@pytest.fixture
def gone(row, alice) -> ScriptSession:
    return ScriptSession.objects.create(
        script_app=row, user=alice, node="web-0", state="running", beat=timezone.now() - timedelta(hours=1)
    )


@pytest.fixture
def root(superuser) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


@pytest.fixture
def helper(staff) -> Client:
    """Staff who may look and rerun, nothing else."""
    permit(staff, "view_scriptsession", "rerun_scriptsession")
    client = Client()
    client.force_login(staff)
    return client


def permit(user: User, *codenames: str) -> None:
    found = Permission.objects.filter(content_type__app_label="scriptapps", codename__in=codenames)
    assert found.count() == len(codenames)
    user.user_permissions.add(*found)


def rows(response) -> list[str]:
    table = re.findall(r"<tbody>(.*?)</tbody>", response.content.decode(), re.DOTALL)
    listed = re.findall(r"<tr>(.*?)</tr>", table[0], re.DOTALL) if table else []
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in listed]


def act(client: Client, kind: str, *sessions: ScriptSession):
    data = {"action": kind, "confirmed": "yes", "_selected_action": [str(session.pk) for session in sessions]}
    return client.post(f"{LIST}?liveness=all", data, follow=True)


def test_the_live_list(root, session, gone):
    [line] = rows(root.get(LIST))
    since = short_moment(session.connected_at)
    assert line.startswith(f"alice Orders idle web-1 1 since {since} 3 in ")
    assert line.endswith("completed 34 ms · widget 2.0\xa0KB".replace("\xa0", " "))


def test_rows_say_when_somebody_was_there_and_how_long_it_lasted(root, row, alice):
    now = timezone.now()
    day = timedelta(days=1)
    session = ScriptSession.objects.create(
        script_app=row,
        user=alice,
        node="web-1",
        created=now - 3 * day,
        connected_at=now - 2 * day,
        last_seen=now - day,
        memory_bytes=2048,
    )

    def line(**changed) -> str:
        ScriptSession.objects.update(**changed)
        [found] = rows(root.get(LIST, {"liveness": "all"}))
        return found

    left = short_moment(session.last_seen)
    assert f"0 seen {left} 0 in 3 d" in line()
    assert line().endswith("2.0 KB")
    assert f"– seen {left}" in line(node="")
    # Only what is live is in memory.
    assert line().endswith("–")
    ended = line(node="web-1", state="closed", closed_at=now - 2 * day)
    assert f"– closed {short_moment(now - 2 * day)} 0 in 1 d" in ended
    assert ended.endswith("–")


def test_anonymous_sessions_are_called_so(root, row):
    ScriptSession.objects.create(script_app=row, node="web-1", viewers=0)
    [line] = rows(root.get(LIST))
    assert line.startswith("anonymous Orders away")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"running", "idle", "away"}),
        ({"liveness": "away"}, {"away"}),
        ({"liveness": "gone"}, {"gone"}),
        ({"liveness": "closed"}, {"closed"}),
        ({"liveness": "parked"}, {"parked"}),
        ({"liveness": "all"}, {"running", "idle", "away", "parked", "gone", "closed"}),
        ({"state__exact": "running"}, {"running"}),
    ],
)
def test_filters(root, row, session, gone, query, expected):
    ScriptSession.objects.create(script_app=row, node="web-1", viewers=1, state="running")
    ScriptSession.objects.create(script_app=row, node="web-1", viewers=0)
    ScriptSession.objects.create(script_app=row, node="", viewers=0)
    ScriptSession.objects.create(script_app=row, node="web-1", state="closed")
    found = re.findall(r'data-state="(\w+)"', root.get(LIST, query).content.decode())
    assert set(found) == expected
    assert len(found) == len(expected)


def test_filters_by_user_and_script_app(root, row, session, alice):
    other = ScriptApp.objects.create(slug="other")
    bob = User.objects.create_user("bob")
    ScriptSession.objects.create(script_app=other, user=bob, node="web-1")
    assert len(rows(root.get(LIST))) == 2
    assert [line.split()[0] for line in rows(root.get(LIST, {"user__id__exact": bob.pk}))] == ["bob"]
    assert [line.split()[0] for line in rows(root.get(LIST, {"script_app__id__exact": row.pk}))] == ["alice"]


def test_search(root, session):
    ScriptSession.objects.create(script_app=ScriptApp.objects.create(slug="other"), node="web-9")
    for text in ("alice", "orders", "web-1", str(session.pk), session.pk.hex[:8]):
        assert len(rows(root.get(LIST, {"q": text}))) == 1, text
    assert rows(root.get(LIST, {"q": "nobody"})) == []


def test_the_list_asks_few_questions(root, row, django_assert_max_num_queries):
    for number in range(40):
        user = User.objects.create_user(f"u{number}")
        ScriptSession.objects.create(script_app=row, user=user, node="web-1", viewers=1)
    with django_assert_max_num_queries(10):
        assert len(rows(root.get(LIST))) == 40


@pytest.mark.parametrize("kind", ["rerun", "stop"])
def test_actions_leave_requests_and_are_logged(
    root, superuser, session, gone, kind, django_capture_on_commit_callbacks
):
    heard = []

    def listen(sender, **kwargs):
        heard.append((kwargs["kind"], kwargs["ids"]))

    steering_requested.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            response = act(root, kind, session, gone)
    finally:
        steering_requested.disconnect(listen)
    assert heard == [(kind, [session.pk])]
    [request] = SessionRequest.objects.all()
    assert (request.session, request.kind, request.trigger) == (session, kind, "admin")
    assert (request.requested_by, request.detail) == (superuser, "root")
    messages = [str(message) for message in response.context["messages"]]
    assert messages[0].startswith("1 session was asked to")
    assert messages[1] == "1 session is not live any more."
    [entry] = LogEntry.objects.all()
    assert (entry.user, entry.object_id) == (superuser, str(session.pk))
    assert entry.get_change_message().startswith("Asked to")


def test_closing_works_without_a_living_process(root, row, session, gone):
    parked = ScriptSession.objects.create(script_app=row, node="")
    response = act(root, "close", session, gone, parked)
    assert [str(message) for message in response.context["messages"]] == ["3 sessions were asked to close."]
    for each in (session, gone, parked):
        each.refresh_from_db()
    assert session.state == "idle"
    assert [request.kind for request in session.requests.waiting()] == ["close"]
    for each in (gone, parked):
        assert (each.state, each.close_reason) == ("closed", "closed by staff")
        assert each.closed_at is not None


def test_one_line_counts_what_there_is(root, row, session, gone):
    ScriptSession.objects.create(script_app=row, node="web-1", viewers=0)
    ScriptSession.objects.create(script_app=row, node="", state_keys=2, state_bytes=2048)
    ScriptSession.objects.create(script_app=row, state="closed")
    session.files.create(path="x", name="secret.csv", size=1024)
    line = re.search(r'class="scriptapps-counts">(.*?)</p>', root.get(LIST).content.decode(), re.DOTALL)
    assert line
    counts = "2 live, 1 of them away · 1 parked · 1 gone · 1 closed"
    assert line[1] == f"{counts} · 2.0\xa0KB stored · 1 file, 1.0\xa0KB uploaded"


def test_the_detail_page_says_what_is_stored_and_never_a_value(root, session):
    session.stored_values.create(space="s", name="basket", payload=b'"secret value"')
    session.files.create(path="x", name="secret value.csv", size=2048)
    ScriptSession.objects.filter(pk=session.pk).update(
        epoch=7,
        lease_expires=timezone.now() + timedelta(seconds=20),
        state_keys=1,
        state_bytes=14,
        not_durable={"<file>": "it is an open file"},
    )
    content = root.get(f"{LIST}{session.pk}/change/").content.decode()
    assert "1 value, 14\xa0bytes" in content
    assert "1 file, 2.0\xa0KB" in content
    assert "<li><code>&lt;file&gt;</code>: it is an open file</li>" in content
    assert re.search(r"field-epoch.*?>7<", content, re.DOTALL)
    assert re.search(r"(19|20) seconds left", content)
    assert "secret value" not in content
    ScriptSession.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    assert "expired" in root.get(f"{LIST}{session.pk}/change/").content.decode()


def test_actions_need_their_own_permission(helper, session):
    content = helper.get(LIST).content.decode()
    assert re.findall(r'<option value="(\w+)"', content) == ["rerun"]
    act(helper, "close", session)
    act(helper, "stop", session)
    act(helper, "rerun", session)
    assert [request.kind for request in session.requests.all()] == ["rerun"]


def test_staff_without_permission_see_nothing(staff, session):
    client = Client()
    client.force_login(staff)
    for address in (LIST, f"{LIST}{session.pk}/change/", APPS, SNAPSHOTS):
        assert client.get(address).status_code == 403


def test_others_are_sent_to_the_sign_in(alice, session):
    client = Client()
    client.force_login(alice)
    for address in (LIST, f"{LIST}{session.pk}/change/"):
        assert client.get(address).status_code == 302
    assert client.post(f"{LIST}{session.pk}/steer/close/").status_code == 302
    assert not session.requests.exists()


def test_the_detail_page_shows_what_is_known_and_no_secret(root, session):
    content = root.get(f"{LIST}{session.pk}/change/").content.decode()
    for text in (str(session.pk), "alice", "web-1", "34 ms · completed (widget)", "2.0\xa0KB"):
        assert text in content
    assert "secret-binding-hash" not in content
    assert 'name="_save"' not in content


def test_the_buttons_of_the_detail_page(root, helper, session, gone):
    address = f"{LIST}{session.pk}/change/"
    buttons = re.compile(r'data-kind="(\w+)"')
    assert buttons.findall(root.get(address).content.decode()) == ["rerun", "stop", "close"]
    assert buttons.findall(helper.get(address).content.decode()) == ["rerun"]
    assert buttons.findall(root.get(f"{LIST}{gone.pk}/change/").content.decode()) == ["close"]


def test_a_button_acts_by_post_only(root, helper, session):
    steer = f"{LIST}{session.pk}/steer/"
    assert root.get(f"{steer}rerun/").status_code == 405
    response = root.post(f"{steer}rerun/", follow=True)
    assert b"1 session was asked to rerun." in response.content
    assert helper.post(f"{steer}close/").status_code == 403
    assert root.post(f"{steer}explode/").status_code == 403
    assert root.post(f"{LIST}{uuid.uuid4()}/steer/rerun/").status_code == 302
    assert [request.kind for request in session.requests.all()] == ["rerun"]


def test_csrf_is_asked_for(superuser, session):
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser)
    assert client.post(f"{LIST}{session.pk}/steer/close/").status_code == 403
    page = client.get(f"{LIST}{session.pk}/change/").content.decode()
    form = re.search(r'steer/close/">.*?value="(\w+)"', page, re.DOTALL)
    assert form
    assert client.post(f"{LIST}{session.pk}/steer/close/", {"csrfmiddlewaretoken": form[1]}).status_code == 302


def test_sessions_are_neither_added_nor_edited(root, session):
    assert root.get(f"{LIST}add/").status_code == 403
    response = root.post(f"{LIST}{session.pk}/change/", {"state": "closed", "viewers": 99})
    assert response.status_code == 403
    session.refresh_from_db()
    assert (session.state, session.viewers) == ("idle", 1)


def test_only_what_is_not_live_is_deleted(root, session, gone):
    assert root.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 403
    act_delete(root, session, gone)
    assert ScriptSession.objects.count() == 2
    act_delete(root, gone)
    assert list(ScriptSession.objects.all()) == [session]


def act_delete(client: Client, *sessions: ScriptSession) -> None:
    data = {
        "action": "delete_selected",
        "post": "yes",
        "_selected_action": [str(session.pk) for session in sessions],
    }
    client.post(f"{LIST}?liveness=all", data)


def test_what_is_asked_for_and_not_done_is_shown(root, session):
    ScriptSession.objects.rerun()
    assert "rerun" in pending(root, session)
    SessionRequest.objects.update(finished=timezone.now(), outcome="completed")
    assert pending(root, session) == "–"


def pending(client: Client, session: ScriptSession) -> str:
    content = client.get(f"{LIST}{session.pk}/change/").content.decode()
    found = re.search(r'field-pending.*?class="readonly">(.*?)<', content, re.DOTALL)
    assert found
    return found[1].strip()


def test_script_apps_have_rows_before_anybody_opened_them(root, folder):
    folder.write("orders.py", "# title: All orders\n# access: staff\n")
    folder.write("open.py", "# access: public\n")
    lines = rows(root.get(APPS))
    assert [line.split()[0] for line in lines] == ["open", "orders"]
    assert "All orders" in lines[1]
    assert "staff" in lines[1]


def test_script_apps_count_their_live_sessions(root, folder, session, gone):
    folder.write("orders.py")
    content = root.get(APPS).content.decode()
    assert f'{LIST}?script_app__id__exact={session.script_app_id}">1</a>' in content
    assert 'href="/apps/orders/">Open</a>' in content


def test_the_list_of_script_apps_asks_few_questions(root, folder, django_assert_max_num_queries):
    for number in range(20):
        folder.write(f"s{number}.py")
    root.get(APPS)
    with django_assert_max_num_queries(9):
        assert len(rows(root.get(APPS))) == 20


def change(client: Client, row: ScriptApp, **values):
    data = {"title": "", "access": "", "permission": "", "deadline_seconds": "", "enabled": "on", **values}
    return client.post(f"{APPS}{row.pk}/change/", data)


def test_a_rule_is_set_in_the_admin(root, row):
    assert change(root, row, access="permission", permission="shop.view_order").status_code == 302
    row.refresh_from_db()
    assert (row.access, row.permission) == ("permission", "shop.view_order")
    group = Group.objects.create(name="sales")
    assert change(root, row, access="groups", groups=[group.pk], deadline_seconds="7.5").status_code == 302
    row.refresh_from_db()
    assert (row.access, row.deadline_seconds, list(row.groups.all())) == ("groups", 7.5, [group])


@pytest.mark.parametrize(
    "values",
    [
        {"access": "groups"},
        {"access": "permission"},
        {"access": "permission", "permission": "view_order"},
        {"access": "permission", "permission": "shop.view_oder"},
        {"deadline_seconds": "-1"},
    ],
)
def test_rules_by_mistake_are_refused(root, row, values):
    response = change(root, row, **values)
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    row.refresh_from_db()
    assert (row.access, row.deadline_seconds) == ("", None)


def test_the_slug_is_not_edited_and_no_row_is_added(root, row):
    change(root, row, slug="other", source_path="/etc/passwd")
    row.refresh_from_db()
    assert (row.slug, row.source_path) == ("orders", "")
    assert root.get(f"{APPS}add/").status_code == 403


def test_a_row_is_deleted_only_when_its_file_is_gone(root, folder, row):
    path = folder.write("orders.py")
    assert root.post(f"{APPS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    path.unlink()
    assert "its file is missing" in root.get(APPS).content.decode()
    assert root.post(f"{APPS}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ScriptApp.objects.exists()


def test_saved_snapshots(root, row, alice, django_assert_max_num_queries):
    for number in range(10):
        SavedSnapshot.objects.create(script_app=row, user=alice, title=f"Day {number}", payload=b"12345")
    with django_assert_max_num_queries(8):
        response = root.get(SNAPSHOTS)
    assert len(rows(response)) == 10
    snapshot = SavedSnapshot.objects.get(title="Day 3")
    assert f'href="/apps/orders/saved/{snapshot.pk}/">Open</a>' in response.content.decode()
    assert root.get(f"{SNAPSHOTS}{snapshot.pk}/change/").status_code == 200
    assert root.get(f"{SNAPSHOTS}add/").status_code == 403
    assert root.post(f"{SNAPSHOTS}{snapshot.pk}/change/", {"title": "x"}).status_code == 403
    assert root.post(f"{SNAPSHOTS}{snapshot.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not SavedSnapshot.objects.filter(pk=snapshot.pk).exists()


def test_names_are_escaped(root, row):
    nasty = "<script>alert(1)</script>"
    ScriptApp.objects.update(title=nasty)
    user = User.objects.create_user("<b>x</b>")
    session = ScriptSession.objects.create(script_app=row, user=user, viewers=1, node=nasty, last_error=nasty)
    SavedSnapshot.objects.create(script_app=row, title=nasty, payload=b"")
    for address in (LIST, f"{LIST}{session.pk}/change/", APPS, SNAPSHOTS):
        content = root.get(address).content.decode()
        assert nasty not in content
        assert "<b>x</b>" not in content


def test_nothing_of_ours_is_inline(root, session):
    for address in (LIST, f"{LIST}{session.pk}/change/", APPS):
        content = root.get(address).content.decode()
        assert not re.search(r"\son(click|submit|load|change)=", content)
        assert not re.search(r"<script>|<style>", content)


def test_on_an_admin_site_of_ones_own(superuser, session, settings):
    settings.ROOT_URLCONF = "tests.site.urls_own_admin"
    client = Client()
    client.force_login(superuser)
    assert len(rows(client.get("/control/scriptapps/scriptsession/"))) == 1
    content = client.get(f"/control/scriptapps/scriptsession/{session.pk}/change/").content.decode()
    assert f'action="/control/scriptapps/scriptsession/{session.pk}/steer/rerun/"' in content
    response = client.post(f"/control/scriptapps/scriptsession/{session.pk}/steer/rerun/")
    assert response.headers["Location"] == f"/control/scriptapps/scriptsession/{session.pk}/change/"
    # Script apps are not mounted on this site: the list works without links to their pages.
    assert (
        "/control/scriptapps/scriptsession/?script_app" in client.get("/control/scriptapps/scriptapp/").content.decode()
    )


def test_moments_and_durations_are_short(settings):
    settings.TIME_ZONE = "UTC"
    now = timezone.now()
    assert short_moment(now) == now.strftime("%H:%M:%S")
    assert "2020" in short_moment(now.replace(year=2020, day=1))
    assert short_moment(None) == "–"
    assert [duration(value) for value in (34.4, 2_100, 185_000)] == ["34 ms", "2.1 s", "3 min 5 s"]
