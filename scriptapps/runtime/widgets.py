"""Widget identity, values, triggers and callbacks.

Runs on: ``current`` and ``specs`` change on the script thread only; ``incoming`` and ``triggers`` on any thread, under
the live session's lock. Invariant: values are constant within a run; a click is seen by exactly one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from scriptapps.deltas.container import Container
from scriptapps.errors import DuplicateWidgetError, InvalidWidgetValueError, ScriptApiError, StateAssignmentError
from scriptapps.protocol.values import Wire
from scriptapps.runtime.fragments import current_fragment_id
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.widget_identity import make_widget_id

MISSING: Any = object()
MAX_CLICKS = 64
"""Clicks of one button that may wait at the same time; one more is refused and the person is told."""


@dataclass(slots=True)
class WidgetSpec:
    """What the server knows of a widget that a script placed.

    ``deserialize`` turns a wire value into what the script gets, ``serialize`` the other way; both raise
    InvalidWidgetValueError for what does not fit. ``settle`` asks the host what is true of a value and returns it as it
    is then; it alone may query, and is called on the script thread only. ``secret``: its value is for nobody else.
    """

    kind: str
    widget_id: str
    label: str
    default: Wire
    deserialize: Callable[[Wire], Any]
    serialize: Callable[[Any], Wire]
    settle: Callable[[Wire], Wire] = lambda wire: wire
    key: str | None = None
    trigger: bool = False
    atomic: bool = False
    disabled: bool = False
    secret: bool = False
    form_id: str = ""
    fragment_id: str = ""
    on_change: Callable[..., Any] | None = None
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Click:
    """One press of a button: event ``seq`` of the page load ``client_id``."""

    widget_id: str
    client_id: str = ""
    seq: int = 0


class WidgetStore:
    """Values of the widgets of one live session, by widget id.

    ``current`` is what the run sees, ``incoming`` what the browser sent since it began, ``clicks`` the presses that no
    run has handled yet, in the order in which they came.
    """

    def __init__(self) -> None:
        self.specs: dict[str, WidgetSpec] = {}
        self.current: dict[str, Wire] = {}
        self.keys: dict[str, str] = {}
        self.incoming: dict[str, Wire] = {}
        self.clicks: list[Click] = []
        # Which event (page load, number) brought the value of ``current`` and of ``incoming``.
        self.current_events: dict[str, tuple[str, int]] = {}
        self.incoming_events: dict[str, tuple[str, int]] = {}

    def check(self, widget_id: str, wire: Wire) -> None:
        """Raises InvalidWidgetValueError for a value of the browser that the widget, as last placed, does not take."""
        spec = self.specs.get(widget_id)
        if spec is None:
            raise InvalidWidgetValueError("This part of the page has changed meanwhile.")
        if spec.disabled:
            raise InvalidWidgetValueError(f"{spec.label!r} is disabled.")
        if spec.trigger:
            if wire is not True:
                raise InvalidWidgetValueError(f"{spec.label!r} takes clicks only.")
            if sum(click.widget_id == widget_id for click in list(self.clicks)) >= MAX_CLICKS:
                raise InvalidWidgetValueError(
                    f"{MAX_CLICKS} clicks of {spec.label!r} wait already; this one is not counted."
                )
        else:
            spec.deserialize(wire)

    def label(self, widget_id: str) -> str:
        """What a person calls the widget."""
        spec = self.specs.get(widget_id)
        return (spec.label or spec.key or spec.kind) if spec is not None else ""

    @property
    def clicked_label(self) -> str:
        """What a person calls the button whose press is next."""
        return self.label(self.clicks[0].widget_id) if self.clicks else ""

    # -- under the session's lock ----------------------------------------------------------------------------------

    def receive(self, widget_id: str, wire: Wire, client_id: str = "", seq: int = 0) -> bool:
        """Take over a value that was checked. Returns whether the widget still exists and keeps a value."""
        spec = self.specs.get(widget_id)
        if spec is None:
            return False
        if spec.trigger:
            self.clicks.append(Click(widget_id, client_id, seq))
            return False
        last_client, last_seq = self.current_events.get(widget_id, ("", 0))
        if client_id == last_client and 0 < seq <= last_seq:
            # Sent again after a restart: what was restored has this value, or a later one, already.
            return False
        self.incoming[widget_id] = wire
        self.incoming_events[widget_id] = (client_id, seq)
        return True

    def begin_run(self) -> tuple[list[str], set[str]]:
        """Take over what came in. Returns the ids of changed widgets and of buttons with a click for this run."""
        changed = []
        for widget_id, wire in self.incoming.items():
            spec = self.specs.get(widget_id)
            before = self.current.get(widget_id, spec.default if spec else None)
            self.current[widget_id] = wire
            if wire != before:
                changed.append(widget_id)
        self.incoming.clear()
        self.current_events.update(self.incoming_events)
        self.incoming_events.clear()
        return changed, self._clicks_of_next_run()

    def _clicks_of_next_run(self) -> set[str]:
        # A click whose callback is atomic has a run of its own: what is committed with it is all that came before it.
        # The second click of a button waits, and what came after it too: a run handles all events up to one number.
        taken: set[str] = set()
        for click in self.clicks:
            if click.widget_id in taken:
                return taken
            spec = self.specs.get(click.widget_id)
            if spec is not None and spec.atomic:
                return taken or {click.widget_id}
            taken.add(click.widget_id)
        return taken

    def consume(self, widget_id: str) -> None:
        """The oldest click of this button is being handled."""
        self.clicks.remove(next(click for click in self.clicks if click.widget_id == widget_id))

    def drop_clicks(self, widget_ids: set[str]) -> None:
        """Forget all clicks of these buttons."""
        self.clicks = [click for click in self.clicks if click.widget_id not in widget_ids]

    def handled_seqs(self, seqs: Mapping[str, int]) -> dict[str, int]:
        """The event numbers up to which everything is handled, given that no event above ``seqs`` is."""
        handled = dict(seqs)
        for click in self.clicks:
            if click.seq and click.client_id in handled:
                handled[click.client_id] = min(handled[click.client_id], click.seq - 1)
        return handled

    def restore_events(self, seqs: Mapping[str, int]) -> dict[str, int]:
        """Take over what ``value_events`` gave; returns the other numbers, which are those of page loads."""
        for name, seq in seqs.items():
            widget_id, is_value, client_id = name.partition("#")
            if is_value:
                self.current_events[widget_id] = (client_id, seq)
        return {name: seq for name, seq in seqs.items() if "#" not in name}

    def value_events(self, handled: Mapping[str, int]) -> dict[str, int]:
        """Numbers of events above ``handled`` whose values are in ``current``, by ``widget#page load``.

        A click that waits keeps the numbers of all later events open; their values must not be taken over twice.
        """
        return {
            f"{widget_id}#{client_id}": seq
            for widget_id, (client_id, seq) in self.current_events.items()
            if seq > handled.get(client_id, 0)
        }

    def end_run(self, registered: dict[str, WidgetSpec], keys: dict[str, str]) -> None:
        """A run reached its end: forget the widgets that it did not place."""
        self.specs = dict(registered)
        self.keys = dict(keys)
        for widget_id in [w for w in self.current if w not in registered]:
            del self.current[widget_id]
        self.clicks = [click for click in self.clicks if click.widget_id in registered]
        for table in (self.incoming, self.incoming_events, self.current_events):
            for widget_id in [w for w in table if w not in registered]:
                del table[widget_id]

    def forget_values(self) -> None:
        """Every widget starts again from its default."""
        self.current.clear()
        self.incoming.clear()
        self.current_events.clear()
        self.incoming_events.clear()
        self.clicks.clear()
        self.keys.clear()

    # -- on the script thread --------------------------------------------------------------------------------------

    def value(self, widget_id: str) -> Any:
        """The widget's value as the script sees it in this run."""
        spec = self.specs[widget_id]
        return spec.deserialize(spec.settle(self.current.get(widget_id, spec.default)))

    def register(self, spec: WidgetSpec, assigned: Any) -> tuple[Any, Wire, bool]:
        """Note that the run places this widget. ``assigned`` is what ``session_state`` holds for its key, or MISSING.

        Returns the value for the script, the wire value, and whether the server changed the browser's value.
        """
        before = self.current.get(spec.widget_id, MISSING)
        if assigned is not MISSING:
            wire = spec.settle(spec.serialize(assigned))
            value = spec.deserialize(wire)
            forced = wire != before
        elif before is MISSING:
            wire, forced = spec.default, True
            value = spec.deserialize(wire)
        else:
            try:
                wire = spec.settle(before)
                value = spec.deserialize(wire)
                forced = wire is not before and wire != before
            except InvalidWidgetValueError:
                wire, forced = spec.default, True
                value = spec.deserialize(wire)
        self.current[spec.widget_id] = wire
        self.note(spec)
        return value, wire, forced

    def note(self, spec: WidgetSpec) -> None:
        """The widget is on the page from now on, whether or not the run reaches its end."""
        self.specs[spec.widget_id] = spec
        if spec.key is not None:
            self.keys[spec.key] = spec.widget_id


