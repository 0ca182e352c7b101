"""ScriptTester: a script's page as a test sees it.

Runs on: the test's thread. Invariant: values go in as the browser's messages do and are validated like them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import scriptapps.st  # noqa: F401  a script finds its elements registered
from scriptapps.deltas.node import Node
from scriptapps.errors import ScriptAppsError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire, to_value
from scriptapps.runtime.engine import InlineEngine
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.modules import install_roots
from scriptapps.runtime.options import RuntimeOptions, Visitor
from scriptapps.runtime.run_queue import OutsideRequest, RerunRequest
from scriptapps.runtime.script import Script
from scriptapps.runtime.session_state import SessionState
from scriptapps.runtime.state_codec import encode_value
from scriptapps.runtime.state_journal import Stored
from scriptapps.runtime.viewer import Viewer
from scriptapps.runtime.widgets import WidgetSpec
from scriptapps.testing.memory_files import MemoryFiles

_numbers = itertools.count(1)


def message_class(kind: str) -> Any:
    """The message of an element kind: ``number_input`` -> NumberInput."""
    return getattr(schema, "".join(part.capitalize() for part in kind.split("_")))


@dataclass
class ElementView:
    """An element on the tested page. ``value`` is what the script got from a widget in the last run."""

    tester: ScriptTester
    node: Node

    @property
    def kind(self) -> str:
        """The kind on the wire, e.g. "slider"."""
        return self.node.kind

    @property
    def props(self) -> Any:
        """The element's message, e.g. ``schema.Slider``."""
        return message_class(self.node.kind).FromString(self.node.props)

    @property
    def label(self) -> str:
        """The label of a widget, "" for other elements."""
        spec = self._spec()
        return spec.label if spec else str(getattr(self.props, "label", ""))

    @property
    def key(self) -> str | None:
        """The key that the script gave a widget."""
        spec = self._spec()
        return spec.key if spec else None

    @property
    def value(self) -> Any:
        """A widget's value as the script sees it."""
        return self.tester.session.widgets.value(self._need_spec().widget_id)

    @property
    def children(self) -> list[ElementView]:
        """What stands in a container."""
        return [ElementView(self.tester, child) for child in self.node.children]

    def set_value(self, value: Any) -> ElementView:
        """What a person would do: give the widget this value. Takes effect with ``tester.run()``.

        Raises InvalidWidgetValueError for a value that the widget does not accept.
        """
        spec = self._need_spec()
        return self._send(spec.serialize(value))

    def upload(self, name: str, content: bytes, content_type: str = "") -> ElementView:
        """Choose a file in a file uploader, beside those that it has if it takes several. Takes effect with
        ``tester.run()``. Raises InvalidWidgetValueError for a file that the uploader does not accept.
        """
        spec = self._need_spec()
        if spec.kind != "file_uploader":
            raise ScriptAppsError(f"Nothing can be uploaded to a {self.kind}; use set_value().")
        session = self.tester.session
        waiting = [wire for event, wire in self.tester.events if event.widget_id == spec.widget_id]
        before = waiting[-1] if waiting else session.widgets.current.get(spec.widget_id)
        kept = before if self.props.multiple and isinstance(before, list) else []
        wire = [*kept, self.tester.files.add(session.session_id, name, content, content_type).to_wire()]
        spec.deserialize(wire)
        return self._send(wire)

    def click(self) -> ElementView:
        """Click a button. Takes effect with ``tester.run()``."""
        if not self._need_spec().trigger:
            raise ScriptAppsError(f"A {self.kind} cannot be clicked; use set_value().")
        return self._send(True)

    def _send(self, wire: Wire) -> ElementView:
        spec = self._need_spec()
        if spec.disabled:
            raise ScriptAppsError(f"{spec.label!r} is disabled.")
        self.tester.events.append((spec, wire))
        return self

    def _spec(self) -> WidgetSpec | None:
        return self.tester.session.widgets.specs.get(self.node.widget_id)

    def _need_spec(self) -> WidgetSpec:
        spec = self._spec()
        if spec is None:
            raise ScriptAppsError(f"A {self.kind} is not a widget.")
        return spec


