"""Fragments: parts of a page that run again alone."""

from collections.abc import Callable, Iterator

import pytest

from scriptapps.errors import ScriptApiError
from scriptapps.runtime.durations import seconds_of
from scriptapps.testing import ScriptTester
from scriptapps.testing.script_tester import ElementView
from tests.runtime.stage import Stage


def outline(view: ElementView) -> list[str]:
    """Texts of the page in reading order."""
    return [element.props.html for element in _all(view) if element.kind == "markdown"]


def _all(view: ElementView) -> Iterator[ElementView]:
    for child in view.children:
        yield child
        yield from _all(child)


COUNTER = """
    from scriptapps import st
    st.session_state.setdefault("full", 0)
    st.session_state.full += 1
    outer = st.container()
    hole = st.empty()

    @st.fragment
    def counter(name):
        number = st.session_state.get(name, 0)
        if st.button("add", key=f"add {name}"):
            st.session_state[name] = number = number + 1
        st.text_input("note")
        st.markdown(f"{name} {number}")
        outer.markdown(f"outer {name} {number}")
        st.sidebar.markdown(f"side {number}")
        hole.markdown(f"hole {number}")
        return number

    st.markdown(f"first {counter('a')}")
    st.markdown(f"second {counter('b')}")
    """


def test_only_the_fragment_runs_again() -> None:
    tester = ScriptTester.from_string(COUNTER).run()
    tester.get(key="add a").click()
    tester.run()
    assert tester.session_state["full"] == 1
    outer, after = outline(tester.main)[:2], outline(tester.main)[2:]
    assert outer == ["<p>outer a 1</p>", "<p>outer b 0</p>"]
    assert after == ["<p>hole 1</p>", "<p>a 1</p>", "<p>first 0</p>", "<p>b 0</p>", "<p>second 0</p>"]
    assert outline(tester.sidebar) == ["<p>side 1</p>", "<p>side 0</p>"]


def test_a_run_of_the_whole_script_takes_over_what_fragments_did() -> None:
    tester = ScriptTester.from_string(COUNTER).run()
    tester.get(key="add b").click()
    tester.run()
    tester.run()
    assert tester.session_state["full"] == 2
    assert "<p>second 1</p>" in outline(tester.main)
    assert outline(tester.main).count("<p>outer b 1</p>") == 1


def test_equal_widgets_in_two_fragments_are_two_widgets() -> None:
    tester = ScriptTester.from_string(COUNTER).run()
    notes = tester.find("text_input")
    notes[1].set_value("for b")
    tester.run()
    assert [note.value for note in tester.find("text_input")] == ["", "for b"]
    assert tester.session_state["full"] == 1


def test_widgets_elsewhere_keep_their_values_in_a_run_of_a_fragment() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st
        name = st.text_input("name", key="name")

        @st.fragment
        def part():
            st.button("go")
            st.markdown(f"hello {st.session_state.name}")

        part()
        """
    ).run()
    tester.get(label="name").set_value("Ada")
    tester.run()
    tester.get(label="go").click()
    tester.run()
    assert tester.get(label="name").value == "Ada"
    assert outline(tester.main) == ["<p>hello Ada</p>"]


def test_what_a_fragment_does_not_place_again_is_gone() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st
        outer = st.container()

        @st.fragment
        def part():
            if st.toggle("more"):
                st.slider("how much", key="amount")
                outer.markdown("more")

        part()
        st.markdown("end")
        """
    ).run()
    tester.get(label="more").set_value(True)
    tester.run()
    assert outline(tester.main) == ["<p>more</p>", "<p>end</p>"]
    assert "amount" in tester.session_state
    tester.get(label="more").set_value(False)
    tester.run()
    assert outline(tester.main) == ["<p>end</p>"]
    assert "amount" not in tester.session_state


NESTED = """
    from scriptapps import st
    outer = st.container()

    @st.fragment(key="all")
    def whole():
        st.session_state.wholes = st.session_state.get("wholes", 0) + 1
        st.toggle("whole")

        @st.fragment
        def inner():
            st.session_state.inners = st.session_state.get("inners", 0) + 1
            st.toggle("inner")
            outer.markdown("from inside")
            if st.session_state.get("hide"):
                return

        if not st.session_state.get("hide"):
            inner()
        st.toggle("hide", key="hide")

    whole()
    """


