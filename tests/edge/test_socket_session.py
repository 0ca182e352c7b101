"""What a socket does once it is open: attach, differences, reloads, reconnects, and messages that make no sense."""

import asyncio
import json
import logging
from functools import partial

import pytest
from django.contrib.auth.models import User

from scriptapps.models import ScriptSession
from scriptapps.protocol import schema
from scriptapps.protocol.codec import PROTOCOL_VERSION
from scriptapps.protocol.values import to_value
from scriptapps.runtime.run_queue import RerunRequest
from tests.live import LIMIT, Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

COUNTER = """# access: signed-in
from scriptapps import st
st.session_state.setdefault("runs", 0)
st.session_state.runs += 1
if st.button("Add"):
    st.session_state.n = st.session_state.get("n", 0) + 1
name = st.text_input("Name", key="name")
st.text(f"{name} n={st.session_state.get('n', 0)} runs={st.session_state.runs} user={st.user.get_username()}")
"""


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", COUNTER)
    yield await site.browser(alice)
    await site.leave()


async def test_the_first_answer_is_the_whole_page(site: Site, browser: Browser):
    viewer = await browser.open()
    assert viewer.welcome.protocol_version == PROTOCOL_VERSION
    assert not viewer.welcome.read_only
    assert not viewer.welcome.debug
    assert viewer.welcome.heartbeat_seconds == 15
    assert viewer.texts() == [" n=0 runs=1 user=alice".strip()]


async def test_an_interaction_sends_the_difference_only(browser: Browser):
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    assert viewer.texts() == ["Ada n=0 runs=2 user=alice"]
    [delta] = viewer.deltas
    assert delta.WhichOneof("change") == "set"


async def test_two_browsers_have_two_sessions(site: Site, browser: Browser, staff: User):
    one, two = await browser.open(), await (await site.browser(staff)).open()
    await one.set_value(one.widget("Name"), "Ada")
    await one.settled()
    assert one.texts() == ["Ada n=0 runs=2 user=alice"]
    assert two.texts() == ["n=0 runs=1 user=staff"]
    assert one.session_id != two.session_id


async def test_a_preheated_session_waits_for_its_socket(site: Site, browser: Browser):
    attributes = await browser.page()
    session = site.node.sessions[attributes["session"]]
    await site.until(lambda: session.runs == 1)
    viewer = await browser.open(session=attributes["session"])
    assert viewer.session_id == attributes["session"]
    assert viewer.texts() == ["n=0 runs=1 user=alice"]
    assert session.runs == 1


async def test_a_preheated_session_that_nobody_claims_ends(site: Site, browser: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "PREHEAT_TTL": 1}
    session = (await browser.page())["session"]
    await site.until(lambda: ScriptSession.objects.filter(pk=session, state="closed").exists())
    assert session not in site.node.sessions


async def test_without_preheating_the_socket_starts_the_session(site: Site, browser: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "PREHEAT": False}
    viewer = await browser.open()
    assert viewer.texts() == ["n=0 runs=1 user=alice"]


