"""Where runs execute: a bounded pool of script threads, watched by one supervisor.

Runs on: its own daemon threads, which never keep the process from ending. Invariant: a live session is in the engine
at most once; interactive runs go before background runs; a thread that was broken off or given up is not used again.

Stopping is a ladder: (1) the signal, seen at element calls, state access, safe points and in ``time.sleep``, and
cancelling the running query; (2) after ``stop_grace`` an asynchronous exception, guarded by the run's door; (3) after
``abandon_grace`` the run is given up: its calls raise and another thread takes its place.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import sys
import threading
import time
from collections import deque

from scriptapps.errors import TooManyRunsAbandonedError
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.main_module import install_main_module
from scriptapps.runtime.modules import run_gate
from scriptapps.runtime.options import RuntimeOptions
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.run_guard import BrokenOff, RunGuard
from scriptapps.runtime.run_lanes import RunLanes
from scriptapps.runtime.runner import MESSAGES, end_run, run_once
from scriptapps.runtime.script_output import install_script_log, install_script_output
from scriptapps.runtime.signal import install_cooperative_sleep
from scriptapps.runtime.timers import ManualTimers, Timers

logger = logging.getLogger("scriptapps.engine")

HOG_SECONDS = 0.05
"""A run that computes longer than this without pause makes room for others at its safe points."""
THROTTLE_TICK = 0.01
COMPUTING_SHARE = 0.25
"""A run that had less of the processor in its time waits for something most of the time."""
LOOK_SECONDS = 0.25
"""The supervisor looks at the running runs at least this often."""
SWITCH_INTERVAL = 0.0005
"""Seconds between offers of the interpreter to other threads; Python's own 5 ms starves short runs beside long ones."""


def _raise_in(thread_id: int, exception: type[BaseException] | None) -> None:
    target = ctypes.py_object(exception) if exception is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), target)