def test_fragments_in_fragments() -> None:
    tester = ScriptTester.from_string(NESTED).run()
    tester.get(label="inner").set_value(True)
    tester.run()
    assert tester.session_state["wholes"] == 1
    assert tester.session_state["inners"] == 2
    tester.get(label="whole").set_value(True)
    tester.run()
    assert tester.session_state["wholes"] == 2
    assert tester.session_state["inners"] == 3
    assert outline(tester.main) == ["<p>from inside</p>"]


def test_a_fragment_that_is_not_called_again_takes_what_it_wrote_outside_with_it() -> None:
    tester = ScriptTester.from_string(NESTED).run()
    tester.get(label="hide").set_value(True)
    tester.run()
    assert outline(tester.main) == []


def test_both_of_two_fragments_that_were_used_together_run() -> None:
    tester = ScriptTester.from_string(COUNTER).run()
    tester.get(key="add a").click()
    tester.get(key="add b").click()
    tester.run()
    assert tester.session_state["full"] == 1
    assert (tester.session_state["a"], tester.session_state["b"]) == (1, 1)


def test_an_exception_ends_the_fragment_only() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st

        @st.fragment
        def part():
            broken = st.toggle("broken", value=True)
            st.text_input("before", key="before")
            if broken:
                raise ValueError("no such region")
            st.text_input("after", key="after")

        part()
        st.markdown("end")
        """
    ).run()
    assert [error.message for error in tester.exceptions] == ["no such region"]
    assert outline(tester.main) == ["<p>end</p>"]
    assert tester.outcome == "FAILED"
    tester.get(label="broken").set_value(False)
    tester.run()
    assert not tester.exceptions
    tester.get(key="after").set_value("kept")
    tester.run()
    tester.get(label="broken").set_value(True)
    tester.run()
    tester.get(label="broken").set_value(False)
    tester.run()
    assert tester.get(key="after").value == "kept"


def test_a_fragment_asks_for_the_whole_script_and_for_itself() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st
        st.session_state.full = st.session_state.get("full", 0) + 1

        @st.fragment
        def part():
            st.session_state.parts = st.session_state.get("parts", 0) + 1
            if st.button("everything"):
                st.rerun()
            if st.button("again"):
                st.rerun(scope="fragment")

        part()
        """
    ).run()
    tester.get(label="everything").click()
    tester.run()
    assert (tester.session_state["full"], tester.session_state["parts"]) == (2, 3)
    tester.get(label="again").click()
    tester.run()
    assert (tester.session_state["full"], tester.session_state["parts"]) == (2, 5)


def test_a_callback_names_the_fragments_that_run() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st

        def everything():
            st.rerun()

        @st.fragment
        def part():
            st.session_state.parts = st.session_state.get("parts", 0) + 1
            st.button("go", on_click=everything)

        st.session_state.full = st.session_state.get("full", 0) + 1
        part()
        """
    ).run()
    tester.get(label="go").click()
    tester.run()
    assert (tester.session_state["full"], tester.session_state["parts"]) == (2, 2)


def test_scope_fragment_outside_of_one_is_an_error() -> None:
    tester = ScriptTester.from_string("from scriptapps import st\nst.rerun(scope='fragment')").run()
    assert "runs again alone" in tester.exceptions[0].message


def test_a_fragment_runs_every_so_often() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st

        @st.fragment(run_every="10s")
        def clock():
            st.session_state.ticks = st.session_state.get("ticks", 0) + 1

        st.session_state.full = st.session_state.get("full", 0) + 1
        if not st.toggle("off"):
            clock()
        """
    ).run()
    tester.advance(9.5)
    assert tester.session_state["ticks"] == 1
    tester.advance(31)
    assert (tester.session_state["full"], tester.session_state["ticks"]) == (1, 5)
    tester.get(label="off").set_value(True)
    tester.run()
    tester.advance(100)
    assert tester.session_state["ticks"] == 5


