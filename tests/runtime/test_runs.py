"""A run from beginning to end, as a script and its page see it."""

import pytest

from scriptapps.errors import NoRunContextError


def texts(tester):
    return [element.props.body for element in tester.find("text")]


# -- stop and rerun ----------------------------------------------------------------------------------------------------


def test_stop_ends_the_run_and_what_was_not_reached_goes(tester):
    played = tester(
        """
        st.text("before")
        if st.checkbox("Stop", key="stop"):
            st.stop()
        st.text("after")
        """
    )
    assert texts(played) == ["before", "after"]
    played.get(key="stop").set_value(True)
    played.run()
    assert played.outcome == "COMPLETED"
    assert texts(played) == ["before"]


def test_widgets_that_a_stopped_run_did_not_reach_keep_their_values(tester):
    played = tester(
        """
        stop = st.checkbox("Stop", key="stop")
        if stop:
            st.stop()
        st.text(str(st.slider("Heat", 0, 10, 1, key="heat")))
        """
    )
    played.get(key="heat").set_value(7)
    played.run()
    for value in (True, False):
        played.get(key="stop").set_value(value)
        played.run()
    assert texts(played) == ["7"]


def test_widgets_that_a_completed_run_did_not_place_lose_their_values(tester):
    played = tester(
        """
        hidden = st.checkbox("Hide", key="hide")
        if not hidden:
            st.text(str(st.slider("Heat", 0, 10, 1, key="heat")))
        """
    )
    played.get(key="heat").set_value(7)
    played.run()
    played.get(key="hide").set_value(True)
    played.run()
    assert "heat" not in played.session_state
    played.get(key="hide").set_value(False)
    played.run()
    assert texts(played) == ["1"]


def test_rerun_starts_again_with_what_was_stored(tester):
    played = tester(
        """
        st.session_state.setdefault("n", 0)
        st.session_state.n += 1
        if st.session_state.n < 4:
            st.text("not shown in the end")
            st.rerun()
        st.text(str(st.session_state.n))
        """
    )
    assert texts(played) == ["4"]
    assert played.outcome == "COMPLETED"


def test_rerun_passes_except_exception(tester):
    played = tester(
        """
        if "again" not in st.session_state:
            st.session_state.again = True
            try:
                st.rerun()
            except Exception:
                st.session_state.caught = True
        st.text(str("caught" in st.session_state))
        """
    )
    assert texts(played) == ["False"]


def test_rerun_for_ever_ends_with_an_exception(tester):
    played = tester("st.text('x')\nst.rerun()")
    assert played.outcome == "FAILED"
    [shown] = played.exceptions
    assert "50 runs" in shown.message
    assert played.session.runs == 51


def test_the_chain_begins_anew_with_each_interaction(stage):
    played = stage(
        """
        st.button("Go")
        st.session_state.setdefault("n", 0)
        st.session_state.n += 1
        if st.session_state.n % 3:
            st.rerun()
        """,
        max_rerun_chain=2,
    ).run()
    for _ in range(3):
        played.viewer.click("Go")
        played.rest()
    assert played.outcomes.count("COMPLETED") == 4
    assert "FAILED" not in played.outcomes


def test_a_stop_wins_over_rerun(stage):
    played = stage(
        """
        import time
        probe.note("in")
        if probe.count("in") == 1:
            try:
                time.sleep(1e6)
            finally:
                st.rerun()
        """
    )
    played.ask()
    played.probe.until(lambda: played.probe.notes)
    played.session.request_stop()
    played.rest()
    assert played.outcomes == ["STOPPED"]
    assert played.probe.notes == ["in"]


# -- callbacks ---------------------------------------------------------------------------------------------------------


def test_callbacks_run_before_the_script_with_the_new_value(tester):
    played = tester(
        """
        def moved(factor, *, plus):
            st.session_state.seen = st.session_state.heat * factor + plus

        st.text(str(st.session_state.get("seen")))
        st.slider("Heat", 0, 10, 1, key="heat", on_change=moved, args=(10,), kwargs={"plus": 1})
        """
    )
    played.get(key="heat").set_value(7)
    played.run()
    assert texts(played) == ["71"]
    played.run()
    assert texts(played) == ["71"]


def test_a_callback_may_set_the_value_of_any_widget(tester):
    played = tester(
        """
        def reset():
            st.session_state.heat = 2

        st.button("Reset", on_click=reset)
        st.text(str(st.slider("Heat", 0, 10, 1, key="heat")))
        """
    )
    played.get(key="heat").set_value(9)
    played.run()
    played.get(label="Reset").click()
    played.run()
    assert texts(played) == ["2"]
    assert played.session.tree.widgets[played.get(key="heat").node.widget_id].value == [2]


def test_rerun_in_a_callback_ends_the_callback_only(tester):
    played = tester(
        """
        def clicked():
            st.session_state.n = st.session_state.get("n", 0) + 1
            st.rerun()

        st.text(f"{st.button('Go', on_click=clicked)} {st.session_state.get('n')}")
        """
    )
    played.get(label="Go").click()
    played.run()
    assert texts(played) == ["True 1"]


