"""What is asked of a session from outside: values that arrive, values that are refused, outcomes that are told."""

import threading
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from scriptapps import signals
from scriptapps.errors import SteeringError
from scriptapps.models import ScriptSession, SessionRequest, SteeringReport
from tests.live import Browser, Site, SocketClosed, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = """# access: signed-in
from scriptapps import st
st.session_state.setdefault("seen", [])
above = st.session_state.get("region")
with st.sidebar:
    region = st.selectbox("Region", ["EU", "US", "APAC"], key="region")
amount = st.number_input("Amount", 0, 100, 5, key="amount")
if region == "US":
    st.text_input("State", key="state")
city = st.selectbox("City", {"EU": ["Rome", "Oslo"], "US": ["Boston"], "APAC": ["Tokyo"]}[region], key="city")
pressed = st.button("Go", key="go")
if amount == 13:
    raise ValueError("unlucky")
if amount == 14:
    while True:
        pass
order = st.session_state.pop("order", None)
if order is not None:
    st.session_state.seen.append(order)
st.text(f"{region} {amount} {city} {above} {st.session_state.seen} {st.session_state.get('state', '')!r}")
"""


@pytest.fixture
async def browser(site: Site, alice: User, settings: Any):
    # On a busy machine a session is not to count as silent.
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "BEAT_SECONDS": 3}
    site.folder.write("page.py", SCRIPT)
    yield await site.browser(alice)
    await site.leave()


@pytest.fixture
async def viewer(browser: Browser):
    return await browser.open()


def rows(viewer: Viewer):
    return ScriptSession.objects.live().filter(pk=viewer.session_id)


async def shown(viewer: Viewer, text: str) -> None:
    try:
        await viewer.until(lambda: viewer.texts()[-1:] == [text])
    except TimeoutError:
        raise AssertionError(f"{viewer.texts()} instead of {text}") from None


async def outcome(report) -> tuple[str, str]:
    await report.await_end(20)
    assert not report.waiting
    return next(iter(report.outcomes.values())), next(iter(report.errors.values()), "")


async def ask(viewer: Viewer, **given) -> tuple[str, str]:
    return await outcome(await rows(viewer).arerun(wait=True, timeout=20, **given))


async def test_values_of_widgets_and_state_arrive_and_the_browser_is_told(viewer: Viewer):
    assert await ask(viewer, values={"region": "US", "amount": 7}, state={"order": 3}) == ("completed", "")
    # Also what stands above the widget sees it, and the other widgets follow.
    await shown(viewer, "US 7 Boston US [3] ''")
    assert viewer.widget("Amount").value == 7
    assert viewer.widget("Region").value == "US"


async def test_a_value_that_does_not_fit_is_refused_and_the_rest_counts(viewer: Viewer):
    said, why = await ask(viewer, values={"region": "Mars", "amount": 8})
    assert said == "refused"
    assert why.startswith("region: ")
    assert "Mars" in why
    await shown(viewer, "EU 8 Rome EU [] ''")


async def test_a_key_that_no_widget_has_is_refused_with_those_there_are(viewer: Viewer):
    said, why = await ask(viewer, values={"colour": "red", "amount": 9})
    assert said == "refused"
    assert why == "no widget with the key 'colour'; the page has: amount, city, region"
    await shown(viewer, "EU 9 Rome EU [] ''")
    assert await ask(viewer, state={"colour": "red"}) == ("completed", "")


async def test_buttons_are_not_pressed_from_outside(viewer: Viewer):
    for given in ({"values": {"go": True}}, {"state": {"go": True}}):
        said, why = await ask(viewer, **given)
        assert said == "refused"
        assert "button" in why
    await shown(viewer, "EU 5 Rome EU [] ''")


async def test_widgets_that_come_with_the_run_take_their_values(viewer: Viewer):
    """A field that the new region shows, and a city that only the new region has."""
    given = {"region": "US", "state": "Ohio", "city": "Boston"}
    assert await ask(viewer, values=given) == ("completed", "")
    await shown(viewer, "US 5 Boston US [] 'Ohio'")
    assert await ask(viewer, values={"region": "EU", "city": "Oslo"}) == ("completed", "")
    await shown(viewer, "EU 5 Oslo EU [] 'Ohio'")


async def test_the_last_value_that_fits_wins_and_each_request_has_its_own_answer(viewer: Viewer):
    values = ["US", "APAC", "Mars"]

    def ask_all():
        with transaction.atomic():
            return [rows(viewer).rerun(values={"region": value}) for value in values]

    reports = await sync_to_async(ask_all)()
    answers = [await outcome(report) for report in reports]
    assert [said for said, _ in answers] == ["completed", "completed", "refused"]
    await shown(viewer, "APAC 5 Tokyo APAC [] ''")


