"""What staff set for a script app holds for real consumers: sessions per user, memory, disabling with a message."""

import asyncio
import uuid

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client

from scriptapps.memory_limits import text_of
from scriptapps.models import AuditRecord, ScriptApp, ScriptSession
from tests.live import Browser, Site, SocketClosed, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

TOO_MANY, GONE = 4015, 4404
LIMITED = "# access: public\n# sessions per user: 2\nfrom scriptapps import st\nst.text('here')\n"
GROWING = """
# access: public
# memory: 3 MB
from scriptapps import st
st.session_state.setdefault("held", [])
st.session_state.setdefault("runs", 0)
st.session_state.runs += 1
if st.button("Hold"):
    st.session_state.held = ["x" * 100_000 + str(n) for n in range(50)]
st.text(f"run {st.session_state.runs} holds {len(st.session_state.held)}")
"""


@pytest.fixture
async def browser(site: Site, alice: User):
    yield await site.browser(alice)
    await site.leave()


async def refusal(browser: Browser) -> str:
    """Open the page in one more tab; the message with which its socket is ended."""
    attributes = await browser.page()
    socket = await browser.knock(token=attributes["token"], session=attributes["session"])
    assert socket.refused is None
    viewer = Viewer(socket)
    with pytest.raises(SocketClosed) as ended:
        await viewer.attach()
    assert ended.value.code == TOO_MANY
    return viewer.errors[-1].message


async def test_one_session_more_than_allowed_is_refused_with_the_limit(site: Site, browser: Browser):
    site.folder.write("page.py", LIMITED)
    tabs = [await browser.open(), await browser.open(session="")]
    assert "2 of these pages" in await refusal(browser)
    for tab in tabs:
        await tab.send(event=True, rerun={})
        await tab.settled()
    assert await ScriptSession.objects.live().acount() == 2


async def test_another_person_and_another_browser_have_their_own(site: Site, browser: Browser, staff: User):
    site.folder.write("page.py", LIMITED)
    await browser.open()
    await browser.open(session="")
    elsewhere, others, guest = await site.browser(browser.user), await site.browser(staff), await site.browser()
    assert "2 of these pages" in await refusal(elsewhere)
    for other in (others, guest):
        await other.open()
        await other.open(session="")
        await refusal(other)


async def test_a_page_that_was_left_makes_room_and_keeps_its_state(site: Site, browser: Browser):
    site.folder.write("page.py", LIMITED)
    first, second = await browser.open(), await browser.open(session="")
    await first.leave()
    await site.until(lambda: not site.session(first).people)
    third = await browser.open(session="")
    assert third.session_id not in (first.session_id, second.session_id)
    parked = await site.until_row(first, node="")
    assert parked.state != "closed"
    # Its tab comes back, while the others are in use.
    attributes = await browser.page()
    socket = await browser.knock(token=attributes["token"], session=first.session_id)
    with pytest.raises(SocketClosed):
        await Viewer(socket).attach()
    await second.leave()
    await site.until(lambda: not site.session(second).people)
    again = await browser.open(session=first.session_id)
    assert again.session_id == first.session_id


async def test_sessions_in_other_processes_count_by_their_rows(site: Site, browser: Browser, alice: User):
    site.folder.write("page.py", LIMITED)
    first = await browser.open()
    row = await site.row(first)
    await ScriptSession.objects.acreate(
        script_app_id=row.script_app_id, user=alice, node="elsewhere", viewers=1, connected_at=row.created
    )
    assert "2 of these pages" in await refusal(browser)
    await ScriptSession.objects.filter(node="elsewhere").aupdate(viewers=0)
    await browser.open(session="")
    # The other process was asked to give up what nobody looks at.
    assert await ScriptSession.objects.filter(node="elsewhere", release_wanted__gt=0).acount() == 1


async def test_two_that_come_at_once_do_not_both_take_the_last_place(site: Site, browser: Browser):
    site.folder.write("page.py", LIMITED)
    await browser.open()
    attributes = await browser.page()
    sockets = [await browser.knock(token=attributes["token"]) for _ in range(4)]

    async def attach(socket) -> None:
        await Viewer(socket).attach()

    ends = await asyncio.gather(*map(attach, sockets), return_exceptions=True)
    assert sorted(getattr(end, "code", 0) for end in ends) == [0, TOO_MANY, TOO_MANY, TOO_MANY]


async def test_a_session_above_its_memory_runs_no_more_until_it_holds_less(site: Site, browser: Browser):
    site.folder.write("page.py", GROWING)
    viewer = await browser.open()
    await viewer.click(viewer.widget("Hold"))
    await viewer.until(lambda: any("3 MB" in error.message for error in viewer.errors))
    await viewer.settled()
    shown = viewer.texts()
    assert shown[-1] == "run 2 holds 50"
    await viewer.send(event=True, rerun={})
    await viewer.until(lambda: viewer.finished and "memory limit" in viewer.finished[-1].message)
    assert viewer.texts() == shown
    assert site.session(viewer).state["runs"] == 2
    # The way out that the message names.
    await viewer.send(event=True, clear_cache={})
    await viewer.until(lambda: viewer.texts()[-1] == "run 1 holds 0")
    await viewer.settled()
    await viewer.send(event=True, rerun={})
    await viewer.until(lambda: viewer.texts()[-1] == "run 2 holds 0")


