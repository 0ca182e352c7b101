"""Steering from outside, and rows that tell the truth about sessions."""

from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import transaction

from scriptapps.models import ScriptSession, SessionRequest
from scriptapps.node import stop_node
from scriptapps.signals import session_closed, session_opened, steering_requested
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = """# access: signed-in
from scriptapps import st
st.session_state.setdefault("runs", 0)
st.session_state.runs += 1
if st.button("Spin"):
    while True:
        pass
if st.button("Fail"):
    raise ValueError("it broke")
st.text(f"runs={st.session_state.runs}")
"""


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", SCRIPT)
    yield await site.browser(alice)
    await site.leave()


def shows(viewer: Viewer, text: str) -> bool:
    return viewer.texts() == [text]


def rows(viewer: Viewer):
    return ScriptSession.objects.live().filter(pk=viewer.session_id)


async def test_rerun_reaches_the_page(browser: Browser):
    viewer = await browser.open()
    assert await rows(viewer).arerun() == 1
    await viewer.until(lambda: viewer.texts() == ["runs=2"])


async def test_each_rerun_that_was_asked_for_is_noted_as_done(site: Site, browser: Browser):
    viewer = await browser.open()
    for _ in range(3):
        await rows(viewer).arerun()
    requests = SessionRequest.objects.filter(session__id=viewer.session_id)
    await site.until(lambda: requests.filter(outcome="completed").count() == 3)
    assert not await requests.waiting().aexists()


async def test_stop_ends_the_run_that_goes_on(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.click(viewer.widget("Spin"))
    await viewer.until(lambda: viewer.running)
    assert await rows(viewer).astop() == 1
    await viewer.settled()
    await site.until_row(viewer, last_outcome="stopped", state="idle")
    assert (await SessionRequest.objects.aget()).outcome == "completed"


async def test_close_ends_session_and_socket(site: Site, browser: Browser):
    viewer = await browser.open()
    assert await rows(viewer).aclose() == 1
    assert await viewer.socket.closed() == 4001
    row = await site.until_row(viewer, state="closed")
    assert row.close_reason == "closed by staff"
    assert row.closed_at
    assert not await rows(viewer).aexists()


async def test_many_sessions_at_once(site: Site, browser: Browser, staff: User):
    mine, other = await browser.open(), await (await site.browser(staff)).open()
    assert await ScriptSession.objects.live().filter(script_app__slug="page").arerun() == 2
    for viewer in (mine, other):
        await viewer.until(partial(shows, viewer, "runs=2"))


async def test_a_request_in_a_transaction_acts_after_the_commit_and_not_after_a_rollback(site: Site, browser: Browser):
    viewer = await browser.open()

    def committed() -> int:
        with transaction.atomic():
            rows(viewer).rerun()
            return site.session(viewer).run_number

    def rolled_back() -> None:
        with transaction.atomic():
            rows(viewer).rerun()
            transaction.set_rollback(True)

    await sync_to_async(rolled_back)()
    assert await sync_to_async(committed)() == 1
    await viewer.until(lambda: viewer.texts() == ["runs=2"])
    await site.until(lambda: SessionRequest.objects.get().outcome == "completed")


@pytest.mark.parametrize("kind", ["rerun", "stop", "close"])
async def test_a_request_whose_hint_was_lost_is_found_at_the_next_beat(site: Site, browser: Browser, kind: str):
    viewer = await browser.open()
    if kind == "stop":
        await viewer.click(viewer.widget("Spin"))
        await viewer.until(lambda: viewer.running)
    request = await SessionRequest.objects.acreate(session_id=viewer.session_id, kind=kind, trigger="test")
    if kind == "close":
        assert await viewer.socket.closed() == 4001
    else:
        await site.until_row(viewer, state="idle", runs=2)
    await site.until(lambda: SessionRequest.objects.get(pk=request.pk).outcome == "completed")


async def test_steering_says_so_by_a_signal(browser: Browser):
    viewer = await browser.open()
    heard = []

    def hear(sender, kind, ids, **_):
        heard.append((kind, [str(key) for key in ids]))

    steering_requested.connect(hear)
    try:
        await rows(viewer).arerun()
    finally:
        steering_requested.disconnect(hear)
    assert heard == [("rerun", [viewer.session_id])]


async def test_opening_and_closing_are_said_by_signals(site: Site, browser: Browser, alice: User):
    heard = []

    def hear(sender, signal, session_id, slug, user_id, **_):
        heard.append(("opened" if signal is session_opened else "closed", session_id, slug, user_id))

    for signal in (session_opened, session_closed):
        signal.connect(hear)
    try:
        viewer = await browser.open()
        await rows(viewer).aclose()
        await viewer.socket.closed()
        await site.until(lambda: len(heard) == 2)
    finally:
        for signal in (session_opened, session_closed):
            signal.disconnect(hear)
    assert heard == [(what, viewer.session_id, "page", alice.pk) for what in ("opened", "closed")]


# -- rows --------------------------------------------------------------------------------------------------------------


async def test_a_row_follows_its_session(site: Site, browser: Browser, alice: User):
    viewer = await browser.open()
    row = await site.until_row(viewer, state="idle", viewers=1, runs=1, last_outcome="completed")
    assert row.user_id == alice.pk
    assert row.node == site.node.name
    assert row.is_live
    assert row.liveness == "idle"
    assert row.connected_at
    assert row.last_run_ms is not None
    assert row.last_trigger == "opened"
    assert row.memory_bytes > 1_000
    await viewer.click(viewer.widget("Spin"))
    row = await site.until_row(viewer, state="running")
    assert row.liveness == "running"
    await viewer.send(stop={})
    await site.until_row(viewer, state="idle", last_outcome="stopped", runs=2)
    await viewer.click(viewer.widget("Fail"))
    row = await site.until_row(viewer, last_outcome="failed", runs=3)
    assert "it broke" in row.last_error
    # What kind of widget or cause; its label may hold what somebody typed.
    assert row.last_trigger == "widget"
    await rows(viewer).arerun()
    row = await site.until_row(viewer, last_outcome="completed", last_error="")
    assert row.last_trigger == "Python"
    await viewer.leave()
    row = await site.until_row(viewer, viewers=0)
    assert row.liveness == "away"


async def test_the_beat_keeps_rows_alive(site: Site, browser: Browser):
    viewer = await browser.open()
    beat = (await site.row(viewer)).beat
    await site.until_row(viewer, beat__gt=beat)


async def test_sessions_of_a_node_that_ended_are_not_live(site: Site, browser: Browser):
    viewer = await browser.open()
    await sync_to_async(stop_node)(0)
    row = await site.row(viewer)
    assert row.state != "closed"
    assert await viewer.socket.closed() == 4012


async def test_a_row_that_could_not_be_written_is_written_later(site: Site, browser: Browser, monkeypatch):
    viewer = await browser.open()
    writer = site.node.rows
    write = writer._write
    failed: list[object] = []

    def broken(session, memory):
        if len(failed) < 2:
            failed.append(session)
            raise OSError("no database for a moment")
        write(session, memory)

    monkeypatch.setattr(writer, "_write", broken)
    await rows(viewer).arerun()
    await site.until_row(viewer, runs=2)
    assert len(failed) == 2