async def test_a_failed_run_says_so_with_the_reference_of_its_error(viewer: Viewer, caplog):
    said, why = await ask(viewer, values={"amount": 13})
    assert said == "failed"
    assert why.startswith("ValueError: unlucky (reference ")
    reference = why.partition("reference ")[2].rstrip(")")
    assert any(reference in record.getMessage() for record in caplog.records)


async def test_a_stopped_run_says_so_and_what_waited_is_carried_out(site: Site, viewer: Viewer):
    first = await rows(viewer).arerun(values={"amount": 14}, state={"order": 1})
    await viewer.until(lambda: viewer.running)
    await site.until(lambda: site.session(viewer).outside.is_open)
    second = await rows(viewer).arerun(values={"amount": 20}, state={"order": 2})
    await site.until(lambda: site.session(viewer).queue.pending is not None)
    # The stop is about what goes on now; a request that was recorded is not lost by it.
    assert await outcome(await rows(viewer).astop(wait=True)) == ("completed", "")
    assert (await outcome(first))[0] == "stopped"
    assert await outcome(second) == ("completed", "")
    await shown(viewer, "EU 20 Rome EU [2] ''")


async def test_state_without_a_run_is_seen_by_the_next_one(site: Site, viewer: Viewer):
    report = await rows(viewer).aupdate_state({"order": 5}, rerun=False)
    await site.until(lambda: site.session(viewer).outside._kept)
    assert site.session(viewer).runs == 1
    await viewer.set_value(viewer.widget("Amount"), 6)
    await shown(viewer, "EU 6 Rome EU [5] ''")
    assert await outcome(report) == ("completed", "")
    assert await outcome(await rows(viewer).aupdate_state({"order": 6}, wait=True)) == ("completed", "")
    await shown(viewer, "EU 6 Rome EU [5, 6] ''")


async def test_a_notice_is_shown_without_a_run(site: Site, viewer: Viewer):
    report = await rows(viewer).anotify("Back **at noon**", icon="🍜", wait=True)
    assert await outcome(report) == ("completed", "")
    await viewer.until(lambda: viewer.toasts)
    [toast] = viewer.toasts
    assert (toast.body_html, toast.icon, toast.seconds) == ("Back <strong>at noon</strong>", "🍜", 4)
    assert site.session(viewer).runs == 1
    await viewer.leave()
    await site.until_row(viewer, viewers=0)
    assert await outcome(await rows(viewer).anotify("Anyone?", wait=True)) == ("unseen", "")


async def test_a_closed_page_says_why(site: Site, viewer: Viewer):
    report = await rows(viewer).aclose("We move to the new system.")
    with pytest.raises(SocketClosed, match="4001"):
        await viewer.until(lambda: False)
    assert await outcome(report) == ("completed", "")
    assert [(error.code, error.message) for error in viewer.errors] == [("closed", "We move to the new system.")]
    assert await SessionRequest.objects.aget() == await SessionRequest.objects.aget(kind="close", outcome="completed")


async def test_what_waits_when_a_session_ends_is_answered(site: Site, viewer: Viewer):
    await rows(viewer).arerun(values={"amount": 14})
    await viewer.until(lambda: viewer.running)
    late = await rows(viewer).arerun(values={"amount": 1})
    await rows(viewer).aclose()
    assert (await outcome(late))[0] == "gone"


# -- fragments ---------------------------------------------------------------------------------------------------------

IN_PARTS = """# access: signed-in
from scriptapps import st
st.session_state.whole = st.session_state.get("whole", 0) + 1
speed = st.number_input("Speed", 0, 100, 1, key="speed")

@st.fragment
def gauge():
    st.session_state.part = st.session_state.get("part", 0) + 1
    limit = st.number_input("Limit", 0, 100, 2, key="limit")
    st.text(f"{st.session_state.whole}/{st.session_state.part}: {speed} of {limit}")

gauge()
"""


async def test_only_the_fragment_runs_unless_a_value_is_for_the_rest_of_the_page(site: Site, browser: Browser):
    site.folder.write("parts.py", IN_PARTS)
    viewer = await browser.open("parts")
    await shown(viewer, "1/1: 1 of 2")
    assert await ask(viewer, fragment="gauge") == ("completed", "")
    await shown(viewer, "1/2: 1 of 2")
    assert await ask(viewer, fragment="gauge", values={"limit": 50}) == ("completed", "")
    await shown(viewer, "1/3: 1 of 50")
    assert await ask(viewer, fragment="gauge", values={"speed": 40}) == ("completed", "")
    await shown(viewer, "2/4: 40 of 50")
    assert await ask(viewer, fragment="chart") == ("refused", "no fragment is called 'chart'; the page has: gauge")


