"""``sys.stdout`` as a script sees it: what it prints is kept for its run, and printed.

Runs on: any thread. Invariant: everything reaches the stream that was there before; outside runs that is all that
happens.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

from scriptapps.runtime.run_context import current_run


class ScriptOutput:
    """Stands before a stream; in all but ``write`` it is that stream."""

    def __init__(self, real: TextIO) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __iter__(self) -> Any:
        return iter(self._real)

    def write(self, text: str) -> int:
        """Print; note it for the run that prints."""
        run = current_run.get(None)
        if run is not None and run.measures.is_open and isinstance(text, str):
            run.measures.printed(text)
        return self._real.write(text)

    def writelines(self, lines: Any) -> None:
        """``write`` for each."""
        for line in lines:
            self.write(line)


def install_script_output() -> None:
    """Stand before the standard output as it is now. Calling it twice does nothing."""
    if sys.stdout is not None and type(sys.stdout) is not ScriptOutput:
        sys.stdout = ScriptOutput(sys.stdout)
