"""``st.session_state``: what stays between runs, and who owns a key."""

import pytest

from scriptapps.errors import StateAssignmentError


def texts(tester):
    return [element.props.body for element in tester.find("text")]


def shown(tester, source):
    played = tester(source)
    assert not played.exceptions, played.exceptions
    return texts(played)[-1]


def test_values_stay_and_attributes_are_items(tester):
    played = tester("st.session_state.setdefault('n', 0)\nst.session_state.n += 1\nst.text(str(st.session_state['n']))")
    played.run().run()
    assert texts(played) == ["3"]


def test_it_is_a_mapping(tester):
    source = """
    state = st.session_state
    state.update(a=1, b=2)
    state[3] = "number"
    del state["a"]
    st.text(str((sorted(state), len(state), "b" in state, 3 in state, state.get("x"), state.pop("b"), state.to_dict())))
    """
    assert shown(tester, source) == "(['3', 'b'], 2, True, True, None, 2, {'3': 'number'})"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("st.session_state['x']", "KeyError"),
        ("st.session_state.x", "AttributeError"),
        ("del st.session_state['x']", "KeyError"),
        ("del st.session_state.x", "AttributeError"),
        ("st.session_state[''] = 1", "StateAssignmentError"),
        ("st.checkbox('A', key='a')\nst.session_state.a = True", "StateAssignmentError"),
        ("with st.form('f'):\n    st.form_submit_button()\nst.session_state.f = 1", "StateAssignmentError"),
        ("st.session_state.a = 'no number'\nst.slider('A', key='a')", "InvalidWidgetValueError"),
    ],
)
def test_what_cannot_be(tester, source, error):
    assert tester(source).exceptions[0].type == error


def test_a_value_that_was_set_first_is_adopted_by_the_widget(tester):
    played = tester(
        "if 'a' not in st.session_state:\n    st.session_state.a = 7\nst.text(str(st.slider('A', 0, 10, 1, key='a')))"
    )
    assert texts(played) == ["7"]
    assert played.get(key="a").node.value == [7.0]
    played.get(key="a").set_value(3)
    played.run()
    assert texts(played) == ["3"]


def test_a_value_set_in_a_later_run_moves_the_widget(tester):
    played = tester("st.slider('A', 0, 10, 1, key='a')")
    played.session_state["a"] = 9
    played.run()
    assert played.get(key="a").node.value == [9.0]
    assert played.get(key="a").value == 9


def test_deleting_a_widgets_key_puts_it_back(tester):
    played = tester(
        """
        st.button("Reset", key="r", on_click=lambda: st.session_state.pop("a"))
        st.text(str(st.slider("A", 0, 10, 1, key="a")))
        """
    )
    played.get(key="a").set_value(9)
    played.run()
    played.get(key="r").click()
    played.run()
    assert texts(played) == ["1"]
    assert played.get(key="a").node.value == [1.0]


def test_what_a_widget_returns_is_no_alias(tester):
    played = tester(
        """
        chosen = st.multiselect("A", ["x", "y"], ["x"], key="a")
        chosen.append("broken")
        st.text(str(st.session_state.a))
        """
    )
    assert texts(played) == ["['x']"]


def test_clear_forgets_values_and_widgets(tester):
    played = tester(
        """
        if st.button("Clear", key="c"):
            st.session_state.clear()
        st.session_state.setdefault("n", 5)
        st.text(str(st.session_state.n))
        """
    )
    played.session_state["n"] = 1
    played.run()
    assert texts(played) == ["1"]
    played.get(key="c").click()
    played.run()
    assert texts(played) == ["5"]


def test_state_can_be_read_and_set_outside_a_run(tester):
    played = tester("st.text_input('A', key='a')")
    played.session_state["b"] = 1
    assert dict(played.session_state) == {"a": "", "b": 1}
    with pytest.raises(StateAssignmentError):
        played.session_state[""] = 1


def test_each_access_is_a_safe_point(stage):
    played = stage("probe.note('in')\nlist(map(lambda n: 'x' in st.session_state, iter(int, 1)))", stop_grace=1e6)
    played.ask()
    played.probe.until(lambda: played.probe.notes)
    played.session.request_stop()
    assert played.rest().outcomes == ["STOPPED"]
