"""A live session knows of its last runs why they ran, how they ended and what they cost.

Runs on: pytest, no database. Invariant: bounded whatever a script does; nothing is measured outside runs.
"""

from __future__ import annotations

import logging
import re
import sys
import threading

import pytest

from scriptapps.runtime.redaction import HIDDEN, masked, secrets_of, widget_values
from scriptapps.runtime.run_history import (
    ELEMENTS_KEPT,
    OUTPUT_CHARS,
    OUTPUT_CHARS_OF_ALL,
    RUNS_KEPT,
    RunEntry,
    RunMeasures,
)
from scriptapps.runtime.script_output import ScriptOutput, install_script_log, install_script_output


def entries(stage) -> list[RunEntry]:
    return stage.session.history.entries(stage.session.tree.sent)


def test_a_run_says_why_it_ran_and_how_it_ended(stage):
    page = stage("""
        st.number_input("Heat", 0, 10, key="heat")
        if st.button("Break"):
            raise ValueError("broken")
    """).run()
    page.viewer.set("Heat", 3)
    page.rest()
    page.viewer.click("Break")
    page.rest()
    failed, moved, first = entries(page)
    assert (first.trigger, first.number, first.outcome, first.fragments) == ("test", 1, "COMPLETED", ())
    assert (moved.trigger, moved.detail, moved.outcome) == ("widget", "Heat", "COMPLETED")
    assert (failed.trigger, failed.detail, failed.outcome) == ("widget", "Break", "FAILED")
    assert failed.error == f"ValueError: broken (reference {failed.reference})"
    assert first.started <= moved.started <= failed.started
    assert all(entry.duration_ms > 0 for entry in (first, moved, failed))


def test_a_run_of_fragments_names_them(stage):
    page = stage("""
        @st.fragment
        def chart():
            st.checkbox("Log")
        chart()
    """).run()
    page.viewer.set("Log", True)
    page.rest()
    assert entries(page)[0].fragments == ("chart",)


def test_what_viewers_are_sent_counts_for_the_run_that_made_it(stage):
    page = stage("""
        for number in range(st.number_input("Lines", 0, 50, 0)):
            st.text(f"line {number}")
    """).run()
    page.viewer.set("Lines", 50)
    page.rest()
    page.viewer.drain()
    grown, first = entries(page)
    assert grown.deltas == 50
    assert grown.bytes > 500
    assert first.deltas == 1


def test_old_runs_are_forgotten(stage):
    page = stage("st.text('same')")
    for _ in range(RUNS_KEPT + 3):
        page.run()
    numbers = [entry.number for entry in entries(page)]
    assert numbers == list(range(RUNS_KEPT + 3, 3, -1))


# -- output ------------------------------------------------------------------------------------------------------------


def test_what_a_script_prints_is_kept_and_printed(stage, capsys):
    page = stage("""
        import sys
        print("hello", 1)
        sys.stdout.writelines(["a", "b"])
    """).run()
    assert entries(page)[0].output == "hello 1\nab"
    assert "hello 1\nab" in capsys.readouterr().out


def test_what_others_print_is_not_kept(stage, capsys):
    page = stage("""
        import threading
        thread = threading.Thread(target=lambda: print("from outside"))
        thread.start()
        thread.join()
        bound = threading.Thread(target=st.with_run_context(lambda: print("from inside")))
        bound.start()
        bound.join()
    """).run()
    sys.stdout.write("by the test\n")
    assert entries(page)[0].output == "from inside\n"
    assert capsys.readouterr().out.splitlines() == ["from outside", "from inside", "by the test"]


def test_what_a_script_logs_is_kept_at_the_levels_of_the_site(stage, caplog):
    caplog.set_level("INFO", logger="shop")
    logging.getLogger("shop").warning("outside a run")
    page = stage("""
        import logging, threading
        log = logging.getLogger("shop")
        log.debug("not switched on")
        log.info("%s orders", 3)
        print("between")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("no share")
        quiet = logging.getLogger("quiet")
        quiet.propagate = False
        quiet.addHandler(logging.NullHandler())
        quiet.warning("%d is no number", "x")
        unbound = threading.Thread(target=lambda: log.info("from outside"))
        unbound.start()
        unbound.join()
        logging.getLogger("scriptapps.runs").error("ours")
    """)
    page.run()
    assert entries(page)[0].output.splitlines() == [
        "INFO shop: 3 orders",
        "between",
        "ERROR shop: no share (ZeroDivisionError: division by zero)",
        "WARNING quiet: (its text cannot be made: TypeError)",
    ]
    assert "3 orders" in caplog.messages


