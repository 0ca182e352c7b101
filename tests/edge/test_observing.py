"""Staff who watch a session: what they see, what they cannot do, and what the people in it are told."""

import json

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from scriptapps.models import AuditRecord, SavedSnapshot, ScriptSession
from scriptapps.protocol import schema
from scriptapps.protocol.codec import SUBPROTOCOL
from tests.live import Browser, Site, SocketClosed, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SIGNED_OUT, NO_RIGHT, ELSEWHERE = 4401, 4403, 4014
PAGE = """# access: signed-in
from scriptapps import st
if st.button("Add"):
    st.session_state.n = st.session_state.get("n", 0) + 1
st.text_input("Name")
st.text(f"n={st.session_state.get('n', 0)} user={st.user.get_username()}")
"""

FIELDS = schema.ClientMessage.DESCRIPTOR.oneofs_by_name["kind"].fields
KINDS = {field.name: field.message_type.name for field in FIELDS if field.message_type}
HARMLESS = {"attach", "request_snapshot", "ack", "ping", "visibility"}
"""What a page sends by itself."""


def allow(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


@pytest.fixture
async def page(site: Site, alice: User):
    site.folder.write("page.py", PAGE)
    yield await (await site.browser(alice)).open()
    await site.leave()


@pytest.fixture
def watcher(transactional_db: None) -> User:
    user = User.objects.create_user("wendy", is_staff=True)
    allow(user, "view_scriptsession", "observe_scriptsession")
    return user


async def knock(browser: Browser, session_id: str):
    """A socket as the page in the admin opens it."""
    response = await sync_to_async(browser.client.get)(
        reverse("admin:scriptapps_scriptsession_status", args=[session_id])
    )
    token = json.loads(response.content)["token"] if response.status_code == 200 else ""
    offers = [SUBPROTOCOL, f"token.{token}", f"session.{session_id}"]
    return await browser.knock(offers=offers)


async def watch(browser: Browser, session_id: str) -> Viewer:
    socket = await knock(browser, session_id)
    assert socket.refused is None, socket.refused
    viewer = Viewer(socket)
    await viewer.attach()
    await viewer.until(viewer.texts)
    return viewer


async def test_what_happens_on_the_page_is_seen(site: Site, page: Viewer, watcher: User):
    watching = await watch(await site.browser(watcher), page.session_id)
    assert watching.welcome.read_only
    await page.click(page.widget("Add"))
    await watching.until(lambda: watching.texts() == ["n=1 user=alice"])


def message_of(kind: str, page: Viewer) -> dict[str, object]:
    """A message of this kind that would do something if it came from the page's own user."""
    made: dict[str, object] = {
        "widget_events": schema.WidgetEvents(
            events=[schema.WidgetEvent(widget_id=page.widget("Add").widget_id, value=schema.Value(trigger=True))]
        ),
        "set_run_on_save": schema.SetRunOnSave(enabled=True),
        "save_snapshot": schema.SaveSnapshot(title="mine"),
        "visibility": schema.Visibility(hidden=True),
        "attach": schema.Attach(protocol_version=1, client_id="other"),
    }
    name = KINDS[kind]
    return {kind: made.get(kind) or getattr(schema, name)()}


def state_of(site: Site, page: Viewer) -> tuple[object, ...]:
    """What somebody could have changed."""
    session = site.session(page)
    return (
        session.runs, session.run_number, session.queue.pending, session.state_of_life, session.close_code,
        session.source_status.run_on_save, session.clear_requested, session.history.is_inspected, len(session.people),
        list(session.widgets.clicks), dict(session.widgets.incoming),
    )  # fmt: skip


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_who_watches_changes_nothing(site: Site, page: Viewer, watcher: User, settings, kind: str, debug: bool):
    watching = await watch(await site.browser(watcher), page.session_id)
    settings.DEBUG = debug
    before, runs = state_of(site, page), site.session(page).runs
    await watching.send(event=kind not in HARMLESS, **message_of(kind, page))
    # Messages are handled one after the other: when this one is answered, that one has been.
    await watching.send(event=True, rerun=schema.Rerun())
    await watching.until(lambda: watching.errors and watching.errors[-1].code == "not_allowed")
    answers = [error.code for error in watching.errors]
    if kind == "attach":
        assert answers == ["unknown_message", "not_allowed"]
    else:
        assert answers == ["not_allowed"] * (1 if kind in HARMLESS else 2)
    assert state_of(site, page) == before
    assert not await SavedSnapshot.objects.aexists()
    await page.click(page.widget("Add"))
    await page.settled()
    assert page.texts() == ["n=1 user=alice"]
    await watching.until(lambda: watching.texts() == ["n=1 user=alice"])
    assert site.session(page).runs == runs + 1


async def test_who_watches_is_told_why_the_page_runs_and_its_user_is_not(site: Site, page: Viewer, watcher: User):
    watching = await watch(await site.browser(watcher), page.session_id)
    await page.click(page.widget("Add"))
    await watching.until(lambda: watching.why == "widget: Add")
    await page.settled()
    assert page.why == ""


async def test_people_are_told_that_staff_watch(site: Site, page: Viewer, watcher: User):
    watching = await watch(await site.browser(watcher), page.session_id)
    await page.until(lambda: page.observers == 1)
    await watching.leave()
    await page.until(lambda: page.observers == 0)


async def test_a_site_may_leave_that_unsaid(site: Site, settings, alice: User, watcher: User):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "OBSERVE_TELLS": False}
    site.folder.write("page.py", PAGE)
    page = await (await site.browser(alice)).open()
    watching = await watch(await site.browser(watcher), page.session_id)
    await page.click(page.widget("Add"))
    await watching.until(lambda: watching.texts() == ["n=1 user=alice"])
    await page.until(lambda: page.texts() == ["n=1 user=alice"])
    assert page.observers == 0
    await site.leave()


