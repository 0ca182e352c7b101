"""A session that goes on in another process: what it finds, what it does with events that come at once, what is told.

Runs on: pytest, two stages of one script; what the first one committed is what the second one begins with.
Invariant: nothing but bytes passes from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scriptapps.errors import StoredStateGoneError
from scriptapps.protocol import schema
from scriptapps.runtime.client_messages import handle_message
from scriptapps.runtime.state_journal import Name, StateChange
from tests.runtime.stage import Stage


class Shelf:
    """A store of one session: bytes and event numbers."""

    def __init__(self) -> None:
        self.values: dict[Name, bytes] = {}
        self.seqs: dict[str, int] = {}
        self.commits = 0

    def __call__(self, session: Any, change: StateChange) -> None:
        self.values = {name: data for name, data in self.values.items() if name not in change.removed} | change.changed
        self.seqs = change.seqs
        self.commits += 1


Continued = Callable[..., Stage]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def continued(stage, shelf: Shelf) -> Continued:
    """`continued(source)` is the session as another process goes on with it; it has not run yet."""

    def make(source: str) -> Stage:
        played: Stage = stage(source, commit=shelf)
        played.session.restore(shelf.values, shelf.seqs)
        return played

    return make


COUNTER = """
    if st.button("Up"):
        st.session_state.n = st.session_state.get("n", 0) + 1
    st.text(f"n={st.session_state.get('n', 0)}")
"""


def test_state_and_values_are_there_in_the_first_run(stage, shelf: Shelf, continued: Continued) -> None:
    source = COUNTER + "\n    st.text(st.text_input('Name') + '|' + str(st.slider('Size', 0, 9, 3)))"
    played = stage(source, commit=shelf).run()
    played.viewer.click("Up")
    played.rest()
    played.viewer.set("Name", "Ada")
    played.rest()
    assert played.texts[-1] == "Ada|3"
    again = continued(source).run()
    assert again.texts == played.texts
    assert shelf.commits == 2


def test_a_guarded_default_does_not_undo_what_a_person_entered(stage, shelf: Shelf, continued: Continued) -> None:
    source = """
        if "name" not in st.session_state:
            st.session_state.name = "nobody"
        before = st.session_state.name
        name = st.text_input("Name", key="name")
        st.text(f"{before} {name}")
    """
    played = stage(source, commit=shelf).run()
    assert played.texts == ["nobody nobody"]
    played.viewer.set("Name", "Ada")
    played.rest()
    assert played.texts == ["Ada Ada"]
    assert continued(source).run().texts == ["Ada Ada"]
    assert continued(source).run().run().texts == ["Ada Ada"]


def test_keyed_values_come_back_as_the_script_saw_them(stage, shelf: Shelf, continued: Continued) -> None:
    source = """
        import datetime
        st.text(repr(st.session_state.get("choice")))
        st.selectbox("Choice", [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], key="choice")
    """
    played = stage(source, commit=shelf).run()
    played.viewer.set("Choice", "2026-01-02")
    played.rest()
    assert played.texts == ["datetime.date(2026, 1, 2)"]
    again = continued(source).run()
    assert again.texts == ["datetime.date(2026, 1, 2)"]


def test_a_run_that_fails_before_its_widgets_keeps_their_values(stage, shelf: Shelf, continued: Continued) -> None:
    source = """
        probe.note("run")
        if probe.event("fail").is_set():
            raise RuntimeError("not now")
        st.text_input("Name", key="name")
        st.text_input("Plain")
        st.text(st.session_state.name + st.session_state.get("n", ""))
    """
    played = stage(source, commit=shelf).run()
    for label in ("Name", "Plain"):
        played.viewer.set(label, label)
        played.rest()
    failing = continued(source)
    failing.probe.event("fail").set()
    failing.session.state["n"] = "!"
    failing.run()
    assert failing.outcomes == ["FAILED"]
    again = continued(source).run()
    assert again.texts == ["Name!"]
    assert again.viewer.page.widget("Plain").value == "Plain"


def test_a_keyed_widget_that_is_not_placed_any_more_is_forgotten(stage, shelf: Shelf, continued: Continued) -> None:
    played = stage("st.text_input('Name', key='name')", commit=shelf).run()
    played.viewer.set("Name", "Ada")
    played.rest()
    again = continued("st.text(str('name' in st.session_state))").run()
    assert again.texts == ["True"]
    assert again.run().texts == ["False"]
    assert not shelf.values


def test_deleting_a_restored_key_puts_the_widget_back(stage, shelf: Shelf, continued: Continued) -> None:
    played = stage("st.text_input('Name', 'nobody', key='name')", commit=shelf).run()
    played.viewer.set("Name", "Ada")
    played.rest()
    source = """
        if "name" in st.session_state:
            del st.session_state["name"]
        st.text(st.text_input("Name", "nobody", key="name"))
    """
    assert continued(source).run().texts == ["nobody"]


def test_clear_cache_forgets_restored_widgets_too(stage, shelf: Shelf, continued: Continued) -> None:
    source = "st.text_input('Name', 'nobody', key='name')\nst.text(st.session_state.name)"
    played = stage(source, commit=shelf).run()
    played.viewer.set("Name", "Ada")
    played.rest()
    again = continued(source)
    again.session.clear_state()
    assert again.rest().texts == ["nobody"]


# -- what cannot be read back ------------------------------------------------------------------------------------------

CART = """
    from dataclasses import dataclass

    @dataclass
    class Cart:
        n: int

    if "cart" not in st.session_state:
        st.session_state.cart = Cart(1)
    st.text(str(st.session_state.cart))
