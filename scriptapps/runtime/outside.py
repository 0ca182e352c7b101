"""What somebody outside the page asks of it: taken once, applied at the beginning of a run, answered with its commit.

Runs on: the script thread; ``take``, ``keep``, ``give_back``, ``begin_look`` and ``take_unsaved`` on any
thread. Invariant: a request is applied once in the life of a live session, and forgotten only when a store holds its
answer; a value that does not fit is told to who asked, never to the script.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scriptapps.errors import NotDurableError
from scriptapps.runtime.event_inbox import EventInbox
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_queue import OutsideRequest, RerunRequest
from scriptapps.runtime.state_codec import decode_value
from scriptapps.runtime.state_journal import Stored
from scriptapps.runtime.widgets import MISSING, WidgetSpec

if TYPE_CHECKING:
    from scriptapps.runtime.session_state import SessionState
    from scriptapps.runtime.widgets import WidgetStore

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What is to be stored of a recorded request. ``outcome`` "running": applied, and its run has not ended yet."""

    number: int
    outcome: str
    error: str = ""
    run_id: str = ""


@dataclass(eq=False, slots=True)
class _Open:
    """A request that was applied and whose end is not stored yet."""

    number: int | None
    problems: list[str] = field(default_factory=list)
    is_stored_as_running: bool = False


@dataclass(frozen=True, slots=True)
class _Offer:
    """A value for a key. ``is_for_widget``: the page must have a widget with this key."""

    request: _Open
    value: Any
    is_for_widget: bool