async def test_watching_counts_as_nobody_there(site: Site, page: Viewer, watcher: User):
    await watch(await site.browser(watcher), page.session_id)
    await site.until_row(page, viewers=1)
    await page.leave()
    await site.until_row(page, viewers=0)


async def test_without_the_permission_nothing_opens(site: Site, page: Viewer):
    nobody = await sync_to_async(User.objects.create_user)("nick", is_staff=True)
    await sync_to_async(allow)(nobody, "view_scriptsession", "view_scriptsession_values", "change_scriptsession")
    browser = await site.browser(nobody)
    assert (await knock(browser, page.session_id)).refused == 403
    observe = reverse("admin:scriptapps_scriptsession_observe", args=[page.session_id])
    assert (await sync_to_async(browser.client.get)(observe)).status_code == 403


async def test_a_session_that_is_closed_cannot_be_watched(site: Site, page: Viewer, watcher: User):
    await ScriptSession.objects.filter(pk=page.session_id).aclose(wait=True)
    await site.until_row(page, state="closed")
    assert (await knock(await site.browser(watcher), page.session_id)).refused in (403, 404)


async def test_a_session_that_is_not_in_this_process_is_looked_for_elsewhere(site: Site, page: Viewer, watcher: User):
    await sync_to_async(site.node.release)(site.session(page))
    socket = await knock(await site.browser(watcher), page.session_id)
    with pytest.raises(SocketClosed, match=str(ELSEWHERE)):
        await Viewer(socket).attach()


async def test_the_right_is_asked_for_again_while_watching(site: Site, page: Viewer, watcher: User, settings):
    watching = await watch(await site.browser(watcher), page.session_id)
    await sync_to_async(watcher.user_permissions.clear)()
    await sync_to_async(site.node.access.check)([site.session(page)])
    assert await watching.socket.closed() == NO_RIGHT
    await page.click(page.widget("Add"))
    await page.until(lambda: page.texts() == ["n=1 user=alice"])


async def test_signing_out_ends_the_watching_and_nothing_else(site: Site, page: Viewer, watcher: User):
    browser = await site.browser(watcher)
    watching = await watch(browser, page.session_id)
    await sync_to_async(browser.client.logout)()
    assert await watching.socket.closed() == SIGNED_OUT
    await page.click(page.widget("Add"))
    await page.until(lambda: page.texts() == ["n=1 user=alice"])


async def test_opening_the_page_to_watch_is_in_the_audit(site: Site, page: Viewer, watcher: User):
    browser = await site.browser(watcher)
    observe = reverse("admin:scriptapps_scriptsession_observe", args=[page.session_id])
    response = await sync_to_async(browser.client.get)(observe)
    assert f'session="{page.session_id}"' in response.content.decode()
    record = await AuditRecord.objects.aget()
    assert (record.act, record.via, str(record.session_id)) == ("observe", "admin", page.session_id)
    assert await LogEntry.objects.filter(user=watcher, object_id=page.session_id).acount() == 1


async def test_a_copy_begins_with_the_values_and_is_the_askers_own(site: Site, page: Viewer, watcher: User):
    await page.click(page.widget("Add"))
    await page.until(lambda: page.texts() == ["n=1 user=alice"])
    await sync_to_async(allow)(watcher, "view_scriptsession_values")
    browser = await site.browser(await User.objects.aget(pk=watcher.pk))
    copy = reverse("admin:scriptapps_scriptsession_copy", args=[page.session_id])
    response = await sync_to_async(browser.client.post)(copy)
    assert response.status_code == 302
    own = await browser.open()
    assert own.texts() == ["n=1 user=wendy"]
    assert own.session_id != page.session_id
    await own.click(own.widget("Add"))
    await own.until(lambda: own.texts() == ["n=2 user=wendy"])
    assert page.texts() == ["n=1 user=alice"]
    # The page after that is an ordinary one.
    assert "session" in await browser.page()
    assert await AuditRecord.objects.filter(act="copy").acount() == 1


def test_a_copy_needs_the_right_to_see_values(site: Site, watcher: User, client: Client):
    site.folder.write("page.py", PAGE)
    session = ScriptSession.objects.create(script_app=_row())
    client.force_login(watcher)
    assert client.post(reverse("admin:scriptapps_scriptsession_copy", args=[session.pk])).status_code == 403


def _row():
    from scriptapps.registry import registry

    source = registry.find("page")
    assert source
    return registry.script_app(source)