def test_the_log_is_noted_once(monkeypatch):
    factory = logging.getLogRecordFactory()
    try:
        install_script_log()
        noting = logging.getLogRecordFactory()
        install_script_log()
        assert logging.getLogRecordFactory() is noting
    finally:
        logging.setLogRecordFactory(factory)


def test_the_output_is_in_place_once_and_is_the_stream_otherwise(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    real = sys.stdout._real if isinstance(sys.stdout, ScriptOutput) else sys.stdout
    install_script_output()
    install_script_output()
    assert isinstance(sys.stdout, ScriptOutput)
    assert sys.stdout._real is real
    assert sys.stdout.encoding == real.encoding


def test_only_the_end_of_a_long_output_is_kept():
    measures = RunMeasures()
    for number in range(30_000):
        measures.printed(f"{number}\n")
    measures.printed("x" * 50_000 + "end")
    assert len(measures.output) == OUTPUT_CHARS
    assert measures.output.endswith("xend")


def test_all_outputs_of_a_session_have_a_limit(stage, capsys):
    page = stage(f"print('x' * {OUTPUT_CHARS - 1})")
    for _ in range(8):
        page.run()
    kept = [len(entry.output) for entry in entries(page)]
    assert sum(kept) == OUTPUT_CHARS_OF_ALL
    assert kept[:5] == [OUTPUT_CHARS] * 5


# -- queries and elements ----------------------------------------------------------------------------------------------


def test_statements_that_come_again_are_duplicates():
    measures = RunMeasures()
    for number in range(2_000):
        measures.query(f"SELECT {number}", 0.001)
    for _ in range(3):
        measures.query("SELECT 5", 0.001)
    measures.query(b"SELECT 5", 0.001)
    assert measures.queries == 2_004
    assert measures.duplicates == (("SELECT 5", 4),)
    assert measures.seconds == pytest.approx(2.004)


def test_elements_are_timed_for_whoever_looks(stage):
    page = stage("""
        st.text("quick")
        probe.event("slow").wait(0.02)
        st.metric("slow", 1)
    """).run()
    assert entries(page)[0].elements == ()
    page.session.history.inspect()
    page.run()
    [slow, quick] = entries(page)[0].elements
    assert (slow.kind, slow.line, quick.kind) == ("metric", 7, "text")
    assert slow.milliseconds >= 20


def test_the_slowest_elements_are_kept():
    measures = RunMeasures()
    measures.open(timing=True)
    for _ in range(1_000):
        measures.placed("text", "")
    assert len(measures.elements) == ELEMENTS_KEPT
    assert list(measures.elements) == sorted(measures.elements, key=lambda element: -element.milliseconds)


@pytest.mark.parametrize(("explain", "told"), [(True, ("test", "")), (False, ("", ""))])
def test_pages_are_told_why_where_developers_look(stage, explain, told):
    page = stage("st.text('a')", explain_runs=explain).run()
    [started] = [message.run_started for message in page.viewer.messages if message.run_started.run_id]
    assert (started.trigger, started.detail) == told


def test_readers_and_runs_do_not_disturb_each_other(stage):
    page = stage("st.text('a')")
    over = threading.Event()
    problems: list[Exception] = []

    def read() -> None:
        while not over.is_set():
            try:
                entries(page)
            except Exception as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            page.run()
    finally:
        over.set()
        reader.join()
    assert not problems


# -- values ------------------------------------------------------------------------------------------------------------


def test_values_are_hidden_by_name_and_by_kind(stage):
    page = stage("""
        st.text_input("Name", "Ada", key="name")
        st.text_input("PIN", "pin-canary", type="password", key="pin")
        st.text_input("API key", "key-canary")
        st.text_input("Address", "token-canary", key="auth_token")
        st.multiselect("Colours", ["red", "blue"], ["red"])
        st.text_area("Long", "x" * 5000)
        st.button("Go")
    """).run()
    pattern = re.compile("token|api.?key", re.IGNORECASE)
    values = widget_values(page.session.widgets, pattern)
    long = values.pop("Long")
    assert values == {"name": "Ada", "pin": HIDDEN, "API key": HIDDEN, "auth_token": HIDDEN, "Colours": ["red"]}
    assert long.endswith("… (5000 characters)")
    secrets = dict.fromkeys(secrets_of(page.session.widgets, pattern), HIDDEN)
    assert masked("no pin-canary, key-canary or token-canary", secrets) == f"no {HIDDEN}, {HIDDEN} or {HIDDEN}"