async def test_a_limit_that_staff_raise_holds_for_open_pages(site: Site, browser: Browser):
    site.folder.write("page.py", GROWING)
    viewer = await browser.open()
    await viewer.click(viewer.widget("Hold"))
    await viewer.until(lambda: viewer.errors)
    await ScriptApp.objects.filter(slug="page").aupdate(memory_limit_mb=50)
    await site.until(lambda: site.node.memory_limits._limits.get("page") == 50)
    await viewer.send(event=True, rerun={})
    await viewer.until(lambda: viewer.texts()[-1] == "run 3 holds 50")


def test_the_text_names_the_limit_and_a_way_out():
    text = text_of(4_200_000, 3)
    assert "4.2 MB" in text
    assert "3 MB are allowed" in text
    assert "Clear cache" in text


async def test_disabling_in_the_admin_closes_pages_with_its_message(site: Site, browser: Browser, superuser: User):
    viewer = await browser.open()
    row = await ScriptApp.objects.aget(slug="page")
    client = Client()
    await sync_to_async(client.force_login)(superuser)
    question = await sync_to_async(client.get)(f"/admin/scriptapps/scriptapp/{row.pk}/disable/")
    assert "1 person has it open now" in " ".join(question.content.decode().split())
    assert (await ScriptApp.objects.aget(slug="page")).enabled
    form = {"action": "disable", "confirmed": "yes", "_selected_action": [row.pk], "message": "Back at  noon."}
    await sync_to_async(client.post)("/admin/scriptapps/scriptapp/", form)
    assert await viewer.socket.closed() == GONE
    await site.until_row(viewer, state="closed")
    [record] = [record async for record in AuditRecord.objects.all()]
    assert (record.act, record.script_app, record.count) == ("disable", "page", 1)
    assert record.detail == "1 sessions of 1 people"
    assert (await browser.status())["message"] == "Back at noon."


async def test_the_message_reaches_the_page_before_it_ends(site: Site, browser: Browser):
    viewer = await browser.open()
    row = await ScriptApp.objects.aget(slug="page")
    row.enabled, row.closed_message = False, "Back at noon."
    await sync_to_async(row.save)()
    with pytest.raises(SocketClosed) as ended:
        await viewer.until(lambda: False)
    assert ended.value.code == GONE
    assert [(error.code, error.message) for error in viewer.errors] == [("closed", "Back at noon.")]


@pytest.mark.parametrize("scope", ["browser", "user"])
async def test_the_message_reaches_everybody_who_shares_a_session(site: Site, browser: Browser, scope: str):
    site.folder.write("page.py", f"# access: signed-in\n# scope: {scope}\nfrom scriptapps import st\nst.text('x')\n")
    viewers = [await browser.open(), await browser.open()]
    row = await ScriptApp.objects.aget(slug="page")
    row.enabled, row.closed_message = False, "Back at noon."
    await sync_to_async(row.save)()
    for viewer in viewers:
        with pytest.raises(SocketClosed):
            await viewer.until(lambda: False)
        assert [error.message for error in viewer.errors] == ["Back at noon."]


def test_who_comes_while_it_is_disabled_learns_no_more_than_he_may(folder, alice, staff):
    folder.write("page.py", "# access: staff\n# title: Secret page\n")
    ScriptApp.objects.create(slug="page", enabled=False, closed_message="Back at noon.")
    nothing = Client().get(f"/apps/{uuid.uuid4().hex}/").content
    for user, told in ((None, False), (alice, False), (staff, True)):
        client = Client()
        if user is not None:
            client.force_login(user)
        response = client.get("/apps/page/")
        assert response.status_code == 404
        content = response.content.decode()
        assert ("Back at noon." in content) is told
        assert ("Secret page" in content) is told
        assert client.get("/apps/page/status/").json().get("message") == ("Back at noon." if told else None)
        if not told and user is None:
            assert response.content == nothing


def test_enabling_and_disabling_need_the_permission_to_change(folder, staff, superuser):
    folder.write("page.py")
    row = ScriptApp.objects.create(slug="page")
    looks, may = Client(), Client()
    looks.force_login(staff)
    may.force_login(superuser)
    base = f"/admin/scriptapps/scriptapp/{row.pk}"
    assert looks.get(f"{base}/disable/").status_code == 403
    assert looks.post(f"{base}/enable/").status_code == 403
    assert may.get(f"{base}/enable/").status_code == 405
    ScriptApp.objects.update(enabled=False)
    assert may.post(f"{base}/enable/").status_code == 302
    assert ScriptApp.objects.get().enabled
    assert [record.act for record in AuditRecord.objects.all()] == ["enable"]


def test_the_index_has_categories_in_order(folder, alice):
    folder.write("a.py", "# access: public\n# title: Alpha\n# category: Sales\n# order: 2\n")
    folder.write("b.py", "# access: public\n# title: Beta\n# category: Sales\n# order: 1\n")
    folder.write("c.py", "# access: public\n# title: Gamma\n# category: Buying\n")
    folder.write("d.py", "# access: public\n# title: Delta\n")
    ScriptApp.objects.create(slug="c", category="Accounts", order=0, description="Said by staff")
    content = Client().get("/apps/").content.decode()
    places = [content.index(f">{word}<") for word in ("Delta", "Accounts", "Gamma", "Sales", "Beta", "Alpha")]
    assert places == sorted(places)
    assert "Said by staff" in content
    assert "Buying" not in content
