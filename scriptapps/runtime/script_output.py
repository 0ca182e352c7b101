"""What a script prints and logs is kept for its run, and goes where it goes otherwise.

Runs on: any thread. Invariant: everything reaches the stream that was there before, and no record is kept from being
logged; outside runs that is all that happens.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

from scriptapps.runtime.run_context import current_run

OWN_LOGGERS = "scriptapps."
"""What these say of a run stands in its history already."""


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


def install_script_log() -> None:
    """Keep what a script logs, at the levels that the site has switched on. Calling it twice does nothing.

    A handler would not do: one at the root logger changes what is printed where a site has none.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "is_script_log", False):
        return

    def noting(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        run = current_run.get(None)
        if run is not None and run.measures.is_open and not record.name.startswith(OWN_LOGGERS):
            run.measures.printed(f"{record.levelname} {record.name}: {_text_of(record)}\n")
        return record

    noting.is_script_log = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(noting)


def _text_of(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception as error:
        # The handlers say so in their own way.
        return f"(its text cannot be made: {type(error).__name__})"
    if record.exc_info and record.exc_info[1] is not None:
        return f"{text} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
    return text