def add_widget(
    container: Container,
    kind: str,
    message: Any,
    *,
    identity: Sequence[object],
    default: Wire,
    deserialize: Callable[[Wire], Any],
    serialize: Callable[[Any], Wire],
    settle: Callable[[Wire], Wire] = lambda wire: wire,
    key: str | int | None = None,
    keyed_identity: Sequence[object] = (),
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    width: str | int = "",
) -> Any:
    """Place a widget and return its value.

    ``message`` is its properties with ``message.field`` filled in. Without a key the widget is the same one in the
    next run if ``identity`` (every parameter that matters for its value) is equal; with a key if the key and
    ``keyed_identity`` are. Raises DuplicateWidgetError, ScriptApiError, InvalidWidgetValueError.
    """
    run = cast(RunContext, container.run.acting())
    run.check()
    name = None if key is None else str(key)
    fragment_id = current_fragment_id()
    scope: tuple[object, ...] = (
        (*identity, container.form_id, _root_number(container), fragment_id) if name is None else tuple(keyed_identity)
    )
    spec = WidgetSpec(
        kind=kind,
        widget_id=make_widget_id(kind, name, scope),
        label=message.field.label,
        default=default,
        deserialize=deserialize,
        serialize=serialize,
        settle=settle,
        key=name,
        disabled=message.field.disabled,
        secret=getattr(message, "password", False),
        form_id=container.form_id,
        fragment_id=fragment_id,
        on_change=on_change,
        args=args or (),
        kwargs=kwargs or {},
    )
    if spec.form_id:
        _join_form(run, spec)
    _claim(run, spec)
    assigned = _assigned(run, spec)
    value, wire, forced = run.session.widgets.register(spec, assigned)
    # The page shows what the script sees, unless the browser has sent something newer: the next run tells.
    shown = forced or spec.widget_id not in run.session.widgets.incoming
    container.add_value_element(kind, message.SerializeToString(), spec.widget_id, wire, shown, str(width))
    return value


