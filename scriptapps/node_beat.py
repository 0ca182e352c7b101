"""The node's beat: a sign of life, repairs of lost hints, tidying up, and the pace of re-validating identities.

Runs on: its own daemon thread. Invariant: a hint that was lost is made good within one beat.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import close_old_connections, connections

from scriptapps import lease
from scriptapps.conf import scriptapps_settings
from scriptapps.kept_connections import freshen
from scriptapps.node_bus import NodeBus
from scriptapps.node_record import NodeRecord
from scriptapps.node_requests import NodeRequests
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.sweep import sweep

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

SWEEP_SECONDS = 900.0
SWEEP_AT_ONCE = 5_000
NEW_SECONDS = 10.0
"""A session younger than this may have a row that its page's transaction has not committed yet."""


class NodeBeat:
    """Beats every ``BEAT_SECONDS``, re-validates every ``REVALIDATE_SECONDS``."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self.bus = NodeBus(node)
        self.requests = NodeRequests(node)
        self.record = NodeRecord(node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scriptapps-beat", daemon=True)
        # Not at the start, when there is most to do, and not in all processes at the same time.
        self._next_sweep = time.monotonic() + random.uniform(0.1, 1.0) * SWEEP_SECONDS

    def start(self) -> None:
        """Begin to hear and to beat."""
        self.bus.open()
        self.record.start()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self.bus.close()
        self._stop.set()
        self._thread.join(5)
        self.record.keep()

    def _work(self) -> None:
        next_beat = next_check = time.monotonic()
        while not self._stop.wait(max(min(next_beat, next_check) - time.monotonic(), 0.01)):
            now = time.monotonic()
            freshen()
            if now >= next_beat:
                next_beat = now + scriptapps_settings.BEAT_SECONDS
                self._try(self.beat, "The node's beat failed; it tries again")
            if now >= next_check:
                next_check = now + scriptapps_settings.REVALIDATE_SECONDS
                self._try(self._check, "Identities could not be checked; the next beat tries again")
        connections.close_all()

    def _try(self, work: Callable[[], None], trouble: str) -> None:
        try:
            work()
        except Exception as error:
            self.node.outages.failed(trouble, error)
        else:
            if self.node.outages.is_over(trouble):
                logger.warning("It is over: %s", trouble)

    def _check(self) -> None:
        self.node.access.check(self.node.select())

    # -- steering --------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Sign of life, lost hints, tidying."""
        sessions = self.node.select()
        owned = lease.renew(self.node.name, {*(session.session_id for session in sessions), *self.node.leaving})
        for session in sessions:
            if session.session_id in owned:
                self._save_again(session)
            elif time.time() - session.opened > NEW_SECONDS:
                self.node.forget(session)
        self.requests.look()
        self.requests.release_wanted(None)
        self._tidy()
        self.node.tables.beat()
        self.bus.renew()
        self._sweep_when_due()
        self.node.usage.write_when_due(self.node._on_executor)
        self.record.write()
        self.record.collect()

    @staticmethod
    def _save_again(session: LiveSession) -> None:
        # The store answers again, or the lease would not have been renewed: a run saves what the last one could not.
        if session.is_unsaved and session.state_of_life is LifecycleState.IDLE:
            session.request_rerun(RerunRequest("save again", background=True))

    def heard(self, kind: str, ids: list[str]) -> None:
        """A hint arrived, from here or from elsewhere; no ids: about all. On any thread, also the event loop."""
        if kind == "wanted":
            self.requests.look_soon(ids)
        elif kind == "release":
            self.requests.release_soon(ids)
        elif kind == "access":
            self.node.access.check_soon()
        elif kind == "drain":
            self.record.heard(ids)
        elif kind == "tables":
            self.node.tables.look_soon()
        else:
            logger.warning("A hint of another version of scriptapps is not followed: %s", kind)

    def _sweep_when_due(self) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
            # Not on this thread: the leases must not wait for it.
            self.node.database.submit(self._sweep_on_executor)

    def _sweep_on_executor(self) -> None:
        close_old_connections()
        try:
            report = sweep(limit=SWEEP_AT_ONCE)
            if any(report.as_dict().values()):
                logger.info("Swept: %s", ", ".join(f"{name} {count}" for name, count in report.as_dict().items()))
        except Exception as error:
            self.node.outages.failed("Sessions could not be swept; a later beat tries again", error)
        finally:
            close_old_connections()

    # -- tidying ---------------------------------------------------------------------------------------------------

    def _tidy(self) -> None:
        now, wall = time.monotonic(), time.time()
        for session in self.node.select():
            since = self.node.unclaimed.get(session.session_id)
            if since is not None:
                if now - since > scriptapps_settings.PREHEAT_TTL:
                    self.node.close(session, 4001, "nobody came")
                continue
            # A new one is between its opening and its socket's arrival.
            rests = not session.people and wall - session.opened > NEW_SECONDS
            if rests and wall - session.last_seen > scriptapps_settings.DETACHED_TTL:
                self.node.release(session)
        self.node.access.tidy()
        self.node.memory_limits.refresh(self.node.select())
