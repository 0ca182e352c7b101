"""Watches over its own process: what cannot go on says so, takes nothing new and makes room for another process.

Runs on: its own daemon thread, which does nothing but this; the stacks of a held interpreter are written by C.
Invariant: a process that leaves has given up its sessions first, and leaves within ``DRAIN_SECONDS`` and a little,
whatever hangs in it.
"""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scriptapps.conf import scriptapps_settings
from scriptapps.stacks import StackFile, stacks_now

if TYPE_CHECKING:
    from scriptapps.node import ServerNode
    from scriptapps.runtime.live_session import LiveSession

logger = logging.getLogger("scriptapps.node")

EXIT_CODE = 75
"""What a recycled process ends with: EX_TEMPFAIL of sysexits.h, "try again"."""
STALLED, ABANDONED, MEMORY = "stalled", "abandoned", "memory"
HELD = "held"
"""The word for a held interpreter: never this process's own, which cannot say it while it is true."""
SERVER_SECONDS = 10.0
"""How long a recycled process's server may take for its own shutdown after the node has drained."""
STANDARD_ERROR = 2
SOCKETS_SECONDS = 2.0
"""How long sockets that were told to close may take to send their close frames."""
LOOKS_PER_STALL = 6
FILE_FIRST_SECONDS = 0.5
"""How much earlier than the standard error the file gets the stacks: the process may end with the latter."""

_leaving = False


