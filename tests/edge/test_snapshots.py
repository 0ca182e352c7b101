"""Saving what somebody sees: a frozen page with an address of its own, for those who may open the script app."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from scriptapps.models import SavedSnapshot, ScriptApp
from scriptapps.protocol import schema
from tests.live import Browser, Site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def browser(site: Site, alice: User):
    yield await site.browser(alice)
    await site.leave()


async def saved(browser: Browser, title: str = "My view"):
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Heat"), [7.0])
    await viewer.settled()
    await viewer.send(event=True, save_snapshot=schema.SaveSnapshot(title=title))
    await viewer.until(lambda: viewer.saved)
    return viewer


async def test_what_is_saved_is_what_was_shown(site: Site, browser: Browser, alice: User):
    viewer = await saved(browser)
    row = await SavedSnapshot.objects.aget()
    assert viewer.saved.title == row.title == "My view"
    assert viewer.saved.url == f"/apps/page/saved/{row.pk}/"
    assert row.user_id == alice.pk
    assert row.size == len(row.payload)
    # The page goes on; what is saved does not.
    await viewer.set_value(viewer.widget("Heat"), [3.0])
    await viewer.settled()
    response = await sync_to_async(browser.client.get)(viewer.saved.url + "data/")
    frozen = schema.Snapshot.FromString(response.content)
    values = [node.value.numbers.items[0] for node in frozen.roots[0].children if node.widget_id]
    assert values == [7.0]


async def test_a_saved_page_runs_nothing(site: Site, browser: Browser):
    viewer = await saved(browser)
    runs = site.session(viewer).runs
    sessions = len(site.node.sessions)
    response = await sync_to_async(browser.client.get)(viewer.saved.url)
    assert b"frozen-url" in response.content
    assert site.session(viewer).runs == runs
    assert len(site.node.sessions) == sessions


async def test_the_event_is_finished_without_a_run(site: Site, browser: Browser):
    viewer = await saved(browser)
    await viewer.until(lambda: viewer.acked == 2)
    assert site.session(viewer).runs == 2


async def test_the_same_event_again_saves_nothing(site: Site, browser: Browser):
    viewer = await saved(browser)
    message = schema.ClientMessage(seq=2, save_snapshot=schema.SaveSnapshot(title="again"))
    await viewer.socket.send(message.SerializeToString())
    await viewer.send(ping=schema.Ping(number=1))
    await viewer.until(lambda: viewer.pongs)
    assert await SavedSnapshot.objects.acount() == 1


@pytest.mark.parametrize(("title", "shown"), [("", "Page"), ("   ", "Page"), ("x" * 500, "x" * 200)])
async def test_titles(browser: Browser, title: str, shown: str):
    viewer = await saved(browser, title)
    assert viewer.saved.title == shown


async def test_only_those_who_may_open_the_script_app_see_it(site: Site, browser: Browser, staff: User):
    viewer = await saved(browser)
    colleague, guest = await site.browser(staff), await site.browser()
    assert (await sync_to_async(colleague.client.get)(viewer.saved.url)).status_code == 200
    assert (await sync_to_async(guest.client.get)(viewer.saved.url)).status_code == 302
    assert (await sync_to_async(guest.client.get)(viewer.saved.url + "data/")).status_code == 403
    await ScriptApp.objects.filter(slug="page").aupdate(access="permission", permission="shop.view_order")
    assert (await sync_to_async(colleague.client.get)(viewer.saved.url)).status_code == 403
    assert (await sync_to_async(colleague.client.get)(viewer.saved.url + "data/")).status_code == 403
