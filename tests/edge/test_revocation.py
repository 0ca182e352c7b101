"""Rights that end: sockets close with the code that tells the person why, and nothing runs any more."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session

from scriptapps.models import ScriptApp
from scriptapps.runtime.run_queue import RerunRequest
from tests.live import PAGE, Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SIGNED_OUT, FORBIDDEN, GONE, CHECK_AGAIN = 4401, 4403, 4404, 4002


@pytest.fixture
async def browser(site: Site, alice: User):
    yield await site.browser(alice)
    await site.leave()


async def ends(site: Site, viewer: Viewer, act, code: int) -> None:
    """`act` ends the viewer's socket with `code`, its session, and whatever would have run."""
    session = site.session(viewer)
    await sync_to_async(act)()
    assert await viewer.socket.closed() == code
    await site.until(lambda: session.state_of_life == "closed")
    runs = session.run_number
    assert not session.request_rerun(RerunRequest("late"))
    assert session.run_number == runs
    row = await site.until_row(viewer, state="closed", viewers=0)
    assert row.closed_at
    assert row.close_reason


async def test_signing_out_closes_every_tab_of_this_browser(site: Site, browser: Browser, alice: User):
    tabs = [await browser.open(), await browser.open(session="")]
    elsewhere = await (await site.browser(alice)).open()
    await sync_to_async(browser.client.post)("/accounts/logout/")
    for tab in tabs:
        assert await tab.socket.closed() == SIGNED_OUT
        await site.until_row(tab, state="closed", close_reason="signed out")
    assert (await browser.status())["state"] == "signed_out"
    await elsewhere.send(event=True, rerun={})
    await elsewhere.settled()


async def test_a_run_that_goes_on_while_somebody_signs_out_is_stopped(site: Site, browser: Browser):
    site.folder.write("page.py", "from scriptapps import st\nif st.button('Spin'):\n    while True:\n        pass")
    viewer = await browser.open()
    await viewer.click(viewer.widget("Spin"))
    await viewer.until(lambda: viewer.running)
    session = site.session(viewer)
    await sync_to_async(browser.client.post)("/accounts/logout/")
    await site.until(lambda: session.run is None)
    assert await viewer.socket.closed() == SIGNED_OUT


async def test_a_new_password_closes_the_sockets_of_the_old_one(site: Site, browser: Browser, alice: User):
    def change() -> None:
        alice.set_password("another")
        alice.save()

    await ends(site, await browser.open(), change, SIGNED_OUT)


async def test_a_change_that_no_signal_tells_is_found(site: Site, browser: Browser, alice: User):
    alice.set_password("another")
    await ends(
        site,
        await browser.open(),
        lambda: User.objects.filter(pk=alice.pk).update(password=alice.password),
        SIGNED_OUT,
    )


async def test_who_changes_his_own_password_goes_on(site: Site, staff: User):
    staff.set_password("staff")
    await staff.asave()
    browser = await site.browser(staff)
    viewer = await browser.open()
    fields = {"old_password": "staff", "new_password1": "x9!kfj2-long", "new_password2": "x9!kfj2-long"}
    response = await sync_to_async(browser.client.post)("/admin/password_change/", fields)
    assert response.status_code == 302, response.context["form"].errors
    assert await viewer.socket.closed() == CHECK_AGAIN
    assert (await browser.status(session=viewer.session_id))["resume"]
    again = await browser.open(session=viewer.session_id)
    assert again.session_id == viewer.session_id
    await site.leave()


@pytest.mark.parametrize("by_signal", [True, False])
async def test_deactivation(site: Site, browser: Browser, alice: User, by_signal: bool):
    def deactivate() -> None:
        if by_signal:
            alice.is_active = False
            alice.save()
        else:
            User.objects.filter(pk=alice.pk).update(is_active=False)

    await ends(site, await browser.open(), deactivate, FORBIDDEN)
    assert (await browser.status())["state"] == "signed_out"


async def test_a_deleted_account(site: Site, browser: Browser, alice: User):
    await ends(site, await browser.open(), alice.delete, SIGNED_OUT)


async def test_a_lost_permission(site: Site, browser: Browser, alice: User):
    site.folder.write("page.py", PAGE.replace("signed-in", "permission shop.view_order"))
    permission = await Permission.objects.aget(codename="view_order")
    await sync_to_async(alice.user_permissions.add)(permission)
    await ends(site, await browser.open(), lambda: alice.user_permissions.remove(permission), FORBIDDEN)
    assert (await browser.status())["state"] == "forbidden"