def add_trigger(
    container: Container,
    kind: str,
    message: Any,
    *,
    identity: Sequence[object],
    key: str | int | None = None,
    on_click: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    atomic: bool = False,
    width: str | int = "",
) -> bool:
    """Place a button and return whether it was clicked: True in exactly one run per click.

    ``atomic``: what ``on_click`` writes to the host's database, the session's state and the click are committed
    together or not at all. Parameters and errors as for ``add_widget``; additionally StateAssignmentError when the
    script assigned to its key.
    """
    run = cast(RunContext, container.run.acting())
    run.check()
    name = None if key is None else str(key)
    fragment_id = current_fragment_id()
    scope: tuple[object, ...] = (
        (*identity, container.form_id, _root_number(container), fragment_id) if name is None else ()
    )
    spec = WidgetSpec(
        kind=kind,
        widget_id=make_widget_id(kind, name, scope),
        label=message.field.label,
        default=None,
        deserialize=bool,
        serialize=_no_assignment,
        key=name,
        trigger=True,
        disabled=message.field.disabled,
        form_id=container.form_id,
        fragment_id=fragment_id,
        on_change=on_click,
        atomic=atomic and on_click is not None,
        args=args or (),
        kwargs=kwargs or {},
    )
    _claim(run, spec)
    if _assigned(run, spec) is not MISSING:
        raise StateAssignmentError(
            f"st.session_state[{name!r}] belongs to a button; a button's value cannot be assigned."
        )
    run.session.widgets.note(spec)
    clicked = run.session.take_click(run, spec)
    container.add_value_element(kind, message.SerializeToString(), spec.widget_id, None, False, str(width))
    if clicked and container.form_id:
        run.forms[container.form_id].submitted = True
    return clicked


def _assigned(run: RunContext, spec: WidgetSpec) -> Any:
    """What the script, or somebody outside, gave the widget since it was last placed, or MISSING."""
    if spec.key is None:
        return MISSING
    return run.session.outside.fitting(spec, run.state.take_assignment(spec.key))


def _no_assignment(value: Any) -> Wire:
    raise StateAssignmentError("A button's value cannot be assigned.")


def _root_number(container: Container) -> int:
    node = container.node.resolve()
    while node.parent is not None:
        node = node.parent
    return node.number


def _join_form(run: RunContext, spec: WidgetSpec) -> None:
    if spec.on_change is not None:
        raise ScriptApiError(
            f"{spec.label!r} stands in a form and has on_change: fields of a form are sent together, so only "
            "its st.form_submit_button can have a callback (on_click)."
        )
    run.forms[spec.form_id].widget_ids.append(spec.widget_id)


def _claim(run: RunContext, spec: WidgetSpec) -> None:
    if run.is_bound:
        raise ScriptApiError(
            f"{spec.label!r} is a {spec.kind}: widgets are placed by runs, not by what st.bind or st.background call."
        )
    if spec.key is not None and (spec.key in run.keys or spec.key in run.kept_keys):
        raise DuplicateWidgetError(f"Two widgets have the key {spec.key!r}. A key may be used once per run.")
    if spec.widget_id in run.registered or spec.widget_id in run.kept:
        raise DuplicateWidgetError(
            f"There are two {spec.kind} widgets with the same parameters (label {spec.label!r}), so they cannot be "
            'told apart. Give each of them a key: key="...".'
        )
    run.registered[spec.widget_id] = spec
    if spec.key is not None:
        run.keys[spec.key] = spec.widget_id
