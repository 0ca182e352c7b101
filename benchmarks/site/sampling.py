"""Where the server's time goes: stacks of all threads, looked at every few milliseconds.

Runs on: a thread of the measured server, only with `--profile`. Invariant: it shows proportions, not times: a thread
is seen where it gives the interpreter up more often than where it holds it.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections import Counter
from pathlib import Path

from django.http import HttpRequest, HttpResponse

EVERY_SECONDS = 0.002
MOST_LINES = 45
IDLE = {"wait", "_wait", "select", "poll", "_worker", "doPoll", "_take"}


class Sampler(threading.Thread):
    """Counts, for each kind of thread, the functions on its stack ("total") and the one on top ("own")."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.over = threading.Event()
        self.total: Counter[tuple[str, str]] = Counter()
        self.own: Counter[tuple[str, str]] = Counter()
        self.samples: Counter[str] = Counter()

    def run(self) -> None:
        while not self.over.wait(EVERY_SECONDS):
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            for ident, frame in sys._current_frames().items():
                if ident != self.ident:
                    self._count(names.get(ident, "?").rstrip("0123456789-_"), traceback.walk_stack(frame))

    def _count(self, thread: str, stack: object) -> None:
        places = [_place(frame.f_code) for frame, _line in stack]  # type: ignore[attr-defined]
        if places[0].rpartition(":")[2] in IDLE:
            return
        self.samples[thread] += 1
        self.own[thread, places[0]] += 1
        self.total.update({(thread, place) for place in places})

    def report(self) -> str:
        """A table for each kind of thread that was seen busy."""
        lines = []
        for thread, count in self.samples.most_common(3):
            lines.append(f"\n{thread}: {count} samples        total   own")
            ranked = [(seen, place) for (name, place), seen in self.total.items() if name == thread]
            for seen, place in sorted(ranked, reverse=True)[:MOST_LINES]:
                own = self.own[thread, place]
                lines.append(f"  {place:<70} {100 * seen / count:5.1f} {100 * own / count:5.1f}")
        return "\n".join(lines)


def _place(code: object) -> str:
    path = Path(code.co_filename)  # type: ignore[attr-defined]
    return f"{path.parent.name}/{path.name}:{code.co_name}"  # type: ignore[attr-defined]


_sampler: Sampler | None = None


def samples(request: HttpRequest, command: str) -> HttpResponse:
    """`begin` starts to count, `end` answers with the report."""
    global _sampler
    if command == "begin":
        _sampler = Sampler()
        _sampler.start()
        return HttpResponse(status=204)
    if _sampler is None:
        return HttpResponse("nothing was sampled\n", status=404, content_type="text/plain")
    sampler, _sampler = _sampler, None
    sampler.over.set()
    sampler.join()
    return HttpResponse(sampler.report(), content_type="text/plain")