@dataclass
class ScriptTester:
    """Runs a script and looks at its page::

        tester = ScriptTester.from_file("scripts/orders.py", user=alice).run()
        tester.get(label="Region").set_value("EU")
        tester.run()
        assert not tester.exceptions

    ``toasts`` are the messages that were shown for a moment, in order.
    """

    session: LiveSession
    engine: InlineEngine
    viewer: Viewer
    files: MemoryFiles
    events: list[tuple[WidgetSpec, Wire]] = field(default_factory=list)
    toasts: list[Any] = field(default_factory=list)

    @classmethod
    def from_file(cls, path: str | Path, *, user: Any = None, session_key: str | None = None) -> ScriptTester:
        """A tester for a file. ``user`` becomes ``st.user``, ``session_key`` is what ``st.session_key()`` returns."""
        file = Path(path).resolve()
        install_roots([file.parent])
        return cls._make(lambda: Script.from_file(file), file.stem, user, session_key)

    @classmethod
    def from_string(cls, source: str, *, user: Any = None, session_key: str | None = None) -> ScriptTester:
        """A tester for a script given as text; its indentation is removed."""
        script = Script.from_source(dedent(source), Path(f"<script {next(_numbers)}>"))
        return cls._make(lambda: script, "test", user, session_key)

    @classmethod
    def _make(cls, load: Any, slug: str, user: Any, session_key: str | None) -> ScriptTester:
        engine, files = InlineEngine(), MemoryFiles()
        visitor = Visitor(load_user=lambda: user, session_key=session_key, user_name=str(user or ""))
        session_id = f"test{next(_numbers):012d}"
        session = LiveSession(session_id, slug, load, visitor, RuntimeOptions(files=files), engine)
        viewer = Viewer(wake=lambda _: None, close_socket=lambda *_: None)
        session.attach(viewer, "tester")
        return cls(session, engine, viewer, files)

    def run(self) -> ScriptTester:
        """Send what was set and clicked, run the script until it rests, return self.

        Fields of a form are sent only together with a click on the form's submit button, as in the browser.
        """
        submitted = {spec.form_id for spec, _ in self.events if spec.trigger and spec.form_id}
        send = [(spec, wire) for spec, wire in self.events if not spec.form_id or spec.form_id in submitted]
        self.events = [entry for entry in self.events if entry not in send]
        if send:
            events = schema.WidgetEvents()
            for spec, wire in send:
                value = schema.Value(trigger=True) if spec.trigger else to_value(wire)
                events.events.add(widget_id=spec.widget_id).value.CopyFrom(value)
            self.session.receive_events(self.viewer, events, 0)
        else:
            self.session.request_rerun(RerunRequest("test"))
        self.engine.run_waiting()
        self._collect()
        return self

    def advance(self, seconds: float) -> ScriptTester:
        """Let time pass: fragments with ``run_every`` and schedules run as often as they would. Returns self."""
        self.engine.advance(seconds)
        self._collect()
        return self

    def send_event(self, name: str, payload: Any = None) -> ScriptTester:
        """What ``scriptapps.send_event`` does to this page: what listens with ``st.on_event`` runs. Returns self.

        As on a site, the payload arrives as a copy, and nothing runs if nothing listens. Raises NotDurableError for a
        payload that cannot travel.
        """
        listeners = self.session.outside.events.listeners(name)
        if listeners:
            event = (name, Stored(encode_value(payload)))
            fragments = None if "" in listeners else tuple(sorted(listeners))
            outside = (OutsideRequest(events=(event,)),)
            self.session.request_rerun(RerunRequest("event", fragments=fragments, detail=name, outside=outside))
            self.engine.run_waiting()
            self._collect()
        return self

    def _collect(self) -> None:
        data = self.viewer.outbox.drain(lambda: (0, 0))
        if data is not None:
            message = schema.ServerMessage.FromString(data)
            self.toasts.extend(message.toasts)
            self.viewer.outbox.acknowledge(message.batch)

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def elements(self) -> list[ElementView]:
        """Everything on the page, in reading order, main part first."""
        return [view for root in (self.main, self.sidebar) for view in _walk(root)]

    @property
    def main(self) -> ElementView:
        """The main part of the page."""
        return ElementView(self, self.session.tree.main)

    @property
    def sidebar(self) -> ElementView:
        """The sidebar."""
        return ElementView(self, self.session.tree.sidebar)

    def find(self, kind: str) -> list[ElementView]:
        """All elements of a kind, e.g. ``find("metric")``."""
        return [element for element in self.elements if element.kind == kind]

    def get(self, *, key: str | None = None, label: str | None = None, kind: str | None = None) -> ElementView:
        """The one element with this key and/or label. Raises LookupError if there is none or more than one."""
        found = [
            element
            for element in self.elements
            if (key is None or element.key == key)
            and (label is None or element.label == label)
            and (kind is None or element.kind == kind)
        ]
        if len(found) != 1:
            known = ", ".join(sorted({f"{e.kind} {e.label!r}" for e in self.elements if e.label})) or "none"
            raise LookupError(
                f"{len(found)} elements match key={key!r}, label={label!r}, kind={kind!r}. There are: {known}"
            )
        return found[0]

    @property
    def exceptions(self) -> list[Any]:
        """The exceptions on the page: messages with ``type``, ``message`` and ``frames``."""
        return [element.props for element in self.find("exception")]

    @property
    def session_state(self) -> SessionState:
        """The script's session state; may be filled before the first run."""
        return self.session.state

    @property
    def outcome(self) -> str:
        """How the last run ended: "COMPLETED", "FAILED", "STOPPED", "NOT_COMPILED" ..."""
        return self.session.last_outcome


def _walk(view: ElementView) -> Iterator[ElementView]:
    for child in view.children:
        yield child
        yield from _walk(child)
