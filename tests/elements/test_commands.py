"""The names of ``st`` that are not elements, and ``st`` itself.

Runs on: pytest, no database.
"""

import subprocess
import sys

import pytest

from scriptapps import st
from scriptapps.deltas.library import library
from scriptapps.errors import NoRunContextError
from scriptapps.testing import ScriptTester
from tests.elements.conftest import Page

COMMANDS = {
    "rerun", "stop", "session_state", "sidebar", "user", "session_id", "session_key", "set_page_config",
    "with_run_context", "fragment", "bind", "background", "task", "on_event", "schedule", "rerun_on", "secret",
}  # fmt: skip
ELEMENTS = (library.functions.keys() | library.attributes.keys()) - COMMANDS


def test_an_unknown_name_is_answered_with_the_likeliest() -> None:
    wrong = "markdwon"
    with pytest.raises(AttributeError, match=r"no attribute 'markdwon'\. Did you mean st\.markdown\?"):
        getattr(st, wrong)


def test_outside_a_run_it_says_what_to_do() -> None:
    for call in (lambda: st.text("x"), lambda: st.session_state, st.session_id, lambda: st.sidebar):
        with pytest.raises(NoRunContextError, match="with_run_context"):
            call()


def test_every_element_is_a_method_of_containers(page: Page) -> None:
    tester = page("\n".join(f"assert callable(st.sidebar.{name}), {name!r}" for name in sorted(ELEMENTS)))
    assert not tester.exceptions


def test_stop_keeps_what_was_shown_and_reached(page: Page) -> None:
    tester = page("st.text('a')\nst.stop()\nst.text('b')")
    assert [view.props.body for view in tester.find("text")] == ["a"]
    assert tester.outcome == "COMPLETED"


def test_rerun_starts_again_with_the_state(page: Page) -> None:
    tester = page(
        "st.session_state.setdefault('n', 0)\nst.session_state.n += 1\nif st.session_state.n < 3: st.rerun()\n"
        "st.text(st.session_state.n)"
    )
    assert tester.find("text")[0].props.body == "3"


def test_rerun_in_a_callback_ends_the_callback_only(page: Page) -> None:
    tester = page(
        "def react():\n    st.session_state.a = 1\n    st.rerun()\n    st.session_state.b = 1\n"
        "st.button('Go', on_click=react)\nst.json(st.session_state)"
    )
    tester.get(label="Go").click()
    tester.run()
    assert tester.find("json")[0].props.body == '{"a": 1}'


def test_who_and_where() -> None:
    tester = ScriptTester.from_string(
        "from scriptapps import st\nst.text(st.user)\nst.text(st.session_id())\nst.text(st.session_key())",
        user="alice",
        session_key="abc",
    ).run()
    assert [view.props.body for view in tester.find("text")] == ["alice", tester.session.session_id, "abc"]


def test_the_page_is_configured_bit_by_bit(page: Page) -> None:
    tester = page("st.set_page_config('Orders', layout='wide')\nst.set_page_config(page_icon='📦')")
    config = tester.session.page_config
    assert (config.title, config.icon, config.layout, config.sidebar) == ("Orders", "📦", "wide", "")


def test_a_thread_writes_with_the_run_context(page: Page) -> None:
    tester = page(
        "import threading\ndef work(): st.text('from a thread')\n"
        "thread = threading.Thread(target=st.with_run_context(work)); thread.start(); thread.join()"
    )
    assert tester.find("text")[0].props.body == "from a thread"


def test_importing_st_needs_no_django_settings() -> None:
    code = "from scriptapps import st; assert 'slider' in dir(st); st.slider"
    subprocess.run([sys.executable, "-c", code], check=True)