def test_an_exception_in_a_callback_is_shown(tester):
    played = tester("st.button('Go', on_click=lambda: 1 / 0)\nst.text('page')")
    played.get(label="Go").click()
    played.run()
    assert played.outcome == "FAILED"
    assert played.exceptions[0].type == "ZeroDivisionError"
    played.run()
    assert played.outcome == "COMPLETED"
    assert texts(played) == ["page"]


def test_what_a_callback_writes_stands_above_the_page(tester):
    played = tester("st.text('page')\nst.button('Go', on_click=lambda: st.text('from the callback'))")
    played.get(label="Go").click()
    played.run()
    assert texts(played) == ["from the callback", "page"]


def test_callbacks_are_not_given_up_half_way(stage):
    played = stage(
        """
        def slow():
            probe.note("callback begins")
            probe.event("go").wait()
            for _ in range(10):
                st.session_state.x = 1
            probe.note("callback ends")

        st.slider("Heat", 0, 10, 1, on_change=slow)
        st.slider("Other", 0, 10, 1)
        """
    ).run()
    played.viewer.set("Heat", [5.0])
    played.probe.until(lambda: played.probe.notes)
    played.viewer.set("Other", [3.0])
    played.probe.event("go").set()
    played.rest()
    assert played.probe.notes == ["callback begins", "callback ends"]
    assert played.outcomes[-1] == "COMPLETED"


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_an_exception_is_shown_where_and_the_page_above_it_stays(tester):
    played = tester("st.text('above')\ndef f(x):\n    return 1 / x\nf(0)\nst.text('below')")
    [shown] = played.exceptions
    assert (shown.type, shown.message) == ("ZeroDivisionError", "division by zero")
    assert [(frame.line, frame.function) for frame in shown.frames] == [(5, "<module>"), (4, "f")]
    assert texts(played) == ["above"]
    assert played.outcome == "FAILED"


@pytest.mark.parametrize("raising", ["raise SystemExit(3)", "raise KeyboardInterrupt", "raise GeneratorExit", "exit()"])
def test_whatever_a_script_raises_ends_that_run_only(tester, raising):
    played = tester(raising)
    assert played.outcome == "FAILED"
    played.run()
    assert played.outcome == "FAILED"


def test_what_does_not_compile_leaves_the_last_good_page(stage):
    played = stage("st.text('good')").run()
    played.write("st.text('bad'")
    played.run()
    assert played.outcomes == ["COMPLETED", "NOT_COMPILED"]
    assert played.texts == ["good"]
    assert "SyntaxError" in played.viewer.page.source_status.error
    played.write("st.text('repaired')")
    played.run()
    assert played.texts == ["repaired"]
    assert played.viewer.page.source_status.error == ""


def test_in_production_a_page_shows_a_reference_only(stage):
    played = stage("raise ValueError('secret')", show_tracebacks=False).run()
    [node] = played.viewer.page.find("exception")
    assert node.props.message == "Something went wrong."
    assert not node.props.frames
    assert len(node.props.reference) == 12
    assert "secret" not in str(played.viewer.messages)
    assert [str(error) for error in played.errors] == ["secret"]


def test_a_run_that_is_refused_runs_nothing_and_says_so(stage):
    from scriptapps.errors import StopScript

    def refuse(run):
        raise StopScript("REFUSED")

    played = stage("probe.note('ran')", before_run=refuse).run()
    assert played.probe.notes == []
    assert played.outcomes == ["REFUSED"]


# -- threads -----------------------------------------------------------------------------------------------------------


def test_a_thread_with_the_runs_context_can_show_elements(tester):
    played = tester(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor

        def work(name):
            st.text(name)
            return st.session_state["base"] + len(name)

        st.session_state["base"] = 100
        work_here = st.with_run_context(work)
        thread = threading.Thread(target=work_here, args=("one",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(3) as pool:
            st.text(str(sorted(pool.map(work_here, ["a", "bb", "ccc"]))))
        """
    )
    assert sorted(texts(played)) == sorted(["one", "a", "bb", "ccc", "[101, 102, 103]"])


def test_a_thread_without_it_is_told_what_to_do(tester):
    played = tester(
        """
        import threading
        told = []

        def work():
            try:
                st.text("x")
            except Exception as error:
                told.append((type(error).__name__, str(error)))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        st.text(" ".join(told[0]))
        """
    )
    assert texts(played)[0].startswith("NoRunContextError")
    assert "with_run_context" in texts(played)[0]


def test_outside_a_run_nothing_works_and_says_why():
    from scriptapps import st

    for call in (lambda: st.text("x"), lambda: st.session_state, lambda: st.with_run_context(print), st.session_id):
        with pytest.raises(NoRunContextError):
            call()


def test_a_container_kept_from_an_earlier_run_is_told_apart(tester):
    played = tester(
        """
        if "kept" not in st.session_state:
            st.session_state.kept = st.container()
        else:
            st.session_state.kept.text("late")
        """
    )
    played.run()
    assert played.outcome == "FAILED"
    assert "is over" in played.exceptions[0].message
