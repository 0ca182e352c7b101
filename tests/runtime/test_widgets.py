"""Widget identity, values, clicks and forms; and that no click is lost or seen twice under stress."""

import random
import threading

import pytest

from scriptapps.errors import InvalidWidgetValueError, ScriptAppsError
from scriptapps.protocol import schema
from scriptapps.runtime.widget_identity import make_widget_id
from scriptapps.runtime.widgets import MAX_CLICKS


def texts(tester):
    return [element.props.body for element in tester.find("text")]


# -- identity ----------------------------------------------------------------------------------------------------------


def test_an_id_is_the_same_in_every_process_and_depends_on_everything_given():
    assert make_widget_id("slider", None, ("Heat", 0, 10)) == make_widget_id("slider", None, ("Heat", 0, 10))
    ids = {
        make_widget_id("slider", None, ("Heat", 0, 10)),
        make_widget_id("slider", None, ("Heat", 0, 11)),
        make_widget_id("number_input", None, ("Heat", 0, 10)),
        make_widget_id("slider", "k", ("Heat", 0, 10)),
    }
    assert len(ids) == 4


def test_without_a_key_other_parameters_make_another_widget(tester):
    played = tester(
        """
        top = st.number_input("Top", value=10, step=1, key="top")
        st.text(str(st.slider("Heat", 0, top, 1)))
        """
    )
    played.get(label="Heat").set_value(7)
    played.run()
    assert texts(played) == ["7"]
    played.get(key="top").set_value(20)
    played.run()
    assert texts(played) == ["1"]


def test_with_a_key_a_label_may_change_and_the_value_stays(tester):
    played = tester("n = st.session_state.setdefault('n', 0)\nst.text(st.text_input(f'Name {n}', key='name'))")
    played.get(key="name").set_value("Ada")
    played.run()
    played.session_state["n"] = 1
    played.run()
    assert played.get(key="name").label == "Name 1"
    assert texts(played) == ["Ada"]


def test_two_equal_widgets_need_keys(tester):
    played = tester("st.checkbox('A')\nst.checkbox('A')")
    assert played.exceptions[0].type == "DuplicateWidgetError"
    assert "Give each of them a key" in played.exceptions[0].message
    assert not tester("st.checkbox('A', key=1)\nst.checkbox('A', key=2)").exceptions
    assert not tester("st.checkbox('A')\nst.sidebar.checkbox('A')").exceptions


def test_a_key_may_be_used_once(tester):
    assert tester("st.checkbox('A', key='k')\nst.toggle('B', key='k')").exceptions[0].type == "DuplicateWidgetError"


# -- values ------------------------------------------------------------------------------------------------------------


def test_a_value_that_does_not_fit_keeps_the_old_one_and_says_so(stage):
    played = stage(
        "st.text(str(st.slider('Heat', 0, 10, 1)))\nst.checkbox('Off', disabled=True)\nst.button('Go')"
    ).run()
    node = played.viewer.page.widget("Heat")
    for wire in ([99.0], "text", None, [1.0, 2.0], True):
        played.viewer.set("Heat", wire)
    played.viewer.set("Off", True)
    played.viewer.set("Go", "not a click")
    played.viewer.send((node, schema.Value()))
    played.until(lambda: len(played.viewer.page.errors) == 8)
    assert {error.code for error in played.viewer.page.errors} == {"invalid_value"}
    assert [error.seq for error in played.viewer.page.errors] == list(range(1, 9))
    assert played.session.runs == 1
    assert node.value == [1.0]
    played.until(lambda: played.viewer.page.acked == 8)


def test_an_event_for_what_is_gone_is_answered(stage):
    played = stage("if not st.session_state.get('gone'):\n    st.checkbox('A')").run()
    node = played.viewer.page.widget("A")
    played.session.state["gone"] = True
    played.run()
    played.viewer.send((node, True))
    played.until(lambda: played.viewer.page.errors)
    assert "changed meanwhile" in played.viewer.page.errors[0].message


def test_of_one_message_what_fits_counts(stage):
    played = stage("st.text(str((st.slider('A', 0, 10, 1), st.slider('B', 0, 10, 1))))").run()
    page = played.viewer.page
    played.viewer.send((page.widget("A"), [99.0]), (page.widget("B"), [5.0]))
    played.rest()
    assert played.texts == ["(1, 5)"]
    assert len(page.errors) == 1


def test_every_viewer_sees_a_value_that_one_of_them_changed(stage):
    from tests.runtime.stage import StageViewer

    played = stage("st.text(str(st.slider('A', 0, 10, 1)))").run()
    other = StageViewer(played, "other tab")
    played.viewer.set("A", [5.0])
    played.rest()
    other.drain()
    assert other.page.widget("A").value == [5.0]
    assert other.texts() == ["5"]


