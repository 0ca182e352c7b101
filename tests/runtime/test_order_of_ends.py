"""What viewers hear of runs that follow each other on different threads. Runs on: pytest."""

from __future__ import annotations

import threading
from typing import Any

from scriptapps.runtime.run_queue import RerunRequest

PAUSE = 0.3
"""How long the next run may try to overtake; it must not be able to."""


def test_a_run_that_ends_at_once_does_not_overtake_the_end_of_the_one_before(stage) -> None:
    played = stage("st.write('page')", workers=2)
    session = played.session
    finish_run, broadcast = session.finish_run, session.broadcast
    overtaken = threading.Event()
    told: list[str] = []

    def slow(run: Any, *args: Any, **kwargs: Any) -> bool:
        more: bool = finish_run(run, *args, **kwargs)
        if run.number == 1:
            # From here on the session may run again, and this thread has not yet said that it has ended.
            session.request_rerun(RerunRequest("meanwhile"))
            overtaken.wait(PAUSE)
        return more

    def noting(**fields: Any) -> None:
        broadcast(**fields)
        if finished := fields.get("run_finished"):
            told.append(finished.run_id.rpartition("-")[2])
            if told[-1] == "2":
                overtaken.set()
            played.notify()

    session.finish_run, session.broadcast = slow, noting
    played.ask()
    played.until(lambda: len(told) == 2)
    assert told == ["1", "2"]
