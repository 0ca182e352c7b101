"""Points at which a server can be made to die: armed by a test through a file, reached by the code under test.

Runs on: servers of the fault tests. Invariant: without an armed file nothing happens; an armed point is reached once.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE, GO_ON, RUN_LOG = "SCRIPTAPPS_FAULT_FILE", "SCRIPTAPPS_GO_ON_FILE", "SCRIPTAPPS_RUN_LOG"
POINTS = (
    "before the run",
    "in the run",
    "before the commit",
    "in the commit",
    "after the commit",
    "before finished is sent",
    "after finished was sent",
)


def arm(file: Path, point: str) -> None:
    """The next server that reaches the point is killed there."""
    fresh = file.with_suffix(".new")
    fresh.write_text(point)
    fresh.replace(file)


def reach(point: str) -> None:
    """Die here, without a word, if this point is armed."""
    file = Path(os.environ.get(VARIABLE, os.devnull))
    try:
        armed = file.read_text() == point
    except OSError:
        return
    if armed:
        file.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGKILL)


def waits() -> bool:
    """Whether the file that lets work go on is still missing."""
    return not Path(os.environ[GO_ON]).exists()