def test_forgetting_everything_starts_from_nothing(stage):
    played = stage(
        """
        st.session_state.setdefault("n", 0)
        st.session_state.n += 1
        st.text(str((st.slider("A", 0, 10, 1), st.session_state.n)))
        """
    ).run()
    played.viewer.set("A", [5.0])
    played.rest()
    assert played.texts == ["(5, 2)"]
    played.session.clear_state()
    played.rest()
    assert played.texts == ["(1, 1)"]
    assert played.viewer.page.widget("A").value == [1.0]


# -- clicks ------------------------------------------------------------------------------------------------------------


def test_a_click_is_true_in_one_run(tester):
    played = tester("st.text(str(st.button('Go', key='go')) + str(st.session_state.go))")
    assert texts(played) == ["FalseFalse"]
    played.get(key="go").click()
    played.run()
    assert texts(played) == ["TrueTrue"]
    played.run()
    assert texts(played) == ["FalseFalse"]


def test_a_click_on_a_button_that_is_not_there_any_more_is_dropped(tester):
    played = tester("st.checkbox('Hide', key='hide')\nif not st.session_state.hide:\n    st.text(str(st.button('Go')))")
    button = played.get(label="Go")
    played.get(key="hide").set_value(True)
    button.click()
    played.run()
    assert played.outcome == "COMPLETED"
    played.get(key="hide").set_value(False)
    played.run()
    assert texts(played) == ["False"]


def test_a_buttons_value_cannot_be_assigned(tester):
    assert tester("st.session_state.go = True\nst.button('Go', key='go')").exceptions[0].type == "StateAssignmentError"


def test_a_disabled_button_cannot_be_clicked(tester):
    played = tester("st.button('Go', disabled=True)")
    with pytest.raises(ScriptAppsError):
        played.get(label="Go").click()


def test_waiting_clicks_are_counted_up_to_a_limit():
    from scriptapps.runtime.widgets import WidgetSpec, WidgetStore

    store = WidgetStore()
    store.specs["b"] = WidgetSpec("button", "b", "B", None, bool, bool, trigger=True)
    for _ in range(MAX_CLICKS):
        store.check("b", True)
        store.receive("b", True)
    with pytest.raises(InvalidWidgetValueError, match="not counted"):
        store.check("b", True)
    assert len(store.clicks) == MAX_CLICKS
    with pytest.raises(InvalidWidgetValueError):
        store.check("b", "text")


def test_a_button_above_an_exception_can_be_clicked(tester):
    played = tester(
        "if st.button('Repair', key='r'):\n    st.session_state.ok = True\nif 'ok' not in st.session_state:\n    1 / 0"
    )
    assert played.outcome == "FAILED"
    played.get(key="r").click()
    played.run()
    assert played.outcome == "COMPLETED"


def test_a_button_can_be_clicked_while_its_first_run_goes_on(stage):
    played = stage(
        """
        if st.button("Go"):
            probe.note("clicked")
        else:
            probe.event("shown").wait()
        """
    )
    played.ask()
    played.until(lambda: played.viewer.page.find("button"))
    played.viewer.click("Go")
    played.probe.event("shown").set()
    played.until(lambda: played.viewer.page.acked == 1)
    assert played.probe.notes == ["clicked"]


# -- forms -------------------------------------------------------------------------------------------------------------

FORM = """
with st.form("f", clear_on_submit={clear}):
    name = st.text_input("Name", key="name")
    sent = st.form_submit_button("Send")
st.text(f"{{name!r}} {{sent}}")
"""


@pytest.mark.parametrize("clear", [False, True])
def test_fields_of_a_form_come_with_its_button(tester, clear):
    played = tester(FORM.format(clear=clear))
    played.get(key="name").set_value("Ada")
    played.run()
    assert texts(played) == ["'' False"]
    played.get(label="Send").click()
    played.run()
    assert texts(played) == ["'Ada' True"]
    assert played.get(key="name").node.value == ("" if clear else "Ada")
    played.run()
    assert texts(played) == ["'' False" if clear else "'Ada' False"]


def test_a_newer_draft_survives_the_clearing_of_the_form(stage):
    played = stage(
        """
        with st.form("f", clear_on_submit=True):
            name = st.text_input("Name")
            if st.form_submit_button("Send"):
                probe.note(name)
                probe.event("go").wait()
        """
    ).run()
    page = played.viewer.page
    click = schema.Value(trigger=True)
    played.viewer.send((page.widget("Name"), "one"), (page.widget("Send"), click))
    played.probe.until(lambda: played.probe.notes)
    played.viewer.send((page.widget("Name"), "two"), (page.widget("Send"), click))
    played.probe.event("go").set()
    played.until(lambda: page.acked == 2)
    played.rest()
    assert played.probe.notes == ["one", "two"]
    assert page.widget("Name").value == ""


