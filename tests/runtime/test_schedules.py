"""Runs at the times of a cron expression."""

import sys
from datetime import UTC, datetime

import pytest

from scriptapps.errors import ScriptApiError
from scriptapps.runtime.schedules import seconds_until_next
from scriptapps.testing import ScriptTester

SCRIPT = """
    from scriptapps import st
    st.session_state.runs = st.session_state.get("runs", 0) + 1

    @st.fragment
    def part():
        if st.schedule("*/10 * * * *"):
            st.session_state.parts = st.session_state.get("parts", 0) + 1

    part()
    if st.schedule("*/30 * * * *"):
        st.session_state.wholes = st.session_state.get("wholes", 0) + 1
    """


def counts(tester: ScriptTester) -> tuple[int, int, int]:
    state = tester.session_state
    return state["runs"], state.get("parts", 0), state.get("wholes", 0)


def at_noon(tester: ScriptTester) -> ScriptTester:
    """The tester, whose clock begins at noon and goes with its timers."""
    noon = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC).timestamp()
    object.__setattr__(
        tester.session.options, "now", lambda: datetime.fromtimestamp(noon + tester.engine.timers.now, UTC)
    )
    return tester


def test_a_fragment_and_the_script_run_at_their_times() -> None:
    tester = at_noon(ScriptTester.from_string(SCRIPT)).run()
    assert counts(tester) == (1, 0, 0)
    tester.advance(9 * 60)
    assert counts(tester) == (1, 0, 0)
    tester.advance(60)
    assert counts(tester) == (1, 1, 0)
    tester.advance(20 * 60)
    assert counts(tester)[2] == 1


def test_times_that_nobody_saw_become_one_run() -> None:
    tester = at_noon(ScriptTester.from_string(SCRIPT)).run()
    tester.session.set_hidden(tester.viewer, hidden=True)
    tester.advance(24 * 3600)
    assert counts(tester) == (1, 0, 0)
    tester.session.set_hidden(tester.viewer, hidden=False)
    tester.advance(0)
    assert counts(tester) == (2, 1, 1)


def test_the_next_time_is_in_the_sites_time_zone() -> None:
    assert seconds_until_next("0 9 * * *", datetime(2026, 11, 25, 8, 59, 30, tzinfo=UTC)) == 30


@pytest.mark.parametrize("expression", ["", "soon", "61 * * * *", "* * *", "0 0 30 2 *"])
def test_what_is_no_time_is_told(expression: str) -> None:
    with pytest.raises(ScriptApiError, match="five fields"):
        seconds_until_next(expression, datetime.now(UTC))


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    tester = ScriptTester.from_string("from scriptapps import st\nst.schedule('* * * * *')").run()
    assert "pip install" in tester.exceptions[0].message
