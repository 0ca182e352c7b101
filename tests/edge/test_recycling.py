"""A process that cannot go on is noticed, says so, and ends with its own code whatever hangs in it."""

import faulthandler
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scriptapps import recycling
from scriptapps.node import ServerNode
from scriptapps.recycling import LOOKS_PER_STALL, Watchdog

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "from project.settings import *\nSCRIPTAPPS = {options!r}\n"
WATCHED = """
import django, os, signal, sys, threading, time
django.setup()
from types import SimpleNamespace
from scriptapps import recycling

node = SimpleNamespace(
    name="web-1", draining=False, select=list, shut_down=lambda patience: print("drained", flush=True),
    engine=SimpleNamespace(abandoned=0), options=SimpleNamespace(max_abandoned=4),
)
dog = recycling.Watchdog(node)
"""


class FrozenLoop:
    """An event loop that does nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, callback: Any) -> None:
        self.waiting.append(callback)

    def move(self) -> None:
        while self.waiting:
            self.waiting.pop()()


@pytest.fixture
def node() -> Any:
    return SimpleNamespace(
        name="web-1",
        engine=SimpleNamespace(abandoned=0),
        options=SimpleNamespace(max_abandoned=2),
        sessions={},
    )


@pytest.fixture
def dog(node, monkeypatch) -> Iterator[Watchdog]:
    monkeypatch.setattr(recycling, "resident_mb", lambda: 100.0)
    yield Watchdog(node)
    # What a test armed would end the whole process half a minute later.
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def said(monkeypatch) -> list[str]:
    lines: list[str] = []
    for level in ("error", "warning"):
        monkeypatch.setattr(recycling.logger, level, lambda text, *values: lines.append(text % values))
    return lines


def test_all_is_well(dog, said):
    dog.look()
    assert (dog.reason, said) == ("", [])


def test_runs_that_could_not_be_stopped(dog, node, said):
    node.engine.abandoned = 2
    dog.look()
    assert dog.reason == ""
    node.engine.abandoned = 3
    dog.look()
    dog.look()
    assert dog.reason == "abandoned"
    assert said == ["Node web-1 takes no new sessions: abandoned: 3 runs could not be stopped"]


def test_memory_above_the_watermark_and_below_it_again(dog, said, settings, monkeypatch):
    settings.SCRIPTAPPS = {"MEMORY_WATERMARK_MB": 99}
    dog.look()
    assert dog.reason == "memory"
    monkeypatch.setattr(recycling, "resident_mb", lambda: 98.0)
    dog.look()
    assert dog.reason == ""
    assert said == [
        "Node web-1 takes no new sessions: memory: 100 MB resident, above 99 MB",
        "Node web-1 takes new sessions again; it was held back by: memory",
    ]


def test_memory_without_a_watermark(dog, monkeypatch):
    monkeypatch.setattr(recycling, "resident_mb", lambda: 1e9)
    dog.look()
    assert dog.reason == ""


def test_where_memory_cannot_be_measured(dog, said, settings, monkeypatch):
    settings.SCRIPTAPPS = {"MEMORY_WATERMARK_MB": 99}
    monkeypatch.setattr(recycling, "resident_mb", lambda: None)
    monkeypatch.setattr(dog, "_thread", SimpleNamespace(start=lambda: None))
    dog.start()
    dog.look()
    assert dog.reason == ""
    assert "no effect" in said[0]


def test_an_event_loop_that_is_held(dog, said):
    loop = FrozenLoop()
    dog.watch_loop(loop)
    for _ in range(LOOKS_PER_STALL):
        dog.look()
        assert dog.reason == ""
    dog.look()
    dog.look()
    assert dog.reason == "stalled"
    assert dog.explanation == "its event loop has not moved for 30 s"
    assert "MainThread (most recent call first):\n" in dog.held
    assert "in test_an_event_loop_that_is_held" in dog.held
    assert dog.held_at is not None
    lag = dog.loop_lag_ms
    assert lag is not None
    assert lag > 0
    loop.move()
    dog.look()
    assert (dog.reason, dog.explanation) == ("", "")
    assert [line.partition("\n")[0] for line in said] == [
        "Node web-1 takes no new sessions: stalled: its event loop has not moved for 30 s",
        "Node web-1 was held. Its threads meanwhile:",
        "Node web-1 takes new sessions again; it was held back by: stalled",
    ]


def test_an_event_loop_that_moves(dog):
    loop = FrozenLoop()
    dog.watch_loop(loop)
    assert dog.loop_lag_ms is not None
    for _ in range(LOOKS_PER_STALL * 3):
        dog.look()
        loop.move()
    assert dog.reason == ""
    dog.look()
    loop.move()
    assert "MainThread, event loop" in dog._thread_names().values() or dog._loop_thread == threading.get_ident()


def test_an_event_loop_that_has_ended(dog, monkeypatch):
    loop = FrozenLoop()

    def refuse(callback: Any) -> None:
        raise RuntimeError("Event loop is closed")

    monkeypatch.setattr(loop, "call_soon_threadsafe", refuse)
    dog.watch_loop(loop)
    for _ in range(LOOKS_PER_STALL * 2):
        dog.look()
    assert dog.reason == ""


def test_who_may_still_come_in(dog, node, settings):
    settings.DEBUG = False
    node.draining, node.watchdog = False, dog
    node.sessions["here"] = None
    assert ServerNode.admits(node, "")
    dog.reason = "memory"
    assert not ServerNode.admits(node, "")
    assert not ServerNode.admits(node, "elsewhere")
    assert ServerNode.admits(node, "here")
    settings.DEBUG = True
    assert ServerNode.admits(node, "")
    node.draining = True
    assert not ServerNode.admits(node, "here")


@pytest.mark.parametrize(("debug", "command", "recycles"), [(False, "x", True), (True, "x", False)])
def test_recycling_is_off_where_nobody_would_start_another(settings, monkeypatch, debug, command, recycles):
    from scriptapps.conf import scriptapps_settings

    settings.DEBUG = debug
    assert scriptapps_settings.RECYCLE is recycles
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver"])
    assert scriptapps_settings.RECYCLE is False
    settings.SCRIPTAPPS = {"RECYCLE": True}
    assert scriptapps_settings.RECYCLE is True


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_resident_memory_is_about_right():
    megabytes = recycling.resident_mb()
    assert megabytes is not None
    assert 20 < megabytes < 20_000


# -- processes of their own ------------------------------------------------------------------------------------------


def start(folder: Path, source: str, **options: Any) -> subprocess.Popen[str]:
    (folder / "watched_settings.py").write_text(SETTINGS.format(options=options))
    return subprocess.Popen(
        [sys.executable, "-c", WATCHED + textwrap.dedent(source)],
        env={"PYTHONPATH": f"{ROOT}:{folder}", "DJANGO_SETTINGS_MODULE": "watched_settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


HOLD_THE_INTERPRETER = """
def script_that_holds():
    sum(range(10 ** 15))

