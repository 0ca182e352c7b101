"""Every error that scriptapps raises on purpose.

Runs on: any thread. Invariant: imports nothing of the project. A message says what was wrong, where, and what to do.
"""

from __future__ import annotations


class ScriptAppsError(Exception):
    """Root of the errors that are meant for people."""


class ScriptCompileError(ScriptAppsError):
    """The script's file could not be read or is not valid Python. ``str()`` has file, line and caret."""


class ScriptApiError(ScriptAppsError):
    """A script called a command in a way that cannot work. Shown on the page like any exception."""


class NoRunContextError(ScriptApiError):
    """A command was called outside a run, for example in a thread that the script started itself."""


class DuplicateWidgetError(ScriptApiError):
    """Two widgets of one run have the same identity or the same key."""


class StateAssignmentError(ScriptApiError, ValueError):
    """``session_state`` was assigned where the value is owned by a widget."""


class InvalidWidgetValueError(ScriptApiError, ValueError):
    """A value does not fit the widget: wrong type, not among the options, out of range."""


class SteeringError(ScriptAppsError, ValueError):
    """What is asked of sessions from outside cannot be carried: a value that cannot travel, a key that is none."""


class ProtocolError(ScriptAppsError):
    """A message of the browser cannot be accepted. ``code`` is stable and travels in ``Error.code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WatchedElsewhereError(ScriptAppsError):
    """A session that several people look at stays in the process where they do."""


class TooManyRunsAbandonedError(ScriptAppsError):
    """Too many runs of this process could not be stopped; it takes no new runs until it is restarted."""


class TooManySessionsError(ScriptAppsError):
    """A person has as many live sessions of a script app as it allows. ``str()`` is for them."""


class ScriptControl(BaseException):
    """Control flow of a run. Derives from BaseException so that ``except Exception`` in a script lets it pass."""


class StopScript(ScriptControl):
    """Ends the run here. ``reason`` is one of the names of the wire's Outcome, ``message`` is for people."""

    def __init__(self, reason: str = "COMPLETED", message: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message


class RerunScript(ScriptControl):
    """Ends the run here and starts another one: from the top, or of ``fragments`` (ids) only."""

    def __init__(self, fragments: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.fragments = fragments


class NotDurableError(ScriptAppsError):
    """A value cannot be stored, or what was stored cannot be read back here. ``str()`` is the reason."""


class LeaseLostError(ScriptAppsError):
    """Another process has taken the session over; nothing of this one is stored any more."""


class StoredStateGoneError(ScriptAppsError):
    """A store does not hold any more what it was given of a session: it has to be written as a whole, or is lost."""


class UploadedFileGoneError(ScriptAppsError, OSError):
    """The bytes of an uploaded file are asked for, and its session does not have the file (any more)."""