def test_nobody_looks_so_a_timer_waits() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st

        @st.fragment(run_every=1)
        def clock():
            st.session_state.ticks = st.session_state.get("ticks", 0) + 1

        clock()
        """
    ).run()
    tester.session.set_hidden(tester.viewer, hidden=True)
    tester.advance(10)
    assert tester.session_state["ticks"] == 1
    tester.session.set_hidden(tester.viewer, hidden=False)
    tester.advance(0)
    assert tester.session_state["ticks"] == 2
    tester.advance(3)
    assert tester.session_state["ticks"] == 5


def test_one_fragment_key_in_a_run() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st

        @st.fragment(key="one")
        def part():
            st.write("x")

        part()
        part()
        """
    ).run()
    assert "one" in tester.exceptions[0].message


def test_classes_of_the_script_are_themselves_in_a_fragment() -> None:
    tester = ScriptTester.from_string(
        """
        import pickle
        from dataclasses import dataclass
        from scriptapps import st

        @dataclass
        class Point:
            x: int

        @st.fragment
        def part():
            st.button("go")
            assert isinstance(pickle.loads(pickle.dumps(Point(1))), Point)

        part()
        """
    ).run()
    tester.get(label="go").click()
    tester.run()
    assert not tester.exceptions


def test_a_form_in_a_fragment() -> None:
    tester = ScriptTester.from_string(
        """
        from scriptapps import st
        st.session_state.full = st.session_state.get("full", 0) + 1

        @st.fragment
        def part():
            with st.form("order", clear_on_submit=True):
                amount = st.number_input("amount", value=1, step=1)
                if st.form_submit_button("send"):
                    st.session_state.sent = amount

        part()
        """
    ).run()
    tester.get(label="amount").set_value(7)
    tester.get(label="send").click()
    tester.run()
    assert (tester.session_state["full"], tester.session_state["sent"]) == (1, 7)
    assert tester.get(label="amount").value == 1


@pytest.mark.parametrize(("given", "seconds"), [("10s", 10), (2, 2), ("1h 30m", 5400), ("500ms", 0.5), ("1.5 min", 90)])
def test_lengths_of_time(given: object, seconds: float) -> None:
    assert seconds_of("run_every", given) == seconds  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["", "soon", "10 lightyears", 0, -1, float("nan"), True, None])
def test_lengths_of_time_that_are_none(given: object) -> None:
    with pytest.raises(ScriptApiError, match="run_every takes"):
        seconds_of("run_every", given)  # type: ignore[arg-type]


SLOW = """
    probe.note("full begins")
    st.slider("Heat", 0, 10, 1)

    @st.fragment
    def part():
        st.button("go")
        probe.note("part")

    part()
    while probe.count("full begins") == 2 and not probe.event("on").is_set():
        pass
    probe.note("full ends")
    """


def test_a_fragment_waits_for_the_run_of_the_whole_script(stage: Callable[[str], Stage]) -> None:
    """What the rest of the page shows is not given up for a part of it."""
    played = stage(SLOW).run()
    played.viewer.set("Heat", [5.0])
    played.probe.until(lambda: played.probe.count("part") == 2)
    played.viewer.click("go")
    played.probe.event("on").set()
    played.rest()
    assert played.probe.notes == ["full begins", "part", "full ends"] * 2 + ["part"]
    assert played.outcomes == ["COMPLETED"] * 3


def test_the_whole_script_goes_before_a_fragment_that_waits(stage: Callable[[str], Stage]) -> None:
    played = stage(SLOW).run()
    played.viewer.set("Heat", [5.0])
    played.probe.until(lambda: played.probe.count("part") == 2)
    played.viewer.click("go")
    played.viewer.set("Heat", [6.0])
    played.rest()
    assert played.outcomes == ["COMPLETED", "SUPERSEDED", "COMPLETED"]
    assert played.probe.notes[-3:] == ["full begins", "part", "full ends"]


def test_clicks_in_two_places_count_once_each(stage: Callable[[str], Stage]) -> None:
    played = stage(
        """
        if st.button("whole"):
            probe.note("whole")

        @st.fragment
        def part():
            if st.button("part"):
                probe.note("part")

        part()
        """
    ).run()
    for _ in range(20):
        played.viewer.click("part")
        played.viewer.click("whole")
        played.viewer.click("part")
    played.rest()
    assert (played.probe.count("whole"), played.probe.count("part")) == (20, 40)
