"""What the last runs of a live session were: why they ran, how they ended, what they cost.

Runs on: measures are taken on the script thread and on threads that the script started, entries are read on any
thread. Invariant: bounded, whatever a script does; nothing in here outlives its process.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scriptapps.runtime.run_context import RunContext

RUNS_KEPT = 50
OUTPUT_CHARS = 10_000
"""So much of what a run printed is kept, the end of it."""
OUTPUT_CHARS_OF_ALL = 50_000
TEXTS_COMPARED = 10_000
"""So many statements of one run are looked at for duplicates; more are counted only."""
DUPLICATE_FROM = 3
"""A statement that a run makes this often is shown as a duplicate."""
DUPLICATES_SHOWN = 20
ELEMENTS_KEPT = 10
SECRETS_KEPT = 200
INSPECTED_SECONDS = 60.0
"""For so long after somebody asked, elements are timed."""


@dataclass(frozen=True, slots=True)
class ElementTime:
    """How long it took from the element before to this one, with what the script computed for it."""

    kind: str
    line: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run. ``started`` is wall-clock time, ``fragments`` names the only ones that ran, () for the whole script.

    ``duplicates`` are statements with how often they were made. ``deltas`` and ``bytes`` were sent to all viewers from
    its beginning to that of the next run. ``elements`` are the slowest, () when nobody had asked.
    """

    run_id: str
    number: int
    trigger: str
    detail: str
    fragments: tuple[str, ...]
    started: float
    duration_ms: float
    outcome: str
    error: str
    reference: str
    queries: int
    query_ms: float
    duplicates: tuple[tuple[str, int], ...]
    elements: tuple[ElementTime, ...]
    deltas: int
    bytes: int
    output: str


class RunMeasures:
    """What is counted while the script of one run executes. Closed before and after: then nothing counts."""

    __slots__ = ("_elements", "_last", "_output", "_output_size", "_texts", "is_open", "queries", "seconds", "timing")

    def __init__(self) -> None:
        self.is_open = self.timing = False
        self.queries = 0
        self.seconds = 0.0
        self._texts: list[Any] = []
        self._output: list[str] = []
        self._output_size = 0
        self._elements: list[ElementTime] = []
        self._last = 0.0

    def open(self, *, timing: bool) -> None:
        """The script begins. ``timing``: note how long each element takes."""
        self.timing, self._last, self.is_open = timing, time.perf_counter(), True

    def close(self) -> None:
        """The script is over."""
        self.is_open = self.timing = False

    def query(self, text: Any, seconds: float) -> None:
        """A statement was executed."""
        self.queries += 1
        self.seconds += seconds
        if self.queries <= TEXTS_COMPARED:
            self._texts.append(text)

    def printed(self, text: str) -> None:
        """The script wrote to the standard output."""
        self._output.append(text[-OUTPUT_CHARS:])
        self._output_size += min(len(text), OUTPUT_CHARS)
        if self._output_size > 2 * OUTPUT_CHARS or len(self._output) > OUTPUT_CHARS:
            self._output = [self.output]
            self._output_size = len(self._output[0])

    @property
    def output(self) -> str:
        """The end of what was printed."""
        return "".join(self._output)[-OUTPUT_CHARS:]

    def placed(self, kind: str, script: str) -> None:
        """An element was placed by the file ``script``."""
        now = time.perf_counter()
        self._elements.append(ElementTime(kind, _line_of(script), (now - self._last) * 1_000))
        if len(self._elements) > 20 * ELEMENTS_KEPT:
            self._elements = list(self.elements)
        self._last = time.perf_counter()

    @property
    def elements(self) -> tuple[ElementTime, ...]:
        """The slowest."""
        return tuple(sorted(self._elements, key=lambda element: -element.milliseconds)[:ELEMENTS_KEPT])

    @property
    def duplicates(self) -> tuple[tuple[str, int], ...]:
        """Statements that were made again and again."""
        if len(self._texts) < DUPLICATE_FROM:
            return ()
        # A statement may also be bytes, or a composition of the driver's.
        most = Counter(text for text in self._texts if isinstance(text, str)).most_common(DUPLICATES_SHOWN)
        return tuple((text, count) for text, count in most if count >= DUPLICATE_FROM)


@dataclass(slots=True)
class _Kept:
    """A run with what viewers had been sent when it began."""

    fields: dict[str, Any]
    sent: tuple[int, int]
    output: str = field(repr=False)


class RunHistory:
    """The last runs of one live session."""

    def __init__(self) -> None:
        # Guards the runs.
        self._lock = threading.Lock()
        self._runs: deque[_Kept] = deque(maxlen=RUNS_KEPT)
        self._inspected_until = 0.0
        # Texts that scripts marked as secret, latest last.
        self._secrets: dict[str, None] = {}

    @property
    def secrets(self) -> list[str]:
        """What is masked in everything that is told of the runs."""
        with self._lock:
            return list(self._secrets)

    def note_secret(self, text: str) -> None:
        """A script marked this."""
        with self._lock:
            self._secrets.pop(text, None)
            self._secrets[text] = None
            if len(self._secrets) > SECRETS_KEPT:
                del self._secrets[next(iter(self._secrets))]

    @property
    def last_trigger(self) -> str:
        """Why the last run happened, "" before the first has ended."""
        with self._lock:
            return self._runs[-1].fields["trigger"] if self._runs else ""

    @property
    def is_inspected(self) -> bool:
        """Whether somebody has asked for it lately."""
        return self._inspected_until > time.monotonic()

    def inspect(self) -> None:
        """Somebody looks: time elements for a while."""
        self._inspected_until = time.monotonic() + INSPECTED_SECONDS

    def add(self, run: RunContext, milliseconds: float) -> None:
        """A run has ended."""
        measures = run.measures
        kept = _Kept(
            {
                "run_id": run.run_id,
                "number": run.number,
                "trigger": run.trigger,
                "detail": run.detail,
                "fragments": run.fragment_names,
                "started": run.started,
                "duration_ms": milliseconds,
                "outcome": run.outcome,
                "error": run.error,
                "reference": run.reference,
                "queries": measures.queries,
                "query_ms": measures.seconds * 1_000,
                "duplicates": measures.duplicates,
                "elements": measures.elements,
            },
            run.sent_before,
            measures.output,
        )
        with self._lock:
            self._runs.append(kept)
            if kept.output:
                self._limit_output_locked()

    def _limit_output_locked(self) -> None:
        left = OUTPUT_CHARS_OF_ALL
        for kept in reversed(self._runs):
            left -= len(kept.output)
            if left < 0:
                kept.output = ""

    def entries(self, sent: tuple[int, int]) -> list[RunEntry]:
        """The runs, latest first. ``sent``: deltas and bytes that viewers have been sent up to now."""
        with self._lock:
            runs = list(self._runs)
        found = []
        for kept in reversed(runs):
            deltas, size = sent[0] - kept.sent[0], sent[1] - kept.sent[1]
            found.append(RunEntry(**kept.fields, deltas=deltas, bytes=size, output=kept.output))
            sent = kept.sent
        return found


def _line_of(script: str) -> int:
    """The line of this file that is being executed, 0 if none is."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == script:
            return frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return 0
