"""The engine: what stops a run, what a stop leaves behind, and who goes first."""

import threading
from typing import Any

import pytest

from scriptapps.errors import TooManyRunsAbandonedError
from scriptapps.runtime.run_queue import RerunRequest
from tests.runtime.stage import StageViewer

SPIN = "probe.note('in')\nwhile True:\n    pass\n"


def stop(stage):
    stage.probe.until(lambda: "in" in stage.probe.notes)
    stage.session.request_stop()
    return stage.rest()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("while True:\n    pass", id="loop"),
        pytest.param("for number in iter(int, 1):\n    pass", id="for loop"),
        pytest.param("import time\ntime.sleep(1e6)", id="sleep"),
        pytest.param("from time import sleep\nsleep(1e6)", id="sleep by name"),
        pytest.param("while True:\n    try:\n        x = 1\n    except:\n        pass", id="bare except"),
        pytest.param(
            "while True:\n    try:\n        st.write(1)\n    except BaseException:\n        pass", id="all caught"
        ),
        pytest.param("import itertools\nall(True for _ in itertools.count())", id="generator expression"),
        pytest.param("import itertools\n[x for x in itertools.count() if False]", id="comprehension"),
        pytest.param(
            "def f():\n    return f2()\ndef f2():\n    return 0\nwhile f() == 0:\n    continue", id="functions"
        ),
        pytest.param("list(map(lambda _: st.session_state.get('x'), iter(int, 1)))", id="state in a lambda"),
        pytest.param("slot = st.empty()\nwhile True:\n    slot.write(1)", id="elements"),
        pytest.param(
            "import asyncio\nasync def f():\n    while True:\n        await asyncio.sleep(0)\nasyncio.run(f())",
            id="asyncio",
        ),
    ],
)
def test_the_signal_alone_stops(stage, body):
    """Step 1 of the ladder: with this much grace, steps 2 and 3 cannot have helped."""
    played = stage("probe.note('in')\n" + body, stop_grace=1e6, abandon_grace=2e6)
    played.ask()
    stop(played)
    assert played.outcomes == ["STOPPED"]
    assert played.engine.abandoned == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("import sys\nwhile eval('1'):\n    exec('for _ in range(10**6): pass')", id="code compiled later"),
        pytest.param("try:\n    exec('while True: pass')\nexcept ValueError:\n    pass", id="loop in exec"),
        pytest.param("exec('while True:\\n  try:\\n    while True: pass\\n  finally:\\n    break')", id="finally"),
        pytest.param("sum(iter(lambda: 1, 2))", id="loop in a builtin"),
    ],
)
def test_an_exception_from_outside_stops_what_has_no_safe_points(stage, body):
    played = stage("probe.note('in')\n" + body, stop_grace=0.01, abandon_grace=1e6)
    played.ask()
    stop(played)
    assert played.outcomes == ["STOPPED"]
    assert played.session.last_outcome == "STOPPED"
    assert played.engine.abandoned == 0


def test_a_thread_that_was_broken_off_is_not_used_again(stage):
    played = stage(
        """
        import threading
        probe.note(threading.get_ident())
        probe.note("in")
        if len(probe.notes) == 2:
            exec("while True: pass")
        """,
        workers=1,
        stop_grace=0.01,
        abandon_grace=1e6,
    )
    ended = []
    object.__setattr__(
        played.options, "after_run", lambda run, broken: ended.append((threading.current_thread(), broken))
    )
    played.ask()
    stop(played)
    played.run()
    assert [broken for _, broken in ended] == [True, False]
    assert ended[0][0] is not ended[1][0]
    ended[0][0].join(30)
    assert not ended[0][0].is_alive()
    assert played.outcomes == ["STOPPED", "COMPLETED"]


def test_what_is_asked_for_while_the_only_thread_retires_is_run(stage):
    played = stage(
        """
        probe.note("in")
        if probe.count("in") == 1:
            exec("while True: pass")
        """,
        workers=1,
        stop_grace=0.01,
        abandon_grace=1e6,
    )
    asked: list[bool] = []

    def ask_at_its_end(session):
        if session.last_outcome == "STOPPED" and not asked:
            asked.append(session.request_rerun(RerunRequest("test")))

    object.__setattr__(played.options, "on_change", ask_at_its_end)
    played.ask()
    stop(played)
    played.until(lambda: played.session.runs == 2)
    assert played.session.last_outcome == "COMPLETED"