def test_a_submitted_form_that_then_reruns_is_cleared(tester):
    played = tester(FORM.format(clear=True) + "\nif sent:\n    st.session_state.got = name\n    st.rerun()\n")
    played.get(key="name").set_value("Ada")
    played.get(label="Send").click()
    played.run()
    assert played.session_state["got"] == "Ada"
    assert texts(played) == ["'' False"]


def test_a_field_of_a_form_has_no_callback(tester):
    played = tester("with st.form('f'):\n    st.text_input('Name', on_change=print)\n    st.form_submit_button()")
    assert played.exceptions[0].type == "ScriptApiError"


# -- stress ------------------------------------------------------------------------------------------------------------

STRESS = """
first = st.slider("Value", 0, 100000, 0, key="value")
clicked = [st.button(f"B{n}", key=f"b{n}") for n in range(3)]
for n, was_clicked in enumerate(clicked):
    if was_clicked:
        probe.note(n)
for _ in range(40):
    pass
again = st.session_state.value
if first != again:
    probe.note("a value changed within a run")
st.text(f"value {again}")
"""


@pytest.mark.parametrize("seed", range(3))
def test_every_click_is_seen_once_and_the_last_value_wins(stage, make_engine, seed):
    engine = make_engine(workers=4)
    played = [stage(STRESS, engine).run() for _ in range(4)]
    sent = [[0, 0, 0] for _ in played]

    def drive(index: int, number: int) -> None:
        randomness = random.Random(seed * 100 + index * 10 + number)
        session, sender = played[index].session, played[index].viewer.viewer
        page = {n: played[index].viewer.page.widget(f"B{n}").widget_id for n in range(3)}
        slider = played[index].viewer.page.widget("Value").widget_id
        for _ in range(60):
            message = schema.WidgetEvents()
            if randomness.random() < 0.5:
                button = randomness.randrange(3)
                with locks[index]:
                    sent[index][button] += 1
                message.events.add(widget_id=page[button]).value.trigger = True
            else:
                message.events.add(widget_id=slider).value.numbers.items.append(randomness.randrange(1000))
            session.receive_events(sender, message, 0)

    locks = [threading.Lock() for _ in played]
    threads = [threading.Thread(target=drive, args=(i, n)) for i in range(len(played)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, item in enumerate(played):
        item.rest()
        last = 5000 + index
        item.viewer.set("Value", [float(last)])
        item.until(lambda item=item: item.viewer.page.acked == item.viewer.seq)
        item.rest()
        assert "a value changed within a run" not in item.probe.notes
        # Clicks beyond the limit of waiting ones are dropped on purpose; this many never wait at once.
        assert [item.probe.count(n) for n in range(3)] == sent[index]
        assert item.texts == [f"value {last}"]
        assert not item.session.widgets.clicks


def test_a_value_that_was_restored_is_not_taken_over_again():
    from scriptapps.runtime.widgets import WidgetSpec, WidgetStore

    store = WidgetStore()
    store.specs["go"] = WidgetSpec("button", "go", "Go", None, bool, bool, trigger=True)
    store.specs["note"] = WidgetSpec("text_input", "note", "Note", "", str, str)
    store.receive("go", True, "page", 9)
    store.receive("note", "four", "page", 10)
    store.receive("note", "five", "page", 11)
    store.begin_run()
    # The click waits, so all later numbers stay open; a process that dies now gets these events again.
    handled = store.handled_seqs({"page": 11})
    assert handled == {"page": 8}
    restored = WidgetStore()
    restored.specs = store.specs
    assert restored.restore_events(handled | store.value_events(handled)) == handled
    assert restored.receive("go", True, "page", 9) is False
    assert [restored.receive("note", text, "page", seq) for seq, text in ((10, "four"), (11, "five"))] == [False, False]
    assert restored.incoming == {}
    assert restored.receive("note", "six", "page", 12)
    assert restored.receive("note", "other", "another page", 1)


def test_a_damaged_value_of_a_widget_is_told_and_costs_only_itself(caplog):
    from scriptapps.runtime.widget_storage import read_widgets

    assert read_widgets({"slider-1": b"[3", "slider-2": b"[4]"}) == ({"slider-2": [4]}, {})
    assert "slider-1" in caplog.text