async def test_a_reload_shows_the_same_page_without_a_run(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    await viewer.leave()
    again = await browser.open(session=viewer.session_id)
    assert again.texts() == ["Ada n=0 runs=2 user=alice"]
    assert again.widget("Name").value == "Ada"
    assert site.session(again).runs == 2


async def test_a_reload_that_comes_before_the_old_socket_is_gone_takes_over(site: Site, browser: Browser):
    viewer = await browser.open()
    again = await browser.open(session=viewer.session_id)
    assert await viewer.socket.closed() == 4009
    assert again.texts() == ["n=0 runs=1 user=alice"]
    await site.until_row(again, viewers=1)


async def test_an_event_that_is_sent_again_after_a_reconnect_counts_once(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.click(viewer.widget("Add"))
    await viewer.settled()
    assert viewer.acked == 1
    await viewer.leave()
    attributes = await browser.page()
    socket = await browser.knock(token=attributes["token"], session=viewer.session_id)
    again = Viewer(socket)
    again.client_id = viewer.client_id
    await again.attach()
    assert again.acked == 1
    # The same page load sends its first event again, then a new one.
    await again.click(again.widget("Add"))
    await again.click(again.widget("Add"))
    await again.settled(2)
    assert again.texts() == ["n=2 runs=3 user=alice"]


async def test_another_page_load_counts_its_events_itself(browser: Browser):
    viewer = await browser.open()
    await viewer.click(viewer.widget("Add"))
    await viewer.settled()
    await viewer.leave()
    again = await browser.open(session=viewer.session_id)
    assert again.acked == 0
    await again.click(again.widget("Add"))
    await again.settled()
    assert again.texts() == ["n=2 runs=3 user=alice"]


async def test_the_session_lives_on_without_a_viewer(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.leave()
    await site.until_row(viewer, viewers=0)
    site.session(viewer).request_rerun(RerunRequest("test"))
    await site.until_row(viewer, runs=2, state="idle")


# -- rerun, stop, clear, run on save -----------------------------------------------------------------------------------


async def test_rerun_and_clear(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.send(event=True, rerun=schema.Rerun())
    await viewer.settled()
    assert viewer.texts() == ["n=0 runs=2 user=alice"]
    await viewer.send(event=True, clear_cache=schema.ClearCache())
    await viewer.settled()
    assert viewer.texts() == ["n=0 runs=1 user=alice"]


async def test_stop_ends_an_endless_script_and_the_next_run_works(site: Site, browser: Browser):
    site.folder.write(
        "page.py", "from scriptapps import st\nif st.button('Spin'):\n    while True:\n        pass\nst.text('end')"
    )
    viewer = await browser.open()
    await viewer.click(viewer.widget("Spin"))
    await viewer.until(lambda: viewer.running)
    await viewer.send(stop=schema.Stop())
    await viewer.settled()
    assert viewer.finished[-1].outcome == schema.Outcome.Value("STOPPED")
    await viewer.send(event=True, rerun=schema.Rerun())
    await viewer.settled()
    assert viewer.texts() == ["end"]


async def test_run_on_save_is_switched_by_the_viewer(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.send(event=True, set_run_on_save=schema.SetRunOnSave(enabled=True))
    await viewer.until(lambda: viewer.source_status.run_on_save)
    assert site.session(viewer).source_status.run_on_save


async def test_ping_is_answered(browser: Browser):
    viewer = await browser.open()
    await viewer.send(ping=schema.Ping(number=7))
    await viewer.until(lambda: viewer.pongs)


async def test_a_snapshot_can_be_asked_for(browser: Browser):
    viewer = await browser.open()
    before = viewer.texts()
    viewer.roots = []
    await viewer.send(request_snapshot=schema.RequestSnapshot())
    await viewer.until(lambda: viewer.roots)
    assert viewer.texts() == before


# -- close -------------------------------------------------------------------------------------------------------------


async def test_close_is_ignored_in_production_and_said_in_the_log(site: Site, browser: Browser, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("scriptapps"), "propagate", True)
    viewer = await browser.open()
    await viewer.send(close=schema.Close())
    await viewer.send(ping=schema.Ping(number=1))
    await viewer.until(lambda: viewer.pongs)
    assert "close was ignored" in caplog.text
    assert viewer.session_id in site.node.sessions


async def test_close_ends_the_session_while_debugging(site: Site, browser: Browser, settings):
    settings.DEBUG = True
    viewer = await browser.open()
    await viewer.send(close=schema.Close())
    assert await viewer.socket.closed() == 4001
    await site.until_row(viewer, state="closed")
    await site.until(lambda: viewer.session_id not in site.node.sessions)


# -- what makes no sense -----------------------------------------------------------------------------------------------


async def test_an_unknown_message_is_answered_and_the_socket_lives(browser: Browser, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("scriptapps"), "propagate", True)
    viewer = await browser.open()
    await viewer.socket.send(b"\x08\x63\xfa\x06\x00")
    await viewer.until(lambda: viewer.errors)
    assert viewer.errors[0].code == "unknown_message"
    assert "field 111" in viewer.errors[0].message
    assert "unknown message field 111" in caplog.text
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()


@pytest.mark.parametrize("data", [b"\xff\xff", b"x" * 70_000])
async def test_broken_bytes_are_answered_and_in_the_end_close_the_socket(browser: Browser, settings, data):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "MAX_MESSAGE_BYTES": 50_000}
    viewer = await browser.open()
    await viewer.socket.send(data)
    await viewer.until(lambda: viewer.errors)
    assert viewer.errors[0].code in ("malformed", "too_large")
    for _ in range(25):
        await viewer.socket.send(data)
    assert await viewer.socket.closed() == 4400


async def test_text_messages_are_refused(browser: Browser):
    viewer = await browser.open()
    await viewer.socket.send_text("hello")
    await viewer.until(lambda: viewer.errors)
    assert viewer.errors[0].code == "malformed"


@pytest.mark.parametrize(
    "first",
    [
        b"\xff",
        schema.ClientMessage(rerun=schema.Rerun()).SerializeToString(),
        schema.ClientMessage(attach=schema.Attach(protocol_version=99)).SerializeToString(),
        schema.ClientMessage(attach=schema.Attach()).SerializeToString(),
    ],
)
async def test_the_first_message_must_be_a_proper_attach(site: Site, browser: Browser, first):
    attributes = await browser.page()
    socket = await browser.knock(token=attributes["token"])
    await socket.send(first)
    assert await socket.closed() == 4400


async def test_a_second_attach_is_answered_like_an_unknown_message(browser: Browser):
    viewer = await browser.open()
    await viewer.send(attach=schema.Attach(protocol_version=PROTOCOL_VERSION))
    await viewer.until(lambda: viewer.errors)
    assert viewer.errors[0].code == "unknown_message"


async def test_values_that_do_not_fit_change_nothing(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Name"), [1.0])
    await viewer.until(lambda: viewer.errors)
    await viewer.until(lambda: viewer.acked == 1)
    assert viewer.errors[0].code == "invalid_value"
    assert viewer.errors[0].seq == 1
    assert site.session(viewer).runs == 1


async def test_a_flood_loses_nothing_and_one_without_end_is_cut(site: Site, browser: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "MESSAGES_PER_SECOND": 2000, "MESSAGE_BURST": 5}
    viewer = await browser.open()
    for number in range(60):
        await viewer.set_value(viewer.widget("Name"), f"name {number}")
    await viewer.settled()
    assert viewer.texts()[0].startswith("name 59 ")
    await viewer.leave()
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "MESSAGES_PER_SECOND": 1, "MESSAGE_BURST": 1}
    flood = await browser.open(session=viewer.session_id, settle=False)
    message = schema.ClientMessage(seq=1)
    message.widget_events.events.add(widget_id="x").value.CopyFrom(to_value("y"))
    for _ in range(100):
        await flood.socket.send(message.SerializeToString())
    assert viewer.session_id in site.node.sessions
    await asyncio.wait_for(flood.socket.leave(), LIMIT)


async def test_one_sockets_fault_closes_that_socket_only(site: Site, browser: Browser, staff: User):
    broken, fine = await browser.open(), await (await site.browser(staff)).open()
    for _ in range(30):
        await broken.socket.send(b"\xff")
    assert await broken.socket.closed() == 4400
    await fine.set_value(fine.widget("Name"), "Ada")
    await fine.settled()
    assert site.session(fine).viewers


async def test_a_socket_that_cannot_be_served_is_closed_and_the_session_lives(site: Site, browser: Browser):
    viewer = await browser.open()
    [inside] = site.session(viewer).viewers

    def drain(seqs):
        raise RuntimeError("a batch that cannot be composed")

    inside.outbox.drain = drain
    await viewer.send(event=True, rerun=schema.Rerun())
    assert await viewer.socket.closed() == 1011
    again = await browser.open(session=viewer.session_id)
    assert again.texts() == ["n=0 runs=2 user=alice"]


# -- looking at the wire -----------------------------------------------------------------------------------------------


async def test_messages_are_logged_as_json_with_the_session(browser: Browser, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("scriptapps"), "propagate", True)
    caplog.set_level(logging.DEBUG, "scriptapps.protocol")
    viewer = await browser.open()
    caplog.clear()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    lines = [record.getMessage() for record in caplog.records if record.name == "scriptapps.protocol"]
    parsed = []
    for line in lines:
        session_id, arrow, text = line.split(" ", 2)
        assert session_id == viewer.session_id
        parsed.append((arrow, json.loads(text)))
    incoming = [message for arrow, message in parsed if arrow == "<-" and "ack" not in message]
    assert incoming[0]["widget_events"]["events"][0]["value"] == {"text": "Ada"}
    assert any("deltas" in message for arrow, message in parsed if arrow == "->")


async def test_a_viewer_that_never_acknowledges_gets_a_window_and_then_the_latest(site: Site, browser: Browser):
    site.folder.write("page.py", "from scriptapps import st\nst.text(st.text_input('Name', key='name'))")
    viewer = await browser.open()
    outbox = site.session(viewer).viewers[0].outbox
    for number in range(50):
        site.session(viewer).state["name"] = f"name {number}"
        site.session(viewer).request_rerun(RerunRequest("test"))
        runs = number + 2
        await site.until(partial(_has_run, site, viewer, runs))
        assert len(outbox._in_flight) <= 32
    await viewer.until(lambda: viewer.texts() == ["name 49"])
    # Each run has two: what changed, and that it is over.
    assert viewer.batches < 80


def _has_run(site: Site, viewer: Viewer, times: int) -> bool:
    return site.session(viewer).runs >= times