dog.start()
script_that_holds()
"""


@pytest.mark.faults
def test_a_held_interpreter_is_shown_and_ended(tmp_path):
    process = start(tmp_path, HOLD_THE_INTERPRETER, STALL_SECONDS=1, RECYCLE=True)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "script_that_holds" in errors


@pytest.mark.faults
def test_a_held_interpreter_is_only_shown_without_recycling(tmp_path):
    process = start(tmp_path, HOLD_THE_INTERPRETER, STALL_SECONDS=1, RECYCLE=False)
    assert process.stderr is not None
    try:
        assert any("script_that_holds" in line for line in process.stderr)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


LEAVE = """
node.engine.abandoned = 5
recycling.SERVER_SECONDS = {seconds}
signal.signal(signal.SIGTERM, {on_signal})
dog.start()
# Not signal.pause(): a signal that came just before it would wait with it.
while True:
    time.sleep(0.1)
"""


@pytest.mark.faults
def test_a_recycled_process_has_its_own_exit_code(tmp_path):
    source = LEAVE.format(seconds=60, on_signal="lambda *_: sys.exit(0)")
    process = start(tmp_path, source, RECYCLE=True)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == recycling.EXIT_CODE, errors
    assert output == "drained\n"
    assert "leaves with exit code 75" in errors


@pytest.mark.faults
def test_a_server_that_does_not_end_is_ended(tmp_path):
    source = LEAVE.format(seconds=0.5, on_signal="signal.SIG_IGN")
    process = start(tmp_path, source, RECYCLE=True, DRAIN_SECONDS=0)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == recycling.EXIT_CODE, errors
    assert output == "drained\n"
