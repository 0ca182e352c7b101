"""``__main__`` is the running script, for every script at the same time, and the program's own module outside."""

import sys
import threading
from typing import Any


def texts(tester):
    return [element.props.body for element in tester.find("text")]


def test_what_a_script_defines_can_be_pickled_and_found(tester):
    played = tester(
        """
        import dataclasses, enum, pickle, typing, sys, inspect

        class Colour(enum.Enum):
            RED = 1

        @dataclasses.dataclass
        class Point:
            x: int
            next: "Point | None" = None

        class Pair(typing.NamedTuple):
            a: int
            b: str

        again = pickle.loads(pickle.dumps([Colour.RED, Point(1, Point(2)), Pair(1, "x")]))
        st.text(str(again == [Colour.RED, Point(1, Point(2)), Pair(1, "x")] and again[0] is Colour.RED))
        st.text(__name__)
        st.text(str(sys.modules["__main__"].Point is Point))
        st.text(str(typing.get_type_hints(Point)["next"]))
        if __name__ == "__main__":
            st.text("main")
        """
    )
    assert not played.exceptions, played.exceptions
    assert texts(played)[:3] == ["True", "__main__", "True"]
    assert texts(played)[-1] == "main"


def test_a_script_knows_its_file(stage):
    played = stage("st.text(__file__)").run()
    assert played.texts == [str(played.path)]


def test_each_run_has_a_fresh_namespace(tester):
    played = tester("st.text(str('left_over' in globals()))\nleft_over = 1")
    played.run()
    assert texts(played) == ["False"]


def test_two_sessions_in_parallel_do_not_see_each_other(stage, make_engine):
    engine = make_engine(workers=2)
    source = """
    import pickle, sys
    class Own:
        name = "{name}"
    for turn in range(200):
        assert pickle.loads(pickle.dumps(Own)) is Own
        assert sys.modules["__main__"].Own.name == "{name}"
        if turn == 10:
            probe.note("in")
            probe.event("go").wait()
    st.text("fine {name}")
    """
    played = [stage(source.replace("{name}", name), engine) for name in ("one", "two")]
    for item in played:
        item.ask()
    for item in played:
        item.probe.until(lambda item=item: item.probe.notes)
    for item in played:
        item.probe.event("go").set()
    assert [item.rest().texts for item in played] == [["fine one"], ["fine two"]]


def test_outside_runs_the_program_is_as_before(tester):
    tester("x = 1")
    main: Any = sys.modules["__main__"]
    assert main.__name__ == "__main__"
    assert not hasattr(main, "x")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(sys.modules["__main__"].__dict__))
    thread.start()
    thread.join()
    assert "x" not in seen[0]
    main.set_by_test = 1
    assert main.__dict__["set_by_test"] == 1
    assert "set_by_test" in dir(main)
    del main.set_by_test
    assert not hasattr(main, "set_by_test")


def test_nothing_of_a_run_is_left_in_the_thread(tester):
    from scriptapps.deltas.container import current_container
    from scriptapps.runtime.run_context import current_run
    from scriptapps.runtime.signal import current_signal

    tester("import contextvars\ncontextvars.ContextVar('leak').set(1)")
    assert [var.get(None) for var in (current_run, current_container, current_signal)] == [None] * 3
