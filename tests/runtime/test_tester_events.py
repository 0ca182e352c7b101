"""ScriptTester.send_event: what an event of the site does to the tested page."""

import pytest

from scriptapps.errors import NotDurableError
from scriptapps.testing import ScriptTester

SCRIPT = """
    from scriptapps import st
    st.session_state.runs = st.session_state.get("runs", 0) + 1

    @st.fragment
    def part():
        for order in st.on_event("order"):
            st.session_state.setdefault("orders", []).append(order)

    part()
    if st.on_event("closing"):
        st.text("We close.")
    """


def test_only_the_fragment_that_listens_runs() -> None:
    tester = ScriptTester.from_string(SCRIPT).run()
    tester.send_event("order", {"id": 7}).send_event("order", (1, 2))
    assert tester.session_state["orders"] == [{"id": 7}, (1, 2)]
    assert tester.session_state["runs"] == 1


def test_the_whole_script_hears_it_once() -> None:
    tester = ScriptTester.from_string(SCRIPT).run().send_event("closing")
    assert [element.props.body for element in tester.find("text")] == ["We close."]
    assert tester.session_state["runs"] == 2
    assert not tester.run().find("text")


def test_nothing_runs_if_nothing_listens() -> None:
    tester = ScriptTester.from_string(SCRIPT).run().send_event("weather", "rain")
    assert tester.session_state["runs"] == 1


def test_the_payload_is_a_copy_and_must_be_able_to_travel() -> None:
    tester = ScriptTester.from_string(SCRIPT).run()
    order = {"id": 7}
    tester.send_event("order", order)
    assert tester.session_state["orders"][0] is not order
    with pytest.raises(NotDurableError):
        tester.send_event("order", object())
