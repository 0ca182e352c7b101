"""A live session on the real engine, with a viewer that applies what it gets and can be waited for.

Runs on: pytest; the viewer drains on whatever thread wakes it. Invariant: waits end by a condition; the limit of a wait
only keeps a failing test from hanging.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import scriptapps.st  # noqa: F401  scripts find their elements registered
from scriptapps.errors import ScriptCompileError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire, to_value
from scriptapps.runtime.engine import ThreadEngine
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.options import Visitor
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.script import Script
from scriptapps.runtime.viewer import Viewer
from scriptapps.testing.headless import HeadlessNode, HeadlessViewer

LIMIT = 30.0
_numbers = itertools.count(1)


class Probe:
    """What scripts and tests share: ``probe`` in a script's namespace."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.notes: list[Any] = []
        self.events: dict[str, threading.Event] = {}

    def note(self, what: Any) -> None:
        """Remember something."""
        with self.changed:
            self.notes.append(what)
            self.changed.notify_all()

    def event(self, name: str) -> threading.Event:
        """An event by name, made when first asked for."""
        with self.changed:
            return self.events.setdefault(name, threading.Event())

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the condition on the notes holds."""
        with self.changed:
            assert self.changed.wait_for(condition, LIMIT), f"it did not come to pass; notes: {self.notes}"

    def count(self, what: Any) -> int:
        """How often something was noted."""
        with self.changed:
            return self.notes.count(what)


PROBES: dict[str, Probe] = {}
"""Probes by session id, for scripts: ``from tests.runtime.stage import probe; probe().note(1)``."""


def probe() -> Probe:
    """The probe of the session whose script calls."""
    from scriptapps.runtime.run_context import get_run

    return PROBES[get_run().session.session_id]


class StageViewer:
    """A viewer whose page is kept up to date by the threads that wake it."""

    def __init__(self, stage: Stage, client_id: str = "tab") -> None:
        self.stage = stage
        self.page = HeadlessViewer(transport=None)  # type: ignore[arg-type]
        self.closed_with: int | None = None
        self.messages: list[Any] = []
        self.seq = 0
        self._drain = threading.Lock()
        self.viewer = Viewer(wake=self.wake, close_socket=self.close)
        stage.session.attach(self.viewer, client_id)
        self.drain()

    def wake(self, delay: float) -> None:
        """The session has something: taken by the next wait, as the tree's lock is held now."""
        self.stage.notify()

    def close(self, code: int, reason: str) -> None:
        self.closed_with = code
        self.stage.notify()

    def drain(self) -> None:
        """Apply everything there is."""
        with self._drain:
            while (data := self.viewer.outbox.drain(lambda: self.stage.session.seqs(self.viewer))) is not None:
                message = schema.ServerMessage.FromString(data)
                self.messages.append(message)
                self.page.apply(message)
                self.viewer.outbox.acknowledge(message.batch)

    def send(self, *events: tuple[HeadlessNode, Wire | schema.Value]) -> int:
        """Events of one message, numbered as the browser does. Returns the number."""
        self.seq += 1
        message = schema.WidgetEvents()
        for node, value in events:
            wire = value if isinstance(value, schema.Value) else to_value(value)
            message.events.add(widget_id=node.widget_id).value.CopyFrom(wire)
        self.stage.session.receive_events(self.viewer, message, self.seq)
        return self.seq

    def click(self, label: str) -> int:
        return self.send((self.page.widget(label), schema.Value(trigger=True)))

    def set(self, label: str, value: Wire) -> int:
        return self.send((self.page.widget(label), value))

    def texts(self) -> list[str]:
        self.drain()
        return self.page.texts()


class Stage:
    """One session of one script on an engine."""

    def __init__(self, source: str, engine: ThreadEngine, path: Path, **fields: Any) -> None:
        self.path, self.engine = path, engine
        # Set by any thread, also under the page tree's lock; therefore not a lock.
        self.changed = threading.Event()
        self.errors: list[BaseException] = []
        hooks = {
            "on_change": lambda _: self.notify(),
            "on_error": lambda _session, error, _reference: self.errors.append(error),
        }
        self.options = replace(engine.options, **{**hooks, **fields})
        self.write(source)
        name = f"stage-{next(_numbers):06d}"
        self.session = LiveSession(name, "stage", self.load, Visitor(), self.options, engine)
        self.probe = PROBES[name] = Probe()
        self.outcomes: list[str] = []
        # A viewer may hear of the last of several quick runs only; this notes them all.
        finish_run = self.session.finish_run

        def noting(run: Any, outcome: str, *args: Any, **kwargs: Any) -> bool:
            self.outcomes.append(outcome)
            return finish_run(run, outcome, *args, **kwargs)

        self.session.finish_run = noting  # type: ignore[method-assign]
        self.viewer = StageViewer(self)

    def load(self) -> Script:
        if isinstance(self.script, ScriptCompileError):
            raise self.script
        return self.script

    def write(self, source: str) -> None:
        """Give the script another text."""
        self.script: Script | ScriptCompileError
        header = "from scriptapps import st\nfrom tests.runtime.stage import probe as _probe\nprobe = _probe()\n"
        text = header + dedent(source)
        self.path.write_text(text)
        try:
            self.script = Script.from_source(text, self.path)
        except ScriptCompileError as error:
            self.script = error

    def notify(self) -> None:
        self.changed.set()

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the condition holds; the viewer is kept up to date meanwhile."""
        while True:
            self.changed.clear()
            self.viewer.drain()
            if condition():
                return
            came = self.changed.wait(LIMIT)
            assert came, f"it did not come to pass; the page: {self.viewer.texts()}, outcomes: {self.outcomes}"

    def ask(self, *, background: bool = False, reason: str = "test") -> None:
        """Ask for a run."""
        self.session.request_rerun(RerunRequest(reason, background=background))

    def run(self) -> Stage:
        """Run the script until it rests."""
        self.ask()
        return self.rest()

    def rest(self) -> Stage:
        """Wait until nothing runs or waits and the viewer has heard of the last run's end."""

        def rests() -> bool:
            if self.session.state_of_life not in ("idle", "closed") or self.session.run is not None:
                return False
            heard = self.viewer.page.finished
            last = f"-{self.session.run_number}"
            return not self.session.run_number or bool(heard and heard[-1].run_id.endswith(last))

        self.until(rests)
        return self

    def running(self) -> Stage:
        """Wait until the script runs."""
        self.until(lambda: self.session.run is not None and self.session.state_of_life == "running")
        return self

    @property
    def texts(self) -> list[str]:
        return self.viewer.texts()