# -- parked, moved, silent ---------------------------------------------------------------------------------------------


async def park(site: Site, viewer: Viewer) -> None:
    await viewer.leave()
    await sync_to_async(site.node.release)(site.session(viewer))
    await site.until_row(viewer, node="")


async def test_a_parked_session_gets_what_waits_when_it_is_opened(site: Site, browser: Browser, viewer: Viewer):
    await park(site, viewer)
    parked = ScriptSession.objects.parked()
    plain = await parked.arerun(wait=True)
    assert (plain.asked, list(plain.outcomes.values()), plain.waiting) == (1, ["deferred"], [])
    assert not await SessionRequest.objects.aexists()
    with_values = await parked.arerun(values={"amount": 9, "region": "US", "state": "Ohio"}, wait=True)
    assert list(with_values.outcomes.values()) == ["deferred"]
    assert not await parked.astop()
    assert not await parked.anotify("Hello?")
    assert await SessionRequest.objects.waiting().acount() == 1
    again = await browser.open(session=viewer.session_id)
    await shown(again, "US 9 Boston None [] 'Ohio'")
    # One run: the opening carried it out.
    assert site.session(again).run_number == 1
    [request] = [row async for row in SessionRequest.objects.all()]
    assert (request.outcome, request.error) == ("completed", "")


async def test_a_parked_session_that_was_asked_to_close_is_closed(site: Site, browser: Browser, viewer: Viewer):
    await park(site, viewer)
    assert list((await ScriptSession.objects.parked().aclose(wait=True)).outcomes.values()) == ["completed"]
    assert (await site.row(viewer)).state == "closed"
    # Asked in the moment in which its process gave it up: whoever opens it next does it.
    await ScriptSession.objects.filter(pk=viewer.session_id).aupdate(state="idle", closed_at=None)
    request = await SessionRequest.objects.acreate(session_id=viewer.session_id, kind="close", trigger="test")
    attributes = await browser.page()
    socket = await browser.knock(token=attributes["token"], session=viewer.session_id)
    assert socket.refused is None
    with pytest.raises(SocketClosed):
        await Viewer(socket).attach()
    await site.until_row(viewer, state="closed")
    await site.until(lambda: SessionRequest.objects.get(pk=request.pk).outcome == "completed")


# -- counting ----------------------------------------------------------------------------------------------------------


async def test_a_flood_is_coalesced_and_nothing_of_it_is_lost(site: Site, viewer: Viewer):
    reports = [
        await rows(viewer).arerun(state={"order": number}, values={"amount": number % 10}) for number in range(60)
    ]
    for report in reports:
        assert await outcome(report) == ("completed", "")
    await viewer.until(lambda: viewer.texts()[-1].startswith("EU 9 "))
    assert site.session(viewer).runs <= 61
    assert not await SessionRequest.objects.unfinished().aexists()
    runs = {row.run_id async for row in SessionRequest.objects.all()}
    assert len(runs) <= 60


@pytest.mark.slow
async def test_ten_thousand_requests_to_one_session(site: Site, viewer: Viewer):
    """At most one run goes on and one waits, the last values win, every request is answered."""
    session = site.session(viewer)
    runs_before, most, rounds = session.runs, 0, 100
    # Not only while it is live: this transaction holds up its beat.
    row = ScriptSession.objects.filter(pk=viewer.session_id)

    def ask_some(first: int) -> list[SteeringReport]:
        with transaction.atomic():
            return [row.rerun(values={"amount": n % 10}, state={"last": n}) for n in range(first, first + rounds)]

    begun: list[str] = []
    ended: list[str] = []

    def note(sender, signal, run_id, **_):
        (begun if signal is signals.run_started else ended).append(run_id)

    for signal in (signals.run_started, signals.run_finished):
        signal.connect(note)
    try:
        for first in range(0, 10_000, rounds):
            assert sum(map(int, await sync_to_async(ask_some)(first))) == rounds
            most = max(most, len(begun) - len(ended))
        await site.until(lambda: not SessionRequest.objects.unfinished().exists())
        await viewer.until(lambda: viewer.texts()[-1].startswith("EU 9 ") and not viewer.running)
        await site.until(lambda: len(begun) == len(ended))
    finally:
        for signal in (signals.run_started, signals.run_finished):
            signal.disconnect(note)
    assert session.state._values["last"] == 9_999
    assert await SessionRequest.objects.filter(outcome="completed").acount() == 10_000
    # Never two at once: each ended before the next began.
    assert most <= 1
    assert begun == ended
    assert session.runs - runs_before == len(begun) <= 10_000 / 2