class ThreadEngine:
    """The engine of a server process."""

    def __init__(self, options: RuntimeOptions) -> None:
        self.options = options
        # Guards the queues, the running guards and the numbers below.
        self._condition = threading.Condition()
        self._lanes = RunLanes(options.workers, self._computing_locked)
        self._running: dict[RunGuard, LiveSession] = {}
        self._stops: dict[RunGuard, float] = {}
        self._idle = 0
        self._workers = 0
        self._closed = False
        # Whether a waiting thread wakes by itself for runs in the background.
        self._is_alarm_set = False
        self.abandoned = 0
        self._names = itertools.count(1)
        # Wakes the supervisor before its next look is due.
        self._watch = threading.Event()
        self._supervisor: threading.Thread | None = None
        self.timers = Timers()

    # -- any thread ------------------------------------------------------------------------------------------------

    def submit(self, session: LiveSession, *, background: bool = False) -> None:
        """Run a queued session as soon as a thread is free. Raises TooManyRunsAbandonedError."""
        with self._condition:
            if self.abandoned > self.options.max_abandoned:
                raise TooManyRunsAbandonedError(
                    f"{self.abandoned} runs of this process could not be stopped. Restart it; it takes no new runs."
                )
            self._lanes.put(session, background=background)
            self._wake_locked()
            hogs = self._hogs_locked()
        for hog in hogs:
            hog.signal.throttle()
        if hogs:
            self._watch.set()

    def stop(self, session: LiveSession) -> None:
        """The session's run has been signalled to end; climb the ladder if it does not."""
        with self._condition:
            for guard, running in self._running.items():
                if running is session and guard not in self._stops:
                    self._stops[guard] = time.monotonic()
                    self._watch.set()

    def shut_down(self, patience: float = 0.0) -> None:
        """Take no more runs, stop the running ones and wait up to ``patience`` seconds for their end."""
        self.timers.close()
        with self._condition:
            self._closed = True
            self._lanes.clear()
            running = list(self._running.values())
            self._condition.notify_all()
        for session in running:
            session.break_off(session.run, "STOPPED")
            self.stop(session)
        self._watch.set()
        with self._condition:
            self._condition.wait_for(lambda: not self._running, patience)

    @property
    def running(self) -> int:
        """How many runs execute now."""
        with self._condition:
            return len(self._running)

    @property
    def waiting(self) -> int:
        """How many sessions wait for a free script thread."""
        with self._condition:
            return len(self._lanes)

    # -- script threads --------------------------------------------------------------------------------------------

    def _lose_worker_locked(self) -> None:
        """A thread is not used again; what was queued while it was the last one needs another."""
        self._workers -= 1
        self._wake_locked()

    def _wake_locked(self) -> None:
        """See to it that a thread comes to what may begin now, if there is any."""
        ready = self._lanes.ready() or (not self._is_alarm_set and self._lanes.pause() is not None)
        # An idle thread that was woken already will not take a second session.
        if 0 < ready <= self._idle:
            self._condition.notify()
        elif ready and self._workers < self.options.workers and not self._closed:
            self._start_worker_locked()

    def _start_worker_locked(self) -> None:
        install_script_output()
        if self._supervisor is None:
            install_script_log()
            install_main_module()
            install_cooperative_sleep()
            sys.setswitchinterval(SWITCH_INTERVAL)
            self._supervisor = threading.Thread(target=self._supervise, name="scriptapps-supervisor", daemon=True)
            self._supervisor.start()
        self._workers += 1
        name = f"scriptapps-run-{next(self._names)}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (session := self._take()) is not None:
            may_go_on = self._run(session)
            # A thread that waits for the next one must not keep this one's page in memory.
            del session
            if not may_go_on:
                return

    def _run(self, session: LiveSession) -> bool:
        """One run. Returns whether this thread may be used again."""
        guard = RunGuard()
        with self._condition:
            self._running[guard] = session
        try:
            more = run_once(session, guard, lambda thread_id: _raise_in(thread_id, None))
        except BaseException:  # a mistake of ours must not cost a thread of the pool
            logger.exception("The run of session %s broke the runner", session.session_id)
            more = guard.run is not None and self._rescue(session, guard.run)
        with self._condition:
            self._running.pop(guard, None)
            self._stops.pop(guard, None)
            self._lanes.ended(session)
            if self._closed:
                self._condition.notify_all()
            if guard.broken_off and not guard.abandoned:
                self._lose_worker_locked()
        if more:
            session.submit()
        return not guard.broken_off and not guard.abandoned

    @staticmethod
    def _rescue(session: LiveSession, run: RunContext) -> bool:
        """A run that broke the runner must not leave its session running for ever. Returns whether another follows."""
        return end_run(session, run, "FAILED", 0.0)

    def _take(self) -> LiveSession | None:
        with self._condition:
            self._idle += 1
            try:
                while not self._closed:
                    if (session := self._lanes.take()) is not None:
                        return session
                    self._wait_locked()
            finally:
                self._idle -= 1
                if len(self._lanes):
                    # This thread was perhaps the one that was to come to them.
                    self._wake_locked()
        return None

    def _wait_locked(self) -> None:
        """Until there is something to do; one of the waiting threads also wakes when time lets a run begin."""
        pause = None if self._is_alarm_set else self._lanes.pause()
        self._is_alarm_set |= pause is not None
        self._condition.wait(pause)
        if pause is not None:
            self._is_alarm_set = False

    # -- supervisor ------------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while True:
            with self._condition:
                if self._closed and not self._running:
                    return
                wait = self._look_locked(time.monotonic())
            self._watch.wait(wait)
            self._watch.clear()
            try:
                self._step()
            except Exception:  # without a supervisor nothing could be stopped any more
                logger.exception("The supervisor could not look after the runs; it tries again")

    def _look_locked(self, now: float) -> float:
        """Seconds until something may have to be done."""
        waits = [LOOK_SECONDS]
        waits += [session.deadline - (now - guard.started) for guard, session in self._running.items()]
        for since in self._stops.values():
            waits += [at - (now - since) for at in (self.options.stop_grace, self.options.abandon_grace)]
        if self._crowded_locked():
            waits.append(THROTTLE_TICK)
        return max(min(wait for wait in waits if wait > 0), 0.005)

    def _crowded_locked(self) -> bool:
        hogs = len(self._hogs_locked())
        return bool(hogs and (self._lanes.interactive or len(self._running) > hogs))

    def _hogs_locked(self) -> list[LiveSession]:
        border = time.monotonic() - HOG_SECONDS
        return [
            session
            for guard, session in self._running.items()
            if guard.started < border and guard.processor_seconds() > HOG_SECONDS
        ]

    def _computing_locked(self) -> list[LiveSession]:
        now = time.monotonic()
        shares = {guard: guard.processor_seconds() / max(now - guard.started, 1e-6) for guard in self._running}
        return [session for guard, session in self._running.items() if shares[guard] > COMPUTING_SHARE]

    def _step(self) -> None:
        now = time.monotonic()
        with self._condition:
            running = list(self._running.items())
            stops = dict(self._stops)
            hogs = self._hogs_locked() if self._crowded_locked() else []
        for guard, session in running:
            if guard in stops:
                self._climb(guard, session, now - stops[guard])
            elif now - guard.started >= session.deadline:
                session.break_off(guard.run, "DEADLINE")
                self.stop(session)
            elif session in hogs:
                session.signal.throttle()

    def _climb(self, guard: RunGuard, session: LiveSession, stopping_for: float) -> None:
        with guard.lock:
            # Never a query of the run that comes next on this thread.
            if not guard.left:
                self.options.cancel_query(guard.thread_id)
        if stopping_for >= self.options.abandon_grace:
            self._abandon(guard, session)
        elif stopping_for >= self.options.stop_grace and not guard.broken_off:
            with guard.lock:
                if guard.inside:
                    guard.broken_off = True
                    _raise_in(guard.thread_id, BrokenOff)

    def _abandon(self, guard: RunGuard, session: LiveSession) -> None:
        with guard.lock:
            run = guard.run
            if not guard.inside or run is None or guard.abandoned:
                return
            guard.abandoned = run.dead = True
        run_gate.give_up(guard.hold)
        session.tree.abandon_run()
        with self._condition:
            self._running.pop(guard, None)
            self._stops.pop(guard, None)
            self._lanes.ended(session)
            self._lose_worker_locked()
            self.abandoned += 1
        logger.error("%s: run %s could not be stopped and was given up", session.slug, run.run_id)
        milliseconds = (time.monotonic() - guard.started) * 1000
        if end_run(session, run, "ABANDONED", milliseconds, MESSAGES["ABANDONED"]):
            session.submit()


class InlineEngine:
    """Executes runs in the caller's thread, when it says so; for tests and ``ScriptTester``."""

    def __init__(self) -> None:
        self._waiting: deque[LiveSession] = deque()
        self.timers = ManualTimers()

    def submit(self, session: LiveSession, *, background: bool = False) -> None:
        """Remember the session until ``run_waiting``."""
        self._waiting.append(session)

    def stop(self, session: LiveSession) -> None:
        """The signal is enough: the run is in the caller's own thread."""

    def run_waiting(self) -> None:
        """Run until nothing is left to run."""
        install_main_module()
        install_script_output()
        install_script_log()
        install_cooperative_sleep()
        while self._waiting:
            session = self._waiting.popleft()
            if run_once(session, RunGuard()):
                self._waiting.append(session)

    def advance(self, seconds: float) -> None:
        """Let so much time pass, with the runs that timers ask for."""
        self.run_waiting()
        end = self.timers.now + seconds
        while (call := self.timers.due_within(end - self.timers.now)) is not None:
            call()
            self.run_waiting()
