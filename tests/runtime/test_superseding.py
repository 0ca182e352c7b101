"""Newer wishes while a run goes on: what is given up, what is not, and what is carried over."""


def test_a_newer_value_gives_up_the_run_that_goes_on(stage):
    played = stage(
        """
        heat = st.slider("Heat", 0, 10, 1)
        probe.note(heat)
        while heat == 5:
            pass
        st.text(f"heat {heat}")
        """
    ).run()
    played.viewer.set("Heat", [5.0])
    played.probe.until(lambda: 5 in played.probe.notes)
    played.viewer.set("Heat", [6.0])
    played.rest()
    assert played.outcomes == ["COMPLETED", "SUPERSEDED", "COMPLETED"]
    assert played.texts == ["heat 6"]


def test_a_run_that_handles_a_click_is_not_given_up(stage):
    played = stage(
        """
        st.slider("Heat", 0, 10, 1)
        if st.button("Work"):
            probe.note("work")
            probe.event("go").wait()
            for _ in range(100):
                pass
            probe.note("done")
        """
    ).run()
    played.viewer.click("Work")
    played.probe.until(lambda: played.probe.notes)
    played.viewer.set("Heat", [6.0])
    played.probe.event("go").set()
    played.rest()
    assert played.probe.notes == ["work", "done"]
    assert played.outcomes == ["COMPLETED"] * 3


def test_a_click_that_a_superseded_run_did_not_read_is_carried_over(stage):
    played = stage(
        """
        heat = st.slider("Heat", 0, 10, 1)
        probe.note(("heat", heat))
        while heat == 5:
            pass
        if st.button("Work"):
            probe.note("clicked")
        """
    ).run()
    played.viewer.set("Heat", [5.0])
    played.probe.until(lambda: ("heat", 5) in played.probe.notes)
    played.viewer.click("Work")
    played.probe.until(lambda: played.probe.count(("heat", 5)) == 2)
    played.viewer.set("Heat", [6.0])
    played.rest()
    assert played.probe.count("clicked") == 1


def test_fifty_moves_cause_few_runs_and_end_at_the_last(stage):
    played = stage(
        """
        heat = st.slider("Heat", 0, 100, 1)
        probe.note(heat)
        if heat == 1:
            probe.event("never").is_set()
        else:
            probe.event("go").wait()
        st.text(str(heat))
        """
    ).run()
    played.viewer.set("Heat", [2.0])
    played.probe.until(lambda: 2 in played.probe.notes)
    for value in range(3, 53):
        played.viewer.set("Heat", [float(value)])
    played.probe.event("go").set()
    played.rest()
    assert played.texts == ["52"]
    assert played.session.runs == 3


def test_two_clicks_are_two_clicks(stage):
    played = stage(
        """
        if st.button("Work"):
            probe.note("clicked")
            probe.event("go").wait()
        """
    ).run()
    played.viewer.click("Work")
    played.viewer.click("Work")
    played.probe.event("go").set()
    played.until(lambda: played.viewer.page.acked == 2)
    played.rest()
    assert played.probe.notes == ["clicked", "clicked"]


def test_a_stop_forgets_the_second_of_two_clicks(stage):
    played = stage("import time\nif st.button('Work'):\n    probe.note('in')\n    time.sleep(1e6)").run()
    played.viewer.click("Work")
    played.probe.until(lambda: played.probe.notes)
    played.viewer.click("Work")
    played.session.request_stop()
    played.rest()
    assert played.probe.notes == ["in"]
    assert played.viewer.page.acked == 2