async def test_a_database_that_fails_while_requests_are_read_costs_none_of_them(site: Site, viewer: Viewer, caplog):
    row = ScriptSession.objects.filter(pk=viewer.session_id)
    requests, failed = site.node.beat.requests, threading.Event()
    real = requests._hand_over

    def failing(*args: Any) -> None:
        if not failed.is_set():
            failed.set()
            raise DatabaseError("no database for a moment")
        real(*args)

    requests._hand_over = failing
    report = await row.arerun(values={"amount": 11})
    await site.until(failed.is_set)
    await sync_to_async(requests.look)()
    assert await outcome(report) == ("completed", "")
    await shown(viewer, "EU 11 Rome EU [] ''")
    assert "could not be asked" in caplog.text


# -- asking ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"values": {"a": threading.Lock()}}, "cannot be stored"),
        ({"state": {"": 1}}, "a key is a text"),
        ({"state": {5: 1}}, "a key is a text"),
        ({"state": {"a\0": 1}}, "a key is a text"),
        ({"state": {"a": "x" * 1_100_000}}, "STATE_VALUE_BYTES"),
    ],
)
def test_what_cannot_travel_is_said_to_who_asks(given, why):
    with pytest.raises(SteeringError, match=why):
        ScriptSession.objects.rerun(**given)
    assert not SessionRequest.objects.exists()


def test_waiting_inside_a_transaction_would_never_end():
    with transaction.atomic(), pytest.raises(SteeringError, match="inside a transaction"):
        ScriptSession.objects.rerun(wait=True)


async def test_one_session_has_the_same_methods(site: Site, viewer: Viewer, alice: User):
    session = await site.row(viewer)
    report = await session.arerun(values={"amount": 3}, by=alice, trigger="view", detail="orders page", wait=True)
    assert report == 1
    assert int(report) == 1
    assert report.outcomes == {viewer.session_id: "completed"}
    await shown(viewer, "EU 3 Rome EU [] ''")
    request = await SessionRequest.objects.select_related("requested_by").aget()
    assert (request.requested_by, request.trigger, request.detail) == (alice, "view", "orders page")
    assert request.run_id.startswith(viewer.session_id[:8])
    assert await sync_to_async(partial(session.notify, "Hello"))() == 1
    assert await sync_to_async(session.stop)() == 1
    assert await sync_to_async(partial(session.update_state, {"a": 1}))() == 1
    assert await sync_to_async(session.close)() == 1


async def test_any_value_that_state_can_hold_arrives(site: Site, viewer: Viewer, alice: User):
    odd = {"text": "NUL \0, half a pair \ud800, 😀", "user": alice, "set": {1, 2}, "none": None, "float": float("inf")}
    assert await ask(viewer, state={"odd": odd}) == ("completed", "")
    held = site.session(viewer).state._values["odd"]
    assert {**held, "user": None} == {**odd, "user": None}
    assert held["user"] == alice


# -- signals -----------------------------------------------------------------------------------------------------------


async def test_runs_are_told_by_signals(site: Site, viewer: Viewer, alice: User):
    heard = []

    def hear(sender, signal, run_id, **told):
        heard.append((signal, told))
        if signal is signals.run_started:
            raise RuntimeError("a receiver of the site is broken")

    both = (signals.run_started, signals.run_finished, signals.run_failed)
    for signal in both:
        signal.connect(hear)
    try:
        await ask(viewer, values={"amount": 13}, trigger="API", detail="nightly")
        await site.until(lambda: len(heard) == 3)
    finally:
        for signal in both:
            signal.disconnect(hear)
    about = {"session_id": viewer.session_id, "slug": "page", "user_id": alice.pk}
    [(_, began), (_, ended), (_, failed)] = heard
    assert [signal for signal, _ in heard] == list(both)
    assert began == {**about, "reason": "API", "detail": "nightly"}
    assert {**ended, "duration_ms": 0} == {**about, "outcome": "failed", "duration_ms": 0, "error": failed["error"]}
    assert failed["reference"] in failed["error"]


async def test_a_slow_receiver_holds_no_run(site: Site, viewer: Viewer):
    go_on, entered = threading.Event(), threading.Event()

    def slow(sender, **_):
        entered.set()
        go_on.wait(20)

    signals.run_finished.connect(slow)
    try:
        for amount in (1, 2, 3):
            assert await ask(viewer, values={"amount": amount}) == ("completed", "")
        assert entered.is_set()
    finally:
        go_on.set()
        signals.run_finished.disconnect(slow)