def test_a_run_that_waits_for_a_lock_is_given_up_and_the_next_one_works(stage):
    played = stage(
        """
        probe.note("in")
        if probe.count("in") == 1:
            st.write("before")
            try:
                probe.event("for ever").wait()
            finally:
                try:
                    st.write("zombie")
                except BaseException as error:
                    probe.note(type(error).__name__)
        st.write("fresh")
        """,
        workers=1,
        stop_grace=0.01,
        abandon_grace=0.02,
    )
    played.ask()
    stop(played)
    assert played.outcomes == ["ABANDONED"]
    assert played.engine.abandoned == 1
    assert played.texts == ["before"]
    played.run()
    assert played.texts == ["fresh"]
    played.probe.event("for ever").set()
    played.probe.until(lambda: "StopScript" in played.probe.notes)
    played.run()
    assert played.texts == ["fresh"]
    assert played.outcomes == ["ABANDONED", "COMPLETED", "COMPLETED"]


def test_the_thread_of_a_run_that_was_given_up_hands_in_its_connections_at_last(stage):
    ended = []

    def after_run(run, broken):
        ended.append((threading.current_thread(), broken))
        played.notify()

    played = stage(
        "probe.note('in')\nprobe.event('wait').wait()\n", stop_grace=0.01, abandon_grace=0.02, after_run=after_run
    )
    played.ask()
    stop(played)
    assert ended == []
    played.probe.event("wait").set()
    played.until(lambda: ended)
    [(thread, broken)] = ended
    assert broken
    thread.join(30)
    assert not thread.is_alive()


def test_too_many_runs_given_up_close_the_engine_and_say_so(stage):
    played = stage(
        "probe.note('in')\nprobe.event('for ever').wait()",
        stop_grace=0.01,
        abandon_grace=0.02,
        max_abandoned=0,
    )
    played.ask()
    stop(played)
    played.ask()
    played.until(lambda: played.viewer.page.errors)
    assert played.viewer.page.errors[0].code == "overloaded"
    assert played.session.state_of_life == "idle"
    with pytest.raises(TooManyRunsAbandonedError):
        played.engine.submit(played.session)


def test_a_run_that_takes_longer_than_its_deadline_ends(stage):
    played = stage("st.write('shown')\nwhile True:\n    pass", deadline=0.05)
    played.run()
    assert played.outcomes == ["DEADLINE"]
    assert played.texts == ["shown"]
    assert "longer than is allowed" in played.viewer.page.finished[-1].message


def test_a_deadline_climbs_the_ladder(stage):
    played = stage("exec('while True: pass')", deadline=0.05, stop_grace=0.01)
    played.run()
    assert played.outcomes == ["DEADLINE"]


def test_the_query_that_a_run_waits_for_is_cancelled_until_it_ends(stage):
    played: Any = stage(
        "probe.note('in')\nimport threading\nprobe.note(threading.get_ident())\nprobe.event('query').wait()\n",
        stop_grace=1e6,
        abandon_grace=2e6,
        cancel_query=lambda thread_id: (played.probe.note(("cancel", thread_id)), played.probe.event("query").set()),
    )
    object.__setattr__(played.engine, "options", played.options)
    played.ask()
    stop(played)
    assert played.outcomes == ["STOPPED"]
    thread_id = played.probe.notes[1]
    assert set(played.probe.notes[2:]) == {("cancel", thread_id)}


def test_a_stop_while_nothing_runs_does_nothing(stage):
    played = stage("st.write(1)").run()
    played.session.request_stop()
    assert played.rest().outcomes == ["COMPLETED"]
    assert played.run().outcomes == ["COMPLETED", "COMPLETED"]


def test_a_stop_forgets_the_run_that_waits(stage, make_engine):
    engine = make_engine(workers=1)
    busy = stage("probe.note('in')\nprobe.event('go').wait()", engine)
    busy.ask()
    busy.probe.until(lambda: busy.probe.notes)
    waiting = stage("probe.note('ran')", engine)
    waiting.ask()
    waiting.session.request_stop()
    assert waiting.session.state_of_life == "idle"
    busy.probe.event("go").set()
    busy.rest()
    assert waiting.probe.notes == []
    assert waiting.run().probe.notes == ["ran"]


