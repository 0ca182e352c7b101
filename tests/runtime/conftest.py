"""Engines and stages. Runs on: pytest. Invariant: no database, no event loop; every engine is shut down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from scriptapps.runtime.engine import ThreadEngine
from scriptapps.runtime.options import RuntimeOptions
from scriptapps.testing import ScriptTester
from tests.runtime.stage import PROBES, Stage


@pytest.fixture
def make_engine() -> Iterator[Callable[..., ThreadEngine]]:
    """`make_engine(workers=1, stop_grace=0.01, ...)`."""
    made: list[ThreadEngine] = []

    def make(**options: Any) -> ThreadEngine:
        made.append(ThreadEngine(RuntimeOptions(**options)))
        return made[-1]

    yield make
    for engine in made:
        engine.shut_down()


@pytest.fixture
def stage(make_engine, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """`stage(source, engine=..., deadline=...)`: a session that has not run yet."""
    made: list[Stage] = []

    def make(source: str, engine: ThreadEngine | None = None, **options: Any) -> Stage:
        engine = engine or make_engine(**options)
        made.append(Stage(source, engine, tmp_path / f"script{len(made)}.py", **options))
        return made[-1]

    yield make
    for item in made:
        for event in item.probe.events.values():
            event.set()
        item.session.close(1000, "the test is over")
        del PROBES[item.session.session_id]


@pytest.fixture
def tester() -> Callable[[str], ScriptTester]:
    """`tester(source)`: a script that has run once, on the test's own thread."""

    def make(source: str) -> ScriptTester:
        return ScriptTester.from_string("from scriptapps import st\n" + dedent(source)).run()

    return make
