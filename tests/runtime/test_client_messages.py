"""What a session does with each message: who may send it, how often it counts, and what is not known."""

import pytest

from scriptapps.protocol import schema
from scriptapps.runtime.client_messages import HANDLERS, STEERING, handle_message
from tests.runtime.stage import Stage


def send(played: Stage, *, seq: int = 0, debug: bool = False, **kind) -> None:
    handle_message(played.session, played.viewer.viewer, schema.ClientMessage(seq=seq, **kind), debug=debug)


@pytest.fixture
def played(stage):
    return stage("st.text(str(st.slider('Heat', 0, 10, 1)))").run()


@pytest.mark.parametrize("kind", sorted(STEERING))
def test_who_only_watches_steers_nothing(played, kind):
    played.viewer.viewer.read_only = True
    message = schema.ClientMessage(seq=1)
    getattr(message, kind).SetInParent()
    handle_message(played.session, played.viewer.viewer, message, debug=True)
    played.until(lambda: played.viewer.page.errors)
    assert played.viewer.page.errors[0].code == "not_allowed"
    assert played.session.runs == 1
    assert played.session.state_of_life == "idle"


def test_who_only_watches_may_still_acknowledge_ping_and_ask_for_the_page(played):
    played.viewer.viewer.read_only = True
    send(played, ping=schema.Ping(number=1))
    send(played, request_snapshot=schema.RequestSnapshot())
    send(played, ack=schema.Ack(batch=1))
    played.until(lambda: played.viewer.page.pongs)
    assert not played.viewer.page.errors
    assert set(HANDLERS) - STEERING == {"ack", "ping", "request_snapshot", "visibility"}


def test_an_event_counts_once(played):
    send(played, seq=1, rerun=schema.Rerun())
    played.rest()
    send(played, seq=1, rerun=schema.Rerun())
    played.rest()
    assert played.session.runs == 2
    send(played, seq=2, rerun=schema.Rerun())
    played.rest()
    assert played.session.runs == 3


def test_an_event_that_needs_no_run_is_acknowledged_when_the_run_that_goes_on_ends(stage):
    played = stage("if st.button('Work'):\n    probe.note('in')\n    probe.event('go').wait()").run()
    played.viewer.click("Work")
    played.probe.until(lambda: played.probe.notes)
    send(played, seq=2, set_run_on_save=schema.SetRunOnSave(enabled=True))
    played.viewer.drain()
    assert played.viewer.page.acked == 0
    played.probe.event("go").set()
    played.until(lambda: played.viewer.page.acked == 2)
    played.rest()
    assert played.session.runs == 2


def test_it_is_not_acknowledged_while_a_click_before_it_waits(stage):
    source = "if st.button('Work'):\n    probe.note('in')\n    probe.event(str(len(probe.notes))).wait()"
    played = stage(source).run()
    played.viewer.click("Work")
    played.viewer.click("Work")
    played.probe.until(lambda: played.probe.notes)
    send(played, seq=3, set_run_on_save=schema.SetRunOnSave(enabled=True))
    played.probe.event("1").set()
    played.probe.until(lambda: len(played.probe.notes) == 2)
    played.viewer.drain()
    assert played.viewer.page.acked == 1
    played.probe.event("2").set()
    played.until(lambda: played.viewer.page.acked == 3)


def test_close_needs_debug(played):
    send(played, close=schema.Close())
    assert played.session.state_of_life == "idle"
    send(played, debug=True, close=schema.Close())
    assert played.session.state_of_life == "closed"
    assert played.viewer.closed_with == 4001


def test_an_empty_message_is_answered(played):
    send(played)
    played.until(lambda: played.viewer.page.errors)
    assert played.viewer.page.errors[0].code == "unknown_message"