def test_interactive_runs_go_before_background_runs(stage, make_engine):
    engine = make_engine(workers=1)
    busy = stage("probe.note('in')\nprobe.event('go').wait()", engine)
    busy.ask()
    busy.probe.until(lambda: busy.probe.notes)
    order: list[str] = []
    others = {}
    for name in ("background one", "background two", "person", "hurried"):
        others[name] = stage("", engine, before_run=lambda run, name=name: order.append(name))
    others["background one"].ask(background=True)
    others["hurried"].ask(background=True)
    others["background two"].ask(background=True)
    others["person"].ask()
    # A person at a page whose run waits in the background does not wait behind the others.
    others["hurried"].ask()
    busy.probe.event("go").set()
    for other in others.values():
        other.rest()
    assert order == ["person", "hurried", "background one", "background two"]


def test_a_second_session_gets_a_thread_of_its_own_at_once(stage, make_engine):
    """One idle thread, two sessions in quick succession: the pool grows instead of making the second one wait."""
    engine = make_engine(workers=2)
    stage("", engine).run()
    slow = [stage("probe.note('in')\nprobe.event('go').wait()", engine) for _ in range(2)]
    for item in slow:
        item.ask()
    for item in slow:
        item.probe.until(lambda item=item: item.probe.notes)


def test_one_session_is_never_in_two_threads(stage):
    played = stage(
        """
        probe.note("begin")
        for _ in range(100):
            pass
        probe.note("end")
        """
    )
    threads = [threading.Thread(target=lambda: [played.ask() for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    played.rest()
    depth = 0
    for note in played.probe.notes:
        depth = 1 if note == "begin" else 0
        assert depth in (0, 1)
    assert played.probe.notes[-1] == "end"


def test_a_fault_of_ours_does_not_cost_a_thread_nor_the_session(stage):
    broken = [True]

    def commit_hook(run, flag):
        if broken.pop():
            broken.append(False)
            raise RuntimeError("a hook of the host is broken")
        broken.append(False)

    played = stage("st.write('page')", workers=1, after_run=commit_hook)
    played.ask()
    played.until(lambda: played.session.runs == 1)
    assert played.session.state_of_life == "idle"
    played.run()
    assert played.texts == ["page"]


def test_a_state_that_cannot_be_saved_is_said_and_the_page_lives_on(stage):
    def commit(session, change):
        raise OSError("disk full")

    played = stage("st.write('page')\nst.session_state.n = 1", commit=commit).run()
    assert "could not be saved" in played.viewer.page.finished[-1].message
    assert played.outcomes == ["COMPLETED"]


def test_closing_stops_the_run_and_closes_the_sockets(stage):
    played = stage(SPIN)
    played.ask()
    played.probe.until(lambda: played.probe.notes)
    played.session.close(4401, "signed out")
    assert played.viewer.closed_with == 4401
    played.until(lambda: played.session.run is None)
    assert played.session.state_of_life == "closed"
    assert not played.session.request_rerun(RerunRequest("late"))


def test_a_socket_that_attaches_to_a_closed_session_is_closed(stage):
    played = stage("").run()
    played.session.close(4403, "not permitted any more")
    assert StageViewer(played).closed_with == 4403


def test_shutting_down_stops_what_runs(stage):
    played = stage(SPIN)
    played.ask()
    played.probe.until(lambda: played.probe.notes)
    played.engine.shut_down()
    assert played.rest().outcomes == ["STOPPED"]


def test_background_runs_that_wait_run_side_by_side_and_leave_a_thread_for_people(stage, make_engine):
    engine = make_engine(workers=4)
    waiting = [stage("probe.note('in')\nprobe.event('go').wait()", engine) for _ in range(5)]
    for item in waiting:
        item.ask(background=True)
    for item in waiting[:3]:
        item.probe.until(lambda item=item: item.probe.notes)
    stage("", engine).run()
    assert not any(item.probe.notes for item in waiting[3:])
    for item in waiting:
        item.probe.event("go").set()
    for item in waiting:
        item.rest()
        assert item.probe.notes == ["in"]


def test_a_crowd_of_background_runs_comes_to_its_end_while_people_are_at_work(stage, make_engine):
    engine = make_engine(workers=3)
    crowd = [stage("probe.note('ran')", engine) for _ in range(40)]
    person = stage("", engine).run()
    for item in crowd:
        item.ask(background=True)
    for _ in range(5):
        person.run()
    for item in crowd:
        item.rest()
        assert item.probe.notes == ["ran"]
