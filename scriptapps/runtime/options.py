"""What the host gives the runtime: limits, and hooks for what only it knows.

Runs on: built once per process. Invariant: the runtime reaches its host only through this object.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scriptapps.runtime.state_journal import StateChange, StateLimits
from scriptapps.runtime.uploaded_files import FileHost, NoFiles

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession
    from scriptapps.runtime.run_context import RunContext
    from scriptapps.runtime.run_queue import RerunRequest


def _local_now() -> datetime:
    return datetime.now().astimezone()


def _nothing(*_: Any) -> None:
    return None


def _nothing_noted(*_: Any) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Visitor:
    """The person a live session belongs to. ``session_key`` is the value of the browser's session cookie."""

    load_user: Callable[[], Any] = _nothing
    session_key: str | None = None
    user_id: Any = None
    user_name: str = ""
    binding: str = ""


@dataclass(frozen=True)
class RuntimeOptions:
    """Limits in seconds, bytes and counts; hooks are called on the thread that their comment names."""

    workers: int = 8
    deadline: float = 300.0
    stop_grace: float = 2.0
    abandon_grace: float = 4.0
    max_abandoned: int = 4
    max_rerun_chain: int = 50
    show_tracebacks: bool = True
    # Pages are told why each run happened, and elements are timed.
    explain_runs: bool = False
    # Whether those who work in a session are told that staff watch it.
    tell_observed: bool = True
    # Script thread: before anything of the run happens. May raise StopScript("REFUSED").
    before_run: Callable[[RunContext], None] = _nothing
    # Script thread: after the run; the flag says that the run was broken off and its connections must not be reused.
    after_run: Callable[[RunContext, bool], None] = _nothing
    # Script thread: make what the run changed durable, before anybody is told that it finished. None: nothing is kept.
    commit: Callable[[LiveSession, StateChange], None] | None = None
    # Script thread: call the function and commit what it wrote, the session's change and its event in one transaction.
    commit_with: Callable[[LiveSession, RunContext, Callable[[], None]], None] | None = None
    state_limits: StateLimits = field(default_factory=StateLimits)
    # Script thread: run the session, or the fragment that runs, again when one of these models, tables, rows changes.
    watch: Callable[[RunContext, tuple[Any, ...]], None] = _nothing
    # Script thread: a block; run it again when something changes that it reads.
    live: Callable[[RunContext], AbstractContextManager[None]] = _nothing_noted
    # Script thread: where uploaded files are.
    files: FileHost = field(default_factory=NoFiles)
    # Any thread: the time in the host's time zone.
    now: Callable[[], datetime] = _local_now
    # A thread that the script started with st.background: at its end.
    end_thread: Callable[[], None] = _nothing
    # Supervisor thread: cancel the query that this thread is waiting for.
    cancel_query: Callable[[int], None] = _nothing
    # Script thread, must be quick: a run begins, for this reason.
    on_run_started: Callable[[RunContext, RerunRequest], None] = _nothing
    # Script thread or supervisor thread, must be quick: a run has ended, after so many milliseconds.
    on_run_ended: Callable[[RunContext, float], None] = _nothing
    # Any thread, must be quick: something that the host shows of the session changed.
    on_change: Callable[[LiveSession], None] = _nothing
    # Script thread: a script raised. Arguments: session, exception, reference.
    on_error: Callable[[LiveSession, BaseException, str], None] = _nothing
