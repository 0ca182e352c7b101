"""Runs a few lines as a script.

Runs on: pytest, no database.
"""

from collections.abc import Callable

import pytest

from scriptapps.testing import ScriptTester

Page = Callable[[str], ScriptTester]


@pytest.fixture
def page() -> Page:
    """``page("st.title('x')")`` runs a script with ``st`` imported."""

    def run(source: str) -> ScriptTester:
        tester = ScriptTester.from_string("from scriptapps import st\n" + source)
        return tester.run()

    return run