def resident_mb() -> float | None:
    """Resident memory of this process in megabytes, None where the system does not tell (only Linux does)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def wait_for_sockets(sessions: list[LiveSession]) -> None:
    """Wait until the sockets of these sessions have said goodbye, SOCKETS_SECONDS at most."""
    until = time.monotonic() + SOCKETS_SECONDS
    while any(session.viewers for session in sessions) and time.monotonic() < until:
        time.sleep(0.02)


def exit_if_recycled() -> None:
    """End the process with EXIT_CODE if it is being recycled, otherwise do nothing. The last thing a server calls."""
    if _leaving:
        _exit()


def _exit() -> None:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    os._exit(EXIT_CODE)


class Watchdog:
    """``reason`` is the word for why this process should get no new sessions, "" while all is well."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self.reason = ""
        # What the reason is about, and what last held this process, for its row.
        self.explanation = ""
        self.held = ""
        self.held_at: datetime | None = None
        self.memory_mb: float | None = None
        self.stacks = StackFile(node.name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scriptapps-watchdog", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._answered = threading.Event()
        self._answered.set()
        self._asked_at = 0.0
        self._lag = 0.0
        self._unanswered = 0

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return scriptapps_settings.STALL_SECONDS / LOOKS_PER_STALL

    @property
    def loop_lag_ms(self) -> float | None:
        """How late the event loop did what it was last given, or is already; None without a loop."""
        if self._loop is None:
            return None
        lag = self._lag if self._answered.is_set() else time.monotonic() - self._asked_at
        return lag * 1_000

    def start(self) -> None:
        """Begin to watch."""
        if scriptapps_settings.MEMORY_WATERMARK_MB is not None and resident_mb() is None:
            logger.warning("MEMORY_WATERMARK_MB has no effect: this system does not tell a process's resident memory")
        self._arm()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; called by that very thread, only stop watching. Calling it again does nothing."""
        if self._stop.is_set():
            return
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)
        faulthandler.cancel_dump_traceback_later()
        self.stacks.close()

    def watch_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch this event loop too: the one that serves sockets."""
        self._loop = loop

    def _work(self) -> None:
        self.stacks.open()
        while not self._stop.is_set():
            try:
                self._arm()
                self._note_stacks(self.stacks.take())
                self.stacks.arm(scriptapps_settings.STALL_SECONDS, self._thread_names())
                self.look()
                if self.reason and scriptapps_settings.RECYCLE and not self.node.draining:
                    self.leave()
                    return
            except Exception:
                logger.exception("The watchdog stumbled; it goes on")
            self._stop.wait(self.interval)

    @staticmethod
    def _arm() -> None:
        """Only C can act while the interpreter is held: it writes the stacks, and ends what may be recycled."""
        # A debugger that stops all threads holds the interpreter on purpose.
        if "pydevd" not in sys.modules:
            seconds = scriptapps_settings.STALL_SECONDS + FILE_FIRST_SECONDS
            faulthandler.dump_traceback_later(seconds, file=STANDARD_ERROR, exit=scriptapps_settings.RECYCLE)

    def _thread_names(self) -> dict[int, str]:
        """Which thread is which."""
        names = {thread.ident: thread.name for thread in threading.enumerate() if thread.ident is not None}
        if self._loop_thread in names:
            names[self._loop_thread] += ", event loop"
        return names

    def _note_stacks(self, stacks: str) -> None:
        if stacks:
            self.held, self.held_at = stacks, datetime.now(UTC)
            logger.error("Node %s was held. Its threads meanwhile:\n%s", self.node.name, stacks)

    # -- looking ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Find out whether all is well; say once what is not, and once that it is again."""
        reason = self._find()
        if reason == self.reason:
            return
        was, self.reason = self.reason, reason
        self.explanation = self._explain(reason) if reason else ""
        if reason:
            logger.error("Node %s takes no new sessions: %s: %s", self.node.name, reason, self.explanation)
        else:
            logger.warning("Node %s takes new sessions again; it was held back by: %s", self.node.name, was)
        if reason == STALLED:
            self._note_stacks(stacks_now(self._thread_names()))

    def _find(self) -> str:
        self.memory_mb = resident_mb()
        if self._loop_is_held():
            return STALLED
        if self.node.engine.abandoned > self.node.options.max_abandoned:
            return ABANDONED
        limit = scriptapps_settings.MEMORY_WATERMARK_MB
        if limit is not None and self.memory_mb is not None and self.memory_mb > limit:
            return MEMORY
        return ""

    def _loop_is_held(self) -> bool:
        if self._loop is None or self._loop.is_closed() or self._answered.is_set():
            self._unanswered = 0
        else:
            # Looks are counted, not seconds: a process that was asleep as a whole has not been held.
            self._unanswered += 1
        if self._loop is not None and self._answered.is_set():
            self._answered.clear()
            self._asked_at = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._answer)
            except RuntimeError:
                # It has been closed: nothing is served by it any more.
                self._loop = None
                self._answered.set()
        return self._unanswered >= LOOKS_PER_STALL

    def _answer(self) -> None:
        self._lag, self._loop_thread = time.monotonic() - self._asked_at, threading.get_ident()
        self._answered.set()

    def _explain(self, reason: str) -> str:
        texts: dict[str, str] = {
            STALLED: f"its event loop has not moved for {scriptapps_settings.STALL_SECONDS:g} s",
            ABANDONED: f"{self.node.engine.abandoned} runs could not be stopped",
            MEMORY: f"{self.memory_mb or 0:.0f} MB resident, above {scriptapps_settings.MEMORY_WATERMARK_MB} MB",
        }
        return texts[reason]

    # -- leaving ---------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Drain this process and end it with EXIT_CODE. Returns when only the server's own shutdown is left."""
        global _leaving
        _leaving = True
        self.stop()
        patience = scriptapps_settings.DRAIN_SECONDS + SERVER_SECONDS
        logger.error("Node %s leaves with exit code %d, for its supervisor to start another", self.node.name, EXIT_CODE)
        # Two nets: the timer for what hangs in Python, the one of C for a held interpreter.
        last_resort = threading.Timer(patience, _exit)
        last_resort.daemon = True
        last_resort.start()
        faulthandler.dump_traceback_later(patience + 5, file=STANDARD_ERROR, exit=True)
        atexit.register(_exit)
        sessions = self.node.select()
        try:
            self.node.shut_down(scriptapps_settings.DRAIN_SECONDS)
            wait_for_sockets(sessions)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
