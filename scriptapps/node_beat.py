"""The node's beat: a sign of life, repairs of lost hints, tidying up, and the pace of re-validating identities.

Runs on: its own daemon thread. Invariant: a hint that was lost is made good within one beat.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections, connections
from django.db.models import F, Q

from scriptapps import lease, signals
from scriptapps.conf import scriptapps_settings
from scriptapps.models import ScriptSession
from scriptapps.node_bus import NodeBus
from scriptapps.node_record import NodeRecord
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
        self.record = NodeRecord(node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scriptapps-beat", daemon=True)
        # Not at the start, when there is most to do, and not in all processes at the same time.
        self._next_sweep = time.monotonic() + random.uniform(0.1, 1.0) * SWEEP_SECONDS

    def start(self) -> None:
        """Connect to the site's signals and begin to beat."""
        signals.steering_requested.connect(self._steering_requested, dispatch_uid="scriptapps.node.steering")
        self.record.start()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        signals.steering_requested.disconnect(dispatch_uid="scriptapps.node.steering")
        self._stop.set()
        self._thread.join(5)
        self.record.keep()

    def _work(self) -> None:
        next_beat = next_check = time.monotonic()
        while not self._stop.wait(max(min(next_beat, next_check) - time.monotonic(), 0.01)):
            now = time.monotonic()
            try:
                close_old_connections()
                if now >= next_beat:
                    next_beat = now + scriptapps_settings.BEAT_SECONDS
                    self.beat()
                if now >= next_check:
                    next_check = now + scriptapps_settings.REVALIDATE_SECONDS
                    self.node.access.check(self.node.select())
            except Exception:
                logger.exception("The node's beat failed; it tries again")
        connections.close_all()

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
        self.apply_wanted(None)
        self._tidy()
        self.bus.renew()
        self._sweep_when_due()
        self.record.write()
        self.record.collect()

    @staticmethod
    def _save_again(session: LiveSession) -> None:
        # The store answers again, or the lease would not have been renewed: a run saves what the last one could not.
        if session.is_unsaved and session.state_of_life is LifecycleState.IDLE:
            session.request_rerun(RerunRequest("save again", background=True))

    def apply_wanted(self, ids: list[Any] | None) -> None:
        """Do what rows of this node ask for and have not got yet."""
        rows = ScriptSession.objects.filter(node=self.node.name).exclude(state=ScriptSession.State.CLOSED)
        if ids is not None:
            rows = rows.filter(pk__in=ids)
        wanting = rows.filter(
            Q(rerun_wanted__gt=F("rerun_done"))
            | Q(stop_wanted__gt=F("stop_done"))
            | Q(close_wanted__gt=0)
            | Q(release_wanted__gt=0)
        )
        for row in wanting:
            key = str(row.pk)
            ScriptSession.objects.filter(pk=row.pk).update(rerun_done=row.rerun_wanted, stop_done=row.stop_wanted)
            if row.close_wanted:
                self.node.steer("close", [key])
                continue
            if row.release_wanted:
                self._give_up(key, row.epoch)
                continue
            if row.stop_wanted > row.stop_done:
                self.node.steer("stop", [key])
            if row.rerun_wanted > row.rerun_done:
                self.node.steer("rerun", [key])

    def _give_up(self, key: str, epoch: int) -> None:
        if any(session.is_shared and session.viewers for session in self.node.select([key])):
            # It stays with those who look at it: whoever asked is led here in the end.
            ScriptSession.objects.filter(pk=key, node=self.node.name).update(release_wanted=0)
        elif self.node.select([key]):
            self.node.steer("release", [key])
        elif key not in self.node.leaving:
            # Nothing of it is left here: giving it up failed earlier.
            lease.release(key, self.node.name, epoch)

    def _steering_requested(self, sender: Any, kind: str, ids: list[Any], **_: Any) -> None:
        self.bus.tell_others("wanted", [str(key) for key in ids])
        if self.node.select([str(key) for key in ids]):
            self.node.database.submit(self._apply_on_executor, ids)

    def _apply_on_executor(self, ids: list[Any]) -> None:
        close_old_connections()
        try:
            self.apply_wanted(ids)
        except Exception:
            logger.exception("A request could not be carried out; the next beat tries again")
        finally:
            close_old_connections()

    def heard(self, kind: str, ids: list[str]) -> None:
        """A hint of another node arrived. Called on the event loop."""
        if kind in ("wanted", "release"):
            if self.node.select(ids):
                self.node.database.submit(self._apply_on_executor, ids)
        elif kind == "access":
            self.node.access.check_soon()
        elif kind == "drain":
            self.record.heard(ids)
        else:
            self.node.steer(kind, ids)

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
        except Exception:
            logger.exception("Sessions could not be swept; a later beat tries again")
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
            rests = not session.viewers and wall - session.opened > NEW_SECONDS
            if rests and wall - session.last_seen > scriptapps_settings.DETACHED_TTL:
                self.node.release(session)
        self.node.access.tidy()
