"""One session for several pages: who shares it, what each of them does in it, and what leaving it means."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connections
from django.utils import timezone

from scriptapps.handshake import visitor_of
from scriptapps.identity import Identity
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.protocol import schema
from scriptapps.registry import ScriptSource, registry
from scriptapps.revalidation import people_of
from scriptapps.runtime.options import Visitor
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.viewer import Viewer as Observer
from scriptapps.scope import Scope
from scriptapps.shared_sessions import find_shared, scope_key
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SIGNED_OUT, FORBIDDEN, CHECK_AGAIN, WATCHED_ELSEWHERE = 4401, 4403, 4002, 4014
BOARD = """# access: signed-in
# scope: user
from scriptapps import st
if st.button("Add"):
    st.session_state.n = st.session_state.get("n", 0) + 1
if st.button("Take"):
    st.session_state.n = st.session_state.get("n", 0) - 1
heat = st.slider("Heat", 0, 10, 1)
st.text(f"n={st.session_state.get('n', 0)} heat={heat} user={st.user.get_username() or 'guest'}")
st.text(st.session_id())
"""


@pytest.fixture
def write(site: Site):
    """Write the board for a scope and a rule."""

    def write(scope: str = "user", access: str = "signed-in") -> None:
        site.folder.write("page.py", BOARD.replace("scope: user", f"scope: {scope}").replace("signed-in", access))

    write()
    return write


@pytest.fixture
async def home(site: Site, write, alice: User):
    """A browser of alice."""
    yield await site.browser(alice)
    await site.leave()


@pytest.fixture
async def away(site: Site, home: Browser, alice: User):
    """Another browser of alice."""
    return await site.browser(alice)


def board() -> tuple[ScriptSource, ScriptApp]:
    """The script app of these tests."""
    source = registry.find("page")
    assert source is not None
    return source, registry.script_app(source)


async def add(viewer: Viewer, label: str = "Add") -> None:
    await viewer.click(viewer.widget(label))
    await viewer.settled()


async def shows(viewer: Viewer, text: str) -> None:
    await viewer.until(lambda: viewer.texts()[0] == text)


async def sign_out(browser: Browser) -> None:
    await sync_to_async(browser.client.post)("/accounts/logout/")


# -- who shares --------------------------------------------------------------------------------------------------------


async def test_all_pages_of_a_person_show_one_session_live(
    site: Site, home: Browser, away: Browser, alice: User, staff: User
):
    one, two = await home.open(), await away.open()
    other = await (await site.browser(staff)).open()
    assert one.session_id == two.session_id != other.session_id
    assert one.texts()[1] == two.texts()[1] == one.session_id
    await one.set_value(one.widget("Heat"), [7.0])
    await shows(two, "n=0 heat=7 user=alice")
    assert two.widget("Heat").value == [7]
    await add(two)
    await shows(one, "n=1 heat=7 user=alice")
    assert other.texts()[0] == "n=0 heat=1 user=staff"
    row = await site.until_row(one, viewers=2)
    assert (row.scope, row.user_id) == ("user", alice.pk)


async def test_the_tabs_of_a_browser_share_and_another_browser_does_not(home: Browser, away: Browser, write):
    write("browser")
    one, two, elsewhere = await home.open(), await home.open(), await away.open()
    assert one.session_id == two.session_id != elsewhere.session_id
    await add(one)
    await shows(two, "n=1 heat=1 user=alice")
    assert elsewhere.texts()[0] == "n=0 heat=1 user=alice"


async def test_a_page_hands_out_the_session_that_is_open(home: Browser, away: Browser, settings):
    viewer = await home.open()
    attributes = await away.page()
    assert attributes["session"] == viewer.session_id
    assert attributes["scope"] == "user"
    # A page that was told nothing is led there as well.
    assert (await away.open(session="")).session_id == viewer.session_id


async def test_staff_see_who_shares_it(site: Site, home: Browser, superuser: User):
    viewer = await home.open()
    desk = await site.browser(superuser)
    response = await sync_to_async(desk.client.get)(f"/admin/scriptapps/scriptsession/{viewer.session_id}/change/")
    assert "all pages of one person" in response.content.decode()


async def test_a_session_of_ones_own_is_not_marked(home: Browser, write):
    write("tab")
    assert "scope" not in await home.page()
    one, two = await home.open(), await home.open()
    assert one.session_id != two.session_id


async def test_nobody_else_may_go_on_with_it(site: Site, home: Browser, away: Browser, staff: User):
    viewer = await home.open()
    stranger = await site.browser(staff)
    token = (await stranger.page())["token"]
    assert (await away.status(session=viewer.session_id))["resume"]
    assert not (await stranger.status(session=viewer.session_id))["resume"]
    assert (await stranger.knock(token=token, session=viewer.session_id)).refused == 403


async def test_another_browser_may_not_go_on_with_a_browsers_session(home: Browser, away: Browser, write):
    write("browser")
    viewer = await home.open()
    token = (await away.page())["token"]
    assert (await home.status(session=viewer.session_id))["resume"]
    assert not (await away.status(session=viewer.session_id))["resume"]
    assert (await away.knock(token=token, session=viewer.session_id)).refused == 403


async def test_a_change_of_the_scope_holds_for_pages_that_are_opened_from_then_on(site: Site, home: Browser, write):
    write("tab")
    before = await home.open()
    row = await ScriptApp.objects.aget(slug="page")
    row.scope = "browser"
    await row.asave()
    shared = await home.open(session="")
    assert shared.session_id != before.session_id
    await before.leave()
    assert (await home.open(session=before.session_id)).session_id == before.session_id
    assert (await home.open()).session_id == shared.session_id


# -- guests ------------------------------------------------------------------------------------------------------------


async def test_a_guest_shares_with_the_tabs_of_the_browser_only(site: Site, write):
    write("user", "public")
    here, there = await site.browser(), await site.browser()
    one, two, elsewhere = await here.open(), await here.open(), await there.open()
    assert one.session_id == two.session_id != elsewhere.session_id
    assert (await site.row(one)).scope == "browser"
    assert (await here.page())["scope"] == "browser"
    await site.leave()


async def test_what_a_guest_did_is_the_persons_after_signing_in(site: Site, write, alice: User):
    write("user", "public")
    browser = await site.browser()
    viewer = await browser.open()
    await add(viewer)
    await sync_to_async(browser.client.force_login)(alice)
    assert await viewer.socket.closed() == CHECK_AGAIN
    again = await browser.open(session=viewer.session_id)
    assert again.session_id == viewer.session_id
    await shows(again, "n=1 heat=1 user=alice")
    row = await site.row(again)
    assert (row.scope, row.user_id) == ("user", alice.pk)
    elsewhere = await (await site.browser(alice)).open()
    assert elsewhere.session_id == viewer.session_id
    # From now on it is the person's: signing out here leaves it to the other browser.
    await sign_out(browser)
    assert await again.socket.closed() == SIGNED_OUT
    await add(elsewhere)
    await site.leave()


async def test_who_signs_in_comes_to_the_session_that_the_person_has(site: Site, write, alice: User):
    write("user", "public")
    has_one = await (await site.browser(alice)).open()
    await add(has_one)
    browser = await site.browser()
    guest = await browser.open()
    assert guest.session_id != has_one.session_id
    await sync_to_async(browser.client.force_login)(alice)
    assert await guest.socket.closed() == CHECK_AGAIN
    again = await browser.open(session=guest.session_id)
    assert again.session_id == has_one.session_id
    assert again.texts()[0] == "n=1 heat=1 user=alice"
    await site.leave()


async def test_a_browser_that_passed_to_somebody_else_does_not_take_the_session_along(
    site: Site, home: Browser, write, staff: User
):
    write("browser")
    viewer = await home.open()
    await ScriptSession.objects.filter(pk=viewer.session_id).aupdate(user=staff)
    await viewer.leave()
    again = await home.open(session="")
    assert again.session_id != viewer.session_id
    await site.until_row(viewer, state="closed")


# -- what each of them does --------------------------------------------------------------------------------------------


async def test_what_several_people_press_counts_once_each(site: Site, home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    for _ in range(10):
        await one.click(one.widget("Add"))
        await two.click(two.widget("Add"))
    await two.click(two.widget("Take"))
    await one.until(lambda: one.acked == 10)
    await two.until(lambda: two.acked == 11)
    for viewer in (one, two):
        await shows(viewer, "n=19 heat=1 user=alice")


async def test_an_event_that_is_sent_again_counts_once_beside_those_of_others(home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    await add(one)
    await add(two)
    await one.leave()
    again = Viewer(await home.knock(token=(await home.page())["token"], session=one.session_id))
    again.client_id = one.client_id
    await again.attach()
    assert again.acked == 1
    await again.click(again.widget("Add"))
    await again.click(again.widget("Add"))
    await again.settled(2)
    await shows(two, "n=3 heat=1 user=alice")


async def test_a_page_that_comes_back_replaces_its_own_socket_only(home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    again = Viewer(await home.knock(token=(await home.page())["token"], session=one.session_id))
    again.client_id = one.client_id
    await again.attach()
    assert await one.socket.closed() == 4009
    await add(two)
    await shows(again, "n=1 heat=1 user=alice")


async def test_a_viewer_that_leaves_changes_nothing(site: Site, home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    await add(one)
    await shows(two, "n=1 heat=1 user=alice")
    runs = site.session(two).runs
    await one.leave()
    await site.until_row(two, viewers=1)
    assert site.session(two).runs == runs
    await add(two)
    assert two.texts()[0] == "n=2 heat=1 user=alice"


async def test_staff_close_it_for_all(site: Site, home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    await ScriptSession.objects.filter(pk=one.session_id).aclose()
    assert await one.socket.closed() == 4001
    assert await two.socket.closed() == 4001
    await site.until_row(one, state="closed")
    again = await home.open()
    assert again.session_id != one.session_id
    assert again.texts()[0] == "n=0 heat=1 user=alice"


# -- leaving and being turned away -------------------------------------------------------------------------------------


async def test_signing_out_in_one_browser_leaves_the_session_to_the_others(site: Site, home: Browser, away: Browser):
    one, tab, two = await home.open(), await home.open(), await away.open()
    await add(two)
    # The page that came last is the one that runs answer for, so the one that goes is that.
    last = await home.open()
    session = site.session(two)
    await sign_out(home)
    for viewer in (one, tab, last):
        assert await viewer.socket.closed() == SIGNED_OUT
    await site.until_row(two, viewers=1)
    assert session.visitor.session_key == away.client.session.session_key
    await add(two)
    assert two.texts()[0] == "n=2 heat=1 user=alice"
    assert session.last_outcome == "COMPLETED"
    assert (await home.status())["state"] == "signed_out"


async def test_what_a_viewer_sends_who_was_turned_away_does_not_count(site: Site, home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    session = site.session(one)
    [inside] = [viewer for viewer in session.viewers if viewer.client_id == one.client_id]
    inside.close_socket = lambda code, reason: None
    await sign_out(home)
    assert inside.dismissed
    await one.click(one.widget("Add"))
    await one.send(event=True, save_snapshot=schema.SaveSnapshot(title="late"))
    await add(two)
    assert two.texts()[0] == "n=1 heat=1 user=alice"
    assert one.acked == 0


async def test_after_the_last_sign_out_nothing_runs_and_the_next_sign_in_finds_it(
    site: Site, home: Browser, away: Browser, alice: User
):
    one, two = await home.open(), await away.open()
    await add(one)
    session = site.session(one)
    await sign_out(home)
    assert await one.socket.closed() == SIGNED_OUT
    await sign_out(away)
    assert await two.socket.closed() == SIGNED_OUT
    await site.until_row(one, node="", viewers=0)
    runs = session.run_number
    assert not session.request_rerun(RerunRequest("late"))
    assert session.run_number == runs
    again = await (await site.browser(alice)).open()
    assert again.session_id == one.session_id
    assert again.texts()[0] == "n=1 heat=1 user=alice"


async def test_who_comes_while_the_last_one_leaves_is_not_taken_for_signed_out(
    site: Site, home: Browser, away: Browser, monkeypatch
):
    one = await home.open()
    late: list[tuple[Any, ...]] = []
    monkeypatch.setattr(site.node.access, "_submit", lambda *call: late.append(call))
    await sign_out(home)
    assert await one.socket.closed() == SIGNED_OUT
    two = await away.open(session=one.session_id)
    [(release, session)] = [call for call in late if call[0] == site.node.release]
    await sync_to_async(release)(session)
    assert await two.socket.closed() == CHECK_AGAIN
    again = await away.open(session=one.session_id)
    assert again.session_id == one.session_id
    await add(again)


async def test_a_staff_observer_is_none_of_those_who_share(site: Site, home: Browser, staff: User):
    one = await home.open()
    session = site.session(one)
    watching = visitor_of(Identity("key", "b", staff))
    session.viewers = [*session.viewers, Observer(lambda _: None, lambda *_: None, read_only=True, visitor=watching)]
    assert watching not in people_of(session)


async def test_signing_out_ends_a_browsers_session(site: Site, home: Browser, write):
    write("browser")
    tabs = [await home.open(), await home.open()]
    await sign_out(home)
    for tab in tabs:
        assert await tab.socket.closed() == SIGNED_OUT
    await site.until_row(tabs[0], state="closed", close_reason="signed out")


async def test_a_sign_in_that_ended_without_a_word_is_found(site: Site, home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    key = home.client.session.session_key
    await sync_to_async(lambda: Session.objects.filter(pk=key)._raw_delete("default"))()
    assert await one.socket.closed() == CHECK_AGAIN
    assert (await home.status(session=one.session_id))["state"] == "signed_out"
    await site.until_row(two, viewers=1)
    await add(two)
    assert site.session(two).last_outcome == "COMPLETED"


async def test_a_new_password_turns_all_away(site: Site, home: Browser, away: Browser, alice: User):
    one, two = await home.open(), await away.open()
    await add(one)
    alice.set_password("another")
    await alice.asave()
    assert await one.socket.closed() == SIGNED_OUT
    assert await two.socket.closed() == SIGNED_OUT
    await site.until_row(one, node="", viewers=0)
    # It is the person's: a new sign-in goes on with it.
    assert (await (await site.browser(alice)).open()).texts()[0] == "n=1 heat=1 user=alice"


async def test_who_changes_his_own_password_turns_the_other_browsers_away(site: Site, write, staff: User):
    staff.set_password("staff")
    await staff.asave()
    home, away = await site.browser(staff), await site.browser(staff)
    one, two = await home.open(), await away.open()
    fields = {"old_password": "staff", "new_password1": "x9!kfj2-long", "new_password2": "x9!kfj2-long"}
    response = await sync_to_async(home.client.post)("/admin/password_change/", fields)
    assert response.status_code == 302
    assert await one.socket.closed() == CHECK_AGAIN
    again = await home.open(session=one.session_id)
    assert again.session_id == one.session_id
    assert await two.socket.closed() == SIGNED_OUT
    await add(again)
    assert site.session(again).last_outcome == "COMPLETED"
    await site.leave()


async def ends(site: Site, viewers: list[Viewer], act, code: int) -> None:
    session = site.session(viewers[0])
    await sync_to_async(act)()
    for viewer in viewers:
        assert await viewer.socket.closed() == code
    await site.until_row(viewers[0], state="closed", viewers=0)
    assert not session.request_rerun(RerunRequest("late"))


@pytest.mark.parametrize("by_signal", [True, False])
async def test_deactivation_closes_it_for_all(site: Site, home: Browser, away: Browser, alice: User, by_signal: bool):
    def deactivate() -> None:
        alice.is_active = False
        if by_signal:
            alice.save()
        else:
            User.objects.filter(pk=alice.pk).update(is_active=False)

    await ends(site, [await home.open(), await away.open()], deactivate, FORBIDDEN)


async def test_a_lost_permission_closes_it_for_all(site: Site, home: Browser, away: Browser, write, alice: User):
    write("user", "permission shop.view_order")
    permission = await Permission.objects.aget(codename="view_order")
    await sync_to_async(alice.user_permissions.add)(permission)
    viewers = [await home.open(), await away.open()]
    await ends(site, viewers, lambda: alice.user_permissions.remove(permission), FORBIDDEN)


async def test_a_deleted_account_closes_it_for_all(site: Site, home: Browser, away: Browser, alice: User):
    await ends(site, [await home.open(), await away.open()], alice.delete, SIGNED_OUT)


async def test_a_deleted_account_that_only_the_beat_notices_closes_it_too(site: Site, home: Browser, alice: User):
    def delete_without_signals() -> None:
        rows = User.objects.filter(pk=alice.pk)
        ScriptSession.objects.filter(user=alice).update(user=None)
        rows._raw_delete(rows.db)

    await ends(site, [await home.open()], delete_without_signals, SIGNED_OUT)


# -- beginning ---------------------------------------------------------------------------------------------------------


async def test_two_pages_are_told_of_one_session_before_either_has_a_socket(site: Site, home: Browser, away: Browser):
    first, second = await home.page(), await away.page()
    assert first["session"] == second["session"] != ""
    one, two = await home.open(), await away.open()
    assert one.session_id == two.session_id == first["session"]
    assert site.session(one).runs == 1


async def test_without_preheating_they_meet_as_well(site: Site, home: Browser, away: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "PREHEAT": False}
    one, two = await home.open(), await away.open()
    assert one.session_id == two.session_id


async def test_one_that_nobody_came_for_ends_and_the_next_page_begins_anew(site: Site, home: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "PREHEAT_TTL": 1}
    session = (await home.page())["session"]
    await site.until(lambda: ScriptSession.objects.filter(pk=session, state="closed").exists())
    assert (await home.open()).session_id != session


async def test_one_that_rests_is_not_taken_for_one_that_nobody_came_for(site: Site, home: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "PREHEAT_TTL": 1}
    viewer = await home.open()
    await viewer.leave()
    assert (await home.page())["session"] == viewer.session_id
    assert viewer.session_id not in site.node.unclaimed


def test_of_those_who_begin_at_once_one_is_the_first_and_the_others_join(site: Site, write, alice: User):
    source, row = board()
    start, told = threading.Barrier(4), []

    def load_page(number: int) -> None:
        start.wait()
        told.append(site.node.opening.preheat(Identity(None, f"binding {number}", alice), source, row))
        connections.close_all()

    threads = [threading.Thread(target=load_page, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [session] = set(told)
    assert list(site.node.sessions) == [session]
    assert ScriptSession.objects.get().scope_key == f"user:{alice.pk}"


def test_who_comes_second_is_told_the_first_one(site: Site, write, alice: User, monkeypatch):
    """The other one was made between looking and making."""
    source, row = board()
    first = site.node.opening.preheat(Identity(None, "one", alice), source, row)
    found = iter(["", first])
    monkeypatch.setattr("scriptapps.opening.find_shared", lambda *_: next(found))
    assert site.node.opening.preheat(Identity(None, "two", alice), source, row) == first
    assert ScriptSession.objects.count() == 1


def test_the_database_lets_no_second_one_be_open(site: Site, write, alice: User):
    _, row = board()
    fields = {"script_app": row, "scope": "user", "scope_key": "user:1", "user": alice}
    ScriptSession.objects.create(**fields, state="closed")
    ScriptSession.objects.create(**fields)
    with pytest.raises(IntegrityError):
        ScriptSession.objects.create(**fields)
    ScriptSession.objects.bulk_create(ScriptSession(script_app=row) for _ in range(2))


def test_a_guest_whose_person_gets_a_session_meanwhile_comes_to_that(site: Site, write, alice: User, monkeypatch):
    _, row = board()
    visitor = visitor_of(Identity(None, "b", alice))
    guest = {"scope": "browser", "scope_key": f"browser:{visitor.binding}", "binding": visitor.binding}
    ScriptSession.objects.create(script_app=row, **guest)
    others: list[ScriptSession] = []

    def late(scope: Scope, visitor: Visitor) -> str:
        """Between looking for the person's session and taking the guest's along, another browser makes one."""
        if scope is Scope.BROWSER:
            fields = {"scope": "user", "scope_key": f"user:{alice.pk}", "user": alice}
            others.append(ScriptSession.objects.create(script_app=row, **fields))
        return scope_key(scope, visitor)

    monkeypatch.setattr("scriptapps.shared_sessions.scope_key", late)
    assert find_shared(row, Scope.USER, visitor) == str(others[0].pk)
    assert ScriptSession.objects.get(scope="browser").user is None


# -- several processes -------------------------------------------------------------------------------------------------


@pytest.fixture
def far(write, site: Site, alice: User):
    """A session of alice that lives in another process, and is looked at there."""
    _, row = board()
    return ScriptSession.objects.create(
        script_app=row,
        user=alice,
        scope="user",
        scope_key=f"user:{alice.pk}",
        node="far:1:1",
        epoch=1,
        viewers=1,
        lease_expires=timezone.now() + timedelta(seconds=60),
    )


async def test_one_that_is_looked_at_in_another_process_stays_there(site: Site, far: ScriptSession, alice: User):
    browser = await site.browser(alice)
    attributes = await browser.page()
    assert attributes["session"] == str(far.pk)
    viewer = Viewer(await browser.knock(token=attributes["token"], session=str(far.pk)))
    await viewer.send(attach=schema.Attach(protocol_version=1))
    assert await viewer.socket.closed() == WATCHED_ELSEWHERE
    await far.arefresh_from_db()
    assert (far.node, far.release_wanted) == ("far:1:1", 0)
    # Once nobody looks there, it may be taken over.
    await ScriptSession.objects.filter(pk=far.pk).aupdate(viewers=0, node="")
    assert (await browser.open()).session_id == str(far.pk)
    await site.leave()


async def test_one_whose_process_has_ended_is_taken_over_whoever_looked(site: Site, far: ScriptSession, alice: User):
    await ScriptSession.objects.filter(pk=far.pk).aupdate(lease_expires=timezone.now() - timedelta(seconds=1))
    assert (await (await site.browser(alice)).open()).session_id == str(far.pk)
    await site.leave()


async def test_what_is_looked_at_here_is_not_given_up(site: Site, home: Browser):
    viewer = await home.open()
    rows = ScriptSession.objects.filter(pk=viewer.session_id)
    await rows.aupdate(release_wanted=1)
    await site.until(lambda: rows.filter(release_wanted=0).exists())
    await add(viewer)
    assert viewer.session_id in site.node.sessions
    await viewer.leave()
    await site.until_row(viewer, viewers=0)
    await rows.aupdate(release_wanted=1)
    await site.until_row(viewer, node="")


async def test_one_that_moves_sends_all_away_and_they_meet_again(site: Site, home: Browser, away: Browser):
    one, two = await home.open(), await away.open()
    await add(one)
    await sync_to_async(site.node.release)(site.session(one))
    for viewer in (one, two):
        assert await viewer.socket.closed() == 4002
    one, two = await home.open(session=one.session_id), await away.open(session=two.session_id)
    assert one.session_id == two.session_id
    for viewer in (one, two):
        await shows(viewer, "n=1 heat=1 user=alice")
