"""Threads and tasks of a page that write to it between runs."""

from collections.abc import Callable

from tests.runtime.stage import Stage

FEED = """
    st.session_state.runs = st.session_state.get("runs", 0) + 1
    st.text(f"run {st.session_state.runs}")
    hole = st.empty()

    def feed():
        for number in range(1_000_000):
            st.text(f"fed {number}")
            hole.text(f"hole {number}")
            probe.note(number)
            probe.event(f"go {number}").wait()
            probe.event(f"go {number}").clear()

    if st.session_state.get("on", True):
        thread = st.background(feed)
        probe.note(f"running {thread.is_running}")
    st.button("stop")
    """


def test_a_thread_writes_between_runs_and_through_them(stage: Callable[[str], Stage]) -> None:
    played = stage(FEED).run()
    played.probe.until(lambda: 0 in played.probe.notes)
    played.until(lambda: played.viewer.texts() == ["run 1", "hole 0", "fed 0"])
    played.run()
    assert played.viewer.texts() == ["run 2", "hole 0", "fed 0"]
    played.probe.event("go 0").set()
    played.until(lambda: played.viewer.texts() == ["run 2", "hole 1", "fed 0", "fed 1"])
    assert played.probe.count("running True") == 2
    assert played.probe.count(0) == 1


def test_it_ends_with_its_session(stage: Callable[[str], Stage]) -> None:
    played = stage(FEED).run()
    played.probe.until(lambda: 0 in played.probe.notes)
    thread = next(iter(played.session.later.threads.values()))
    played.session.close(4001, "closed by staff")
    played.probe.event("go 0").set()
    thread._thread.join(30)
    assert not thread.is_running
    assert 1 not in played.probe.notes


def test_it_ends_when_the_page_has_no_place_for_it_and_begins_again(stage: Callable[[str], Stage]) -> None:
    played = stage(FEED).run()
    played.probe.until(lambda: 0 in played.probe.notes)
    thread = next(iter(played.session.later.threads.values()))
    played.session.state["on"] = False
    played.run()
    assert played.viewer.texts() == ["run 2", "hole 0"]
    played.probe.event("go 0").set()
    thread._thread.join(30)
    assert not thread.is_running
    played.session.state["on"] = True
    played.run()
    played.until(lambda: "fed 0" in played.viewer.texts())
    assert played.probe.count(0) == 2


def test_an_exception_is_shown_where_the_thread_writes(stage: Callable[[str], Stage]) -> None:
    played = stage(
        """
        def feed():
            st.text("before")
            raise ValueError("no more data")

        st.background(feed)
        st.text("end")
        """
    ).run()
    played.until(lambda: [error.props.message for error in played.viewer.page.find("exception")] == ["no more data"])
    assert played.viewer.texts()[-1] == "end"


def test_each_call_of_a_bound_function_takes_the_place_of_the_last(stage: Callable[[str], Stage]) -> None:
    played = stage(
        """
        @st.bind
        def show(*texts):
            for text in texts:
                st.text(text)

        probe.note(show)
        st.text("end")
        """
    ).run()
    show = played.probe.notes[0]
    show("a", "b", "c")
    played.until(lambda: played.viewer.texts() == ["a", "b", "c", "end"])
    show("a", "d")
    played.until(lambda: played.viewer.texts() == ["a", "d", "end"])
    played.run()
    assert played.viewer.texts() == ["a", "d", "end"]


def test_a_coroutine_can_be_bound(stage: Callable[[str], Stage]) -> None:
    played = stage(
        """
        import asyncio, threading

        @st.bind
        async def feed():
            for number in range(3):
                st.text(f"fed {number}")
                await asyncio.sleep(0)

        threading.Thread(target=lambda: asyncio.run(feed()), daemon=True).start()
        """
    ).run()
    played.until(lambda: played.viewer.texts() == ["fed 0", "fed 1", "fed 2"])


def test_a_bound_function_asks_for_a_run_and_shares_the_state(stage: Callable[[str], Stage]) -> None:
    played = stage(
        """
        def work():
            st.session_state.result = 42
            st.rerun()

        if "result" not in st.session_state:
            st.background(work)
        else:
            st.text(f"result {st.session_state.result}")
        """
    ).run()
    played.until(lambda: played.viewer.texts() == ["result 42"])


def test_widgets_belong_to_runs(stage: Callable[[str], Stage]) -> None:
    played = stage("st.background(lambda: st.button('go'), key='b')").run()
    played.until(lambda: played.viewer.page.find("exception"))
    assert "placed by runs" in played.viewer.page.find("exception")[0].props.message


def test_two_threads_write_beside_runs_without_losing_a_line(stage: Callable[[str], Stage]) -> None:
    played = stage(
        """
        def feed(name):
            for number in range(200):
                st.text(f"{name} {number}")

        st.background(feed, "a", key="a")
        st.background(feed, "b", key="b")
        st.session_state.runs = st.session_state.get("runs", 0) + 1
        for line in range(20):
            st.text(f"line {line} of run {st.session_state.runs}")
        """
    )
    for _ in range(20):
        played.ask()
    lines = [f"a {n}" for n in range(200)] + [f"b {n}" for n in range(200)]
    played.rest()
    played.until(lambda: played.viewer.texts()[:400] == lines and len(played.viewer.texts()) == 420)