"""


def test_a_class_that_changed_is_told_and_set_anew_like_any_missing_key(stage, shelf, continued: Continued) -> None:
    stage(CART.replace("n: int", "n: int\n        old: int = 0"), commit=shelf).run()
    again = continued(CART).run()
    assert again.outcomes == ["COMPLETED"]
    assert again.texts == ["Cart(n=1)"]
    [told] = [error.message for error in again.viewer.page.errors if error.code == "not_restored"]
    assert "'cart'" in told
    assert "the fields of Cart have changed" in told
    assert continued(CART).run().texts == ["Cart(n=1)"]


def test_reading_what_cannot_be_read_back_says_why(stage, shelf: Shelf, continued: Continued) -> None:
    stage(CART, commit=shelf).run()
    again = continued("st.text(str(st.session_state.cart))").run()
    assert again.outcomes == ["FAILED"]
    assert "stored and cannot be read back" in str(again.errors[0])
    assert again.run().outcomes == ["FAILED", "FAILED"]


def test_a_callback_reads_a_restored_object_of_the_script(stage, shelf: Shelf, continued: Continued) -> None:
    source = """
        from dataclasses import dataclass

        @dataclass
        class Cart:
            n: int

        def up():
            st.session_state.cart.n += 1

        st.session_state.setdefault("cart", Cart(1))
        st.button("Up", on_click=up)
        if probe.event("look").is_set():
            st.text(str(st.session_state.cart))
    """.replace(
        'st.session_state.setdefault("cart", Cart(1))',
        "0 if probe.event('later').is_set() else st.session_state.setdefault('cart', Cart(1))",
    )
    played = stage(source, commit=shelf).run()
    played.viewer.click("Up")
    played.rest()
    again = continued(source)
    again.probe.event("later").set()
    again.run()
    again.probe.event("look").set()
    again.viewer.seq = 1
    again.viewer.click("Up")
    assert again.rest().texts == ["Cart(n=3)"]


# -- events ------------------------------------------------------------------------------------------------------------


def send_again(played: Stage, *labels: str, widgets: dict[str, str]) -> None:
    """What a browser does after its socket came back: everything unacknowledged, with the numbers it had."""
    for seq, label in enumerate(labels, 1):
        event = schema.WidgetEvent(widget_id=widgets[label], value=schema.Value(trigger=True))
        message = schema.ClientMessage(seq=seq, widget_events=schema.WidgetEvents(events=[event]))
        handle_message(played.session, played.viewer.viewer, message, debug=False)


def widgets_of(played: Stage) -> dict[str, str]:
    return {node.props.field.label: node.widget_id for node in played.viewer.page.walk() if node.widget_id}


def test_events_that_come_before_the_first_run_wait_for_it(stage, shelf: Shelf, continued: Continued) -> None:
    played = stage(COUNTER, commit=shelf).run()
    played.viewer.click("Up")
    played.rest()
    again = continued(COUNTER)
    send_again(again, "Up", "Up", "Up", widgets=widgets_of(played))
    again.run()
    again.until(lambda: again.viewer.page.acked == 3)
    assert again.texts == ["n=3"]
    assert not again.viewer.page.errors
    assert shelf.seqs == {"tab": 3}


def all_are_acknowledged(played: Stage, seq: int) -> None:
    played.until(lambda: played.viewer.page.acked == seq)


@pytest.mark.parametrize("clicks", ["AAB", "ABA", "AABB", "ABAB", "BAAAB"])
def test_every_commit_is_a_state_to_go_on_from(stage, shelf, continued: Continued, clicks: str) -> None:
    """However many clicks wait, each commit says exactly which of them it holds: the rest is sent again, once."""
    source = """
        probe.event("go").wait()
        for name in "AB":
            if st.button(name):
                st.session_state.log = st.session_state.get("log", "") + name
        st.text(st.session_state.get("log", ""))
    """
    states: list[tuple[dict, dict]] = []

    def commit(session: Any, change: StateChange) -> None:
        shelf(session, change)
        states.append((dict(shelf.values), dict(shelf.seqs)))

    played = stage(source, commit=commit)
    played.probe.event("go").set()
    played.run()
    widgets = widgets_of(played)
    played.probe.event("go").clear()
    played.ask()
    played.running()
    send_again(played, *clicks, widgets=widgets)
    played.probe.event("go").set()
    played.until(lambda: played.viewer.page.acked == len(clicks))
    assert sorted(played.texts[-1]) == sorted(clicks)
    assert len(states) >= 2
    for values, seqs in states:
        shelf.values, shelf.seqs = values, seqs
        again = continued(source)
        again.probe.event("go").set()
        send_again(again, *clicks, widgets=widgets)
        again.run()
        all_are_acknowledged(again, len(clicks))
        # Clicks of two buttons that wait together are handled in the script's order.
        assert sorted(again.texts[0]) == sorted(clicks)


def test_a_store_that_lost_what_it_had_gets_everything_again(stage, shelf: Shelf) -> None:
    lost: list[bool] = []

    def commit(session: Any, change: StateChange) -> None:
        if lost and not change.is_whole:
            raise StoredStateGoneError("the cache was emptied")
        shelf(session, change)

    played = stage(COUNTER + "\n    st.session_state.setdefault('old', [1])", commit=commit).run()
    played.viewer.click("Up")
    played.rest()
    shelf.values = {}
    lost.append(True)
    played.viewer.click("Up")
    played.rest()
    assert played.viewer.page.acked == 2
    assert {name for _, name in shelf.values} == {"n", "old"}
