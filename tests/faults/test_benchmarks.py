"""The benchmark harness measures what it says, with numbers so small that no figure is judged.

Runs on: pytest; starts a real server on loopback.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--visitors", "2", "--seconds", "0.2", "--warm-up", "0.1", "--rounds", "1"]

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def run(*arguments: str) -> str:
    """What `python -m benchmarks` prints."""
    command = [sys.executable, "-m", "benchmarks", *TINY, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_it_measures_reruns_beside_the_floor(server: str) -> None:
    answer = json.loads(run("--json", "--server", server))
    results: dict[str, Any] = {result["script"]: result for result in answer["results"]}
    assert {script: round(result["rerun"]["deltas"]) for script, result in results.items()} == {
        "counter": 1,
        "markdowns": 1,
        "unchanged": 0,
    }
    for result in results.values():
        assert result["visitors"] == 2
        assert result["rerun"]["per_second"] > 0
        assert result["floor"]["per_second"] > 0
        assert result["floor"]["messages"] == pytest.approx(1, abs=0.2)
        assert result["rerun"]["bytes"] < 400
        assert result["ratios"].keys() == {"shown", "latency", "rate"}


def test_it_prints_a_table_and_where_the_time_goes() -> None:
    printed = run("--scripts", "counter", "--store", "none", "--profile")
    assert "state store: none" in printed
    assert any(line.startswith("counter") and "│" in line for line in printed.splitlines())
    assert "MainThread" in printed


def test_it_measures_what_is_asked_from_outside() -> None:
    command = [sys.executable, "-m", "benchmarks", "steering", "--rounds", "3", "--sessions", "6", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["one"]["rounds"] == 3
    assert answer["one"]["median"] > answer["one"]["asking"] > 0
    assert answer["many"]["sessions"] == 6
    assert answer["many"]["p95"] > 0


def test_it_measures_ways_to_learn_of_a_commit() -> None:
    command = [sys.executable, "-m", "benchmarks.hint_ways", "--commits", "4", "--idle", "0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 6


def test_it_measures_what_watching_tables_costs() -> None:
    command = [sys.executable, "-m", "benchmarks.table_watch", "--times", "3", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["costs"]) == 10
    assert all(cost["without"] > 0 for cost in answer["costs"])
    new, known = answer["reading"]
    assert new > known > 0


def compared(*arguments: str) -> dict[str, Any]:
    """The one comparison of keeping state with not keeping it."""
    answer = json.loads(run("--json", "--durability", "--scripts", "counter", "--pause", "5", *arguments))
    [result] = answer["results"]
    found: dict[str, Any] = result
    return found


def check(result: dict[str, Any]) -> None:
    # Each event is either kept and committed once, or not kept and not committed.
    assert result["events"] > 0
    assert result["commits"] == pytest.approx(result["events"], abs=2 * result["visitors"])
    assert result["commit"] > 0
    for side in ("on", "off"):
        assert 0 < result[side]["shown"] <= result[side]["done"]
        assert result[side]["per_second"] > 0
    assert result["ratios"].keys() == {"shown", "done", "rate"}


def test_it_compares_keeping_state_with_not_keeping_it() -> None:
    check(compared())


@pytest.mark.postgres
def test_it_does_so_on_postgres() -> None:
    check(compared("--database", os.environ["SCRIPTAPPS_TEST_POSTGRES"]))


def test_it_measures_a_rerun_of_everybody() -> None:
    command = [sys.executable, "-m", "benchmarks.rerun_all"]
    options = ["--sessions", "6", "--others", "2", "--rounds", "2", "--quiet", "0.3", "--json"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert (answer["sessions"], answer["rounds"]) == (6, 2)
    assert answer["seconds"] > 0
    assert answer["ratio"] > 0


def test_it_measures_what_watching_costs() -> None:
    command = [sys.executable, "-m", "benchmarks", "observing", "--rounds", "2", "--seconds", "0.2", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)["results"]
    assert [(result["script"], result["pause_ms"]) for result in results] == [
        ("counter", 20), ("counter", 0), ("markdowns", 20), ("markdowns", 0),
    ]  # fmt: skip
    for result in results:
        assert result["runs"] > 4
        assert result["ratio"] == pytest.approx(1, abs=0.9)
