"""The outbox: bounded by the page, at most a window of batches on the way, nothing lost."""

from functools import partial

import pytest

from scriptapps.deltas.page_tree import PageTree
from scriptapps.protocol import schema
from scriptapps.runtime.outbox import MAX_NOTES, OBSERVER_SECONDS, WINDOW_BATCHES, Outbox
from tests.deltas.mirror import Run


@pytest.fixture
def tree() -> PageTree:
    return PageTree()


@pytest.fixture
def wakes() -> list[float]:
    return []


@pytest.fixture
def outbox(tree, wakes) -> Outbox:
    outbox = Outbox(tree, wakes.append)
    tree.listeners.append(outbox)
    return outbox


def drain(outbox: Outbox):
    data = outbox.drain(lambda: (0, 0))
    return None if data is None else schema.ServerMessage.FromString(data)


def test_nothing_to_say_is_nothing_to_send(outbox):
    assert drain(outbox) is None


def test_a_thousand_updates_are_one_delta(tree, outbox, wakes):
    run = Run(tree)
    slot = run.container(kind="empty")
    run.text("first", slot)
    drain(outbox)
    wakes.clear()
    for number in range(1000):
        run.text(str(number), slot)
    assert len(wakes) == 1
    [delta] = drain(outbox).deltas
    assert delta.set.props == b"999"
    assert drain(outbox) is None


def test_an_element_that_came_and_went_between_batches_is_not_sent(tree, outbox):
    run = Run(tree)
    node = run.text("spinner")
    tree.discard(node)
    assert drain(outbox) is None


def test_at_most_a_window_of_batches_is_on_the_way(tree, outbox):
    run = Run(tree)
    node = run.text("0")
    batches = []
    for number in range(100):
        node = tree.replace(run.number, node, "text", str(number).encode())
        message = drain(outbox)
        if message is not None:
            batches.append(message.batch)
    assert batches == list(range(1, WINDOW_BATCHES + 1))
    outbox.acknowledge(1)
    message = drain(outbox)
    assert message.batch == WINDOW_BATCHES + 1
    assert [delta.set.props for delta in message.deltas] == [b"99"]


def test_an_acknowledgement_wakes_a_viewer_that_had_to_wait(tree, outbox, wakes):
    run = Run(tree)
    for number in range(WINDOW_BATCHES + 1):
        run.text(str(number))
        drain(outbox)
    wakes.clear()
    outbox.acknowledge(WINDOW_BATCHES)
    assert wakes == [0.0]
    assert len(drain(outbox).deltas) == 1
    outbox.acknowledge(10_000)
    assert outbox.waiting_since is None


def test_bytes_on_the_way_are_limited(tree, outbox, monkeypatch):
    monkeypatch.setattr("scriptapps.runtime.outbox.WINDOW_BYTES", 100)
    run = Run(tree)
    run.text("x" * 200)
    assert drain(outbox) is not None
    run.text("y")
    assert drain(outbox) is None
    outbox.acknowledge(1)
    assert drain(outbox) is not None


def test_a_viewer_that_does_not_read_costs_no_more_than_the_page(tree, outbox):
    for round_number in range(200):
        run = Run(tree)
        box = run.container(kind="container", props=str(round_number % 3))
        for number in range(10):
            run.text(f"{round_number} {number}", box)
            run.widget(f"w{number} {round_number % 2}", parent=box)
        run.text(f"last {round_number}")
        run.end()
    page = sum(1 for _ in tree.walk())
    held = len(outbox._dirty) + len(outbox._inserted) + len(outbox._removed)
    assert held <= page


def test_notes_are_limited_and_the_youngest_stay(outbox):
    for number in range(MAX_NOTES * 2):
        outbox.post(toasts=schema.Toast(body_html=str(number)))
    message = drain(outbox)
    assert [toast.body_html for toast in message.toasts] == [str(n) for n in range(MAX_NOTES, MAX_NOTES * 2)]


def test_the_end_of_a_run_leaves_at_once_and_changes_a_little_later(tree, outbox, wakes):
    Run(tree).text("a")
    assert wakes
    assert wakes[0] > 0
    outbox.post(urgent=True, run_finished=schema.RunFinished(run_id="1"))
    assert wakes[-1] == 0.0


def test_after_a_snapshot_only_what_came_later_is_sent(tree, outbox):
    run = Run(tree)
    run.text("a")
    outbox.post_snapshot(lambda: schema.Snapshot(run_id="then"))
    run.text("b")
    message = drain(outbox)
    assert message.snapshot.run_id == "then"
    assert [delta.insert.node.props for delta in message.deltas] == [b"b"]


def test_event_numbers_travel_with_every_batch(tree, outbox):
    Run(tree).text("a")
    data = outbox.drain(lambda: (3, 5))
    message = schema.ServerMessage.FromString(data)
    assert (message.acked_seq, message.seen_seq) == (3, 5)


def test_what_only_tells_something_after_a_batch_has_no_number_and_needs_no_acknowledgement(tree, outbox):
    Run(tree).text("a")
    assert drain(outbox).batch == 1
    outbox.post(urgent=True, run_finished=schema.RunFinished(run_id="1"))
    data = outbox.drain(lambda: (3, 5))
    message = schema.ServerMessage.FromString(data)
    assert (message.batch, message.acked_seq, message.seen_seq) == (0, 3, 5)
    outbox.acknowledge(1)
    assert outbox.waiting_since is None
    Run(tree).text("b")
    assert drain(outbox).batch == 2


def test_a_viewer_that_does_not_read_gets_no_more_than_one_such_message_for_each_batch(outbox):
    numbers = []
    for number in range(3 * WINDOW_BATCHES):
        outbox.post(run_finished=schema.RunFinished(run_id=str(number)))
        message = drain(outbox)
        numbers += [message.batch] if message is not None else []
    assert numbers == [number for batch in range(1, WINDOW_BATCHES + 1) for number in (batch, 0)][:-1]


def test_changes_can_be_hurried_and_nothing_else(tree, outbox, wakes):
    outbox.post(run_started=schema.RunStarted(run_id="1"))
    assert not outbox.hurry()
    assert 0.0 not in wakes
    Run(tree).text("a")
    left = outbox.hurry()
    assert left is not None
    assert wakes[-1] == 0.0
    assert len(drain(outbox).deltas) == 1
    assert not outbox.hurry()
    assert not left.is_set()
    rounds = []
    outbox.sent(lambda function, *parts: rounds.append(partial(function, *parts)))
    # Servers write in the round of the loop after the one in which they were told.
    for _ in range(2):
        assert not left.is_set()
        rounds.pop()()
    assert left.is_set()
    assert not rounds


def test_nobody_waits_for_a_viewer_that_does_not_read(tree, outbox):
    run = Run(tree)
    for number in range(WINDOW_BATCHES):
        run.text(str(number))
        assert drain(outbox).batch
    run.text("one more")
    left = outbox.hurry()
    assert drain(outbox) is None
    assert left is not None
    assert left.is_set()


def test_who_only_watches_is_served_later_and_not_waited_for(tree):
    wakes: list[float] = []
    outbox = Outbox(tree, wakes.append, pace=OBSERVER_SECONDS)
    tree.listeners.append(outbox)
    Run(tree).text("a")
    outbox.post(urgent=True, run_started=schema.RunStarted(run_id="1"))
    assert outbox.hurry() is None
    assert wakes == [OBSERVER_SECONDS]
    assert len(drain(outbox).deltas) == 1