class Outside:
    """The requests of one live session, from their taking to their answer."""

    def __init__(self, widgets: WidgetStore, state: SessionState) -> None:
        self._widgets, self._state = widgets, state
        # Guards what follows up to the blank line; nothing else is locked or called under it.
        self._lock = threading.Lock()
        self._taken: set[int] = set()
        self._answered: list[int] = []
        self._kept: list[OutsideRequest] = []
        self._unsaved: list[RequestAnswer] = []

        self.events = EventInbox()
        self._begun_in = 0
        self._open: list[_Open] = []
        # Values that no widget has taken over yet, by key, and which of them the state holds.
        self._offers: dict[str, list[_Offer]] = {}
        self._put: dict[str, Any] = {}

    # -- any thread ------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a run with requests is going on, or has ended and is not saved."""
        return bool(self._open)

    def begin_look(self) -> None:
        """Somebody is about to read which requests wait; those answered up to now will not be among them."""
        with self._lock:
            self._taken.difference_update(self._answered)
            self._answered.clear()

    def take(self, number: int) -> bool:
        """Note that this request will be carried out here. False: it was taken before."""
        with self._lock:
            if number in self._taken:
                return False
            self._taken.add(number)
            return True

    def give_back(self, numbers: Iterable[int | None]) -> None:
        """These were taken and cannot be carried out now: they wait again."""
        with self._lock:
            self._taken.difference_update(number for number in numbers if number is not None)

    def keep(self, request: OutsideRequest) -> None:
        """For the next run, whatever causes it."""
        with self._lock:
            self._kept.append(request)

    def take_unsaved(self) -> list[RequestAnswer]:
        """Answers that no run's commit has carried: they have to be stored by themselves."""
        with self._lock:
            unsaved, self._unsaved = self._unsaved, []
            return unsaved

    def put_back(self, answers: Iterable[RequestAnswer]) -> None:
        """They could not be stored."""
        with self._lock:
            self._unsaved.extend(answers)

    def answered(self, numbers: Iterable[int]) -> None:
        """A store holds the answers."""
        with self._lock:
            self._answered.extend(numbers)

    # -- the script thread -----------------------------------------------------------------------------------------

    def begin_run(self, run: RunContext, request: RerunRequest, changed: Iterable[str]) -> None:
        """Apply what was asked for, before anything of the script runs. ``changed`` are widgets that people changed."""
        self._begun_in = run.number
        if self._offers:
            self._give_way(changed)
        if not request.outside and not self._kept:
            return
        with self._lock:
            kept, self._kept = self._kept, []
        offered: dict[str, None] = {}
        for asked in (*kept, *request.outside):
            opened = _Open(asked.number)
            self._open.append(opened)
            for name, payload in asked.events:
                self._hand_over(opened, name, payload)
            for given, is_for_widget in ((asked.values, True), (asked.state, False)):
                for key, value in given.items():
                    if self._offer(opened, key, value, is_for_widget):
                        offered[key] = None
        for key in offered:
            self._assign(key)

    def _give_way(self, changed: Iterable[str]) -> None:
        """A run was given up for what somebody did at the page: that is newer than what the run had not come to."""
        for widget_id in changed:
            spec = self._widgets.specs.get(widget_id)
            if spec is not None and spec.key in self._offers:
                del self._offers[spec.key]
                self._put.pop(spec.key, None)
                self._state.take_back(spec.key)

    def _hand_over(self, request: _Open, name: str, payload: Any) -> None:
        try:
            self.events.put(name, decode_value(payload.data) if isinstance(payload, Stored) else payload)
        except NotDurableError as reason:
            request.problems.append(f"event {name}: {reason}")

    def _offer(self, request: _Open, key: str, value: Any, is_for_widget: bool) -> bool:
        if isinstance(value, Stored):
            try:
                value = decode_value(value.data)
            except NotDurableError as reason:
                request.problems.append(f"{key}: {reason}")
                return False
        self._offers.setdefault(key, []).append(_Offer(request, value, is_for_widget))
        return True

    def _assign(self, key: str) -> None:
        """Make the newest value that can be believed what ``st.session_state[key]`` says from the first line on."""
        spec = self._widgets.specs.get(self._widgets.keys.get(key, ""))
        for offer in reversed(self._offers[key]):
            if spec is None:
                # A widget that is only about to come takes the value when it is placed.
                fits = not offer.is_for_widget or self._state.is_unplaced(key)
            else:
                fits = _problem(spec, offer.value) == ""
            if fits:
                self._state.put(key, offer.value)
                self._put[key] = offer.value
                return

    def fitting(self, spec: WidgetSpec, assigned: Any) -> Any:
        """The value for a widget that is being placed: what the script assigned, else the newest one that fits."""
        offers = self._offers.pop(spec.key or "", None)
        if offers is None:
            return assigned
        put = self._put.pop(spec.key or "", MISSING)
        if assigned is not MISSING and assigned is not put:
            # The script has assigned something else since.
            return assigned
        for offer in reversed(offers):
            problem = _problem(spec, offer.value)
            if not problem:
                return offer.value
            offer.request.problems.append(f"{spec.key}: {problem}")
        return MISSING

    def settle(self, run: RunContext, request: RerunRequest, outcome: str, error: str) -> None:
        """A run is over and will be saved. Without ``outcome`` another one goes on in its place; else what it did not
        come to is decided now.
        """
        run.outcome, run.error = outcome, run.error or ("" if outcome == "COMPLETED" else error)
        if not outcome:
            return
        if request.outside and self._begun_in != run.number:
            if run.outcome == "REFUSED":
                self._open.extend(_Open(asked.number) for asked in request.outside)
            else:
                self.give_back(asked.number for asked in request.outside)
        for key, offers in self._offers.items():
            self._decide(key, offers)
        self._offers.clear()
        self._put.clear()

    def _decide(self, key: str, offers: list[_Offer]) -> None:
        widget_id = self._widgets.keys.get(key)
        if widget_id is None:
            for offer in offers:
                if offer.is_for_widget:
                    offer.request.problems.append(self._no_widget(key))
            if key in self._put and all(offer.is_for_widget for offer in offers):
                self._state.take_back(key)
        elif key not in self._put:
            # On the page, and not placed by this run.
            spec = self._widgets.specs[widget_id]
            for offer in offers:
                offer.request.problems.append(f"{key}: {_problem(spec, offer.value)}")

    def _no_widget(self, key: str) -> str:
        specs = self._widgets.specs
        keys = sorted(name for name, found in self._widgets.keys.items() if found in specs and not specs[found].trigger)
        return f"no widget with the key {key!r}; the page has: {', '.join(keys) or 'none with a key'}"

    def answers(self, run: RunContext) -> list[RequestAnswer]:
        """What has to be stored with this run's changes. While its outcome is not known, that they are applied."""
        if not self._open:
            return []
        if run.outcome:
            return [_answer(opened, run) for opened in self._open if opened.number is not None]
        return [
            RequestAnswer(opened.number, RUNNING, run_id=run.run_id)
            for opened in self._open
            if opened.number is not None and not opened.is_stored_as_running
        ]

    def stored(self, answers: Iterable[RequestAnswer]) -> None:
        """A store holds these answers, and the state that belongs to them."""
        numbers = {answer.number for answer in answers if answer.outcome != RUNNING}
        running = {answer.number for answer in answers if answer.outcome == RUNNING}
        for opened in self._open:
            opened.is_stored_as_running |= opened.number in running
        self._open = [opened for opened in self._open if opened.number not in numbers]
        self.answered(numbers)

    def run_over(self, run: RunContext, outcome: str) -> None:
        """Nothing of this run will be saved any more: what it has not answered is answered without it."""
        if self._open:
            run.outcome = outcome
            opened, self._open = self._open, []
            self.put_back([_answer(one, run) for one in opened if one.number is not None])


def _answer(opened: _Open, run: RunContext) -> RequestAnswer:
    assert opened.number is not None
    outcome = run.outcome.lower()
    if outcome == "completed" and opened.problems:
        outcome = "refused"
    error = "; ".join(dict.fromkeys([*opened.problems, *([run.error] if run.error else [])]))
    return RequestAnswer(opened.number, outcome, error, run.run_id)


def _problem(spec: WidgetSpec, value: Any) -> str:
    """Why a widget does not take this value, "" if it does."""
    if spec.trigger:
        return "it belongs to a button, whose value cannot be assigned"
    try:
        spec.deserialize(spec.serialize(value))
    except Exception as error:  # a widget of the site may raise anything, and who asked is to know why
        return str(error) or type(error).__name__
    return ""