async def test_a_permission_lost_with_the_group(site: Site, browser: Browser, alice: User):
    site.folder.write("page.py", PAGE.replace("signed-in", "permission shop.view_order"))
    permission = await Permission.objects.aget(codename="view_order")
    group = await Group.objects.acreate(name="sales")
    await sync_to_async(group.permissions.add)(permission)
    await sync_to_async(alice.groups.add)(group)
    await ends(site, await browser.open(), group.permissions.clear, FORBIDDEN)


async def test_a_lost_membership(site: Site, browser: Browser, alice: User):
    site.folder.write("page.py", PAGE.replace("signed-in", "groups sales"))
    group = await Group.objects.acreate(name="sales")
    await sync_to_async(alice.groups.add)(group)
    await ends(site, await browser.open(), lambda: group.user_set.remove(alice), FORBIDDEN)


async def test_no_longer_staff(site: Site, staff: User):
    site.folder.write("page.py", PAGE.replace("signed-in", "staff"))
    viewer = await (await site.browser(staff)).open()
    await ends(site, viewer, lambda: User.objects.filter(pk=staff.pk).update(is_staff=False), FORBIDDEN)
    await site.leave()


async def test_a_script_app_that_is_restricted(site: Site, browser: Browser):
    def restrict() -> None:
        row = ScriptApp.objects.get(slug="page")
        row.access = "staff"
        row.save()

    await ends(site, await browser.open(), restrict, FORBIDDEN)


@pytest.mark.parametrize("by_signal", [True, False])
async def test_a_disabled_script_app(site: Site, browser: Browser, by_signal: bool):
    def disable() -> None:
        row = ScriptApp.objects.get(slug="page")
        if by_signal:
            row.enabled = False
            row.save()
        else:
            ScriptApp.objects.filter(pk=row.pk).update(enabled=False)

    await ends(site, await browser.open(), disable, GONE)
    assert (await browser.status())["state"] == "gone"


async def test_a_removed_script(site: Site, browser: Browser):
    await ends(site, await browser.open(), (site.folder.path / "page.py").unlink, GONE)


@pytest.mark.parametrize("by_signal", [True, False])
async def test_a_session_that_ended_in_the_store(site: Site, browser: Browser, by_signal: bool):
    """Whether somebody signed out or in again only a handshake can tell: reconnect, but run nothing until then."""
    viewer = await browser.open()
    rows = Session.objects.all()
    await sync_to_async(rows.delete if by_signal else lambda: rows._raw_delete("default"))()
    assert await viewer.socket.closed() == CHECK_AGAIN
    session = site.session(viewer)
    session.request_rerun(RerunRequest("late"))
    await site.until(lambda: session.run_number == 2 and session.run is None)
    assert session.last_outcome == "REFUSED"
    assert (await browser.status(session=viewer.session_id))["state"] == "signed_out"


async def test_signing_in_as_somebody_else_begins_anew(site: Site, browser: Browser, staff: User):
    viewer = await browser.open()
    await sync_to_async(browser.client.force_login)(staff)
    assert await viewer.socket.closed() in (CHECK_AGAIN, SIGNED_OUT)
    document = await browser.status(session=viewer.session_id)
    assert (document["state"], document["resume"]) == ("ok", False)
    again = await browser.open()
    assert again.session_id != viewer.session_id


async def test_a_guest_who_signs_in_keeps_his_page(site: Site, alice: User):
    site.folder.write(
        "page.py",
        "# access: public\nfrom scriptapps import st\n"
        "st.text(f\"{st.text_input('Name', key='n')} {st.user.get_username() or 'guest'}\")\n",
    )
    browser = await site.browser()
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    assert viewer.texts() == ["Ada guest"]
    await sync_to_async(browser.client.force_login)(alice)
    assert await viewer.socket.closed() == CHECK_AGAIN
    assert (await browser.status(session=viewer.session_id))["resume"]
    again = await browser.open(session=viewer.session_id)
    await again.until(lambda: again.texts() == ["Ada alice"])
    assert (await site.row(again)).user_id == alice.pk
    await site.leave()
