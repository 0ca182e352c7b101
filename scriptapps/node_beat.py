"""The node's beat: a sign of life, repairs of lost hints, re-validation of identities, and tidying up.

Runs on: its own daemon thread. Invariant: a hint that was lost is made good within one beat, and a person who may no
longer be here is gone within ``REVALIDATE_SECONDS``.
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
from scriptapps.errors import StopScript
from scriptapps.models import ScriptSession
from scriptapps.node_bus import NodeBus
from scriptapps.revalidation import Verdict, revalidate
from scriptapps.runtime.lifecycle import LifecycleState
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.sweep import sweep

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

SWEEP_SECONDS = 900.0
SWEEP_AT_ONCE = 5_000
DOUBT_SECONDS = 1.0
"""A password that changed ends a session only if it still looks so after this long."""
NEW_SECONDS = 10.0
"""A session younger than this may have a row that its page's transaction has not committed yet."""


class NodeBeat:
    """Beats every ``BEAT_SECONDS``, re-validates every ``REVALIDATE_SECONDS``."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self.bus = NodeBus(node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scriptapps-beat", daemon=True)
        self._checked: dict[str, float] = {}
        self._doubts: dict[str, float] = {}
        self._denied: dict[str, float] = {}
        # Not at the start, when there is most to do, and not in all processes at the same time.
        self._next_sweep = time.monotonic() + random.uniform(0.1, 1.0) * SWEEP_SECONDS

    def start(self) -> None:
        """Connect to the site's signals and begin to beat."""
        signals.steering_requested.connect(self._steering_requested, dispatch_uid="scriptapps.node.steering")
        signals.access_changed.connect(self._access_changed, dispatch_uid="scriptapps.node.access")
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        signals.steering_requested.disconnect(dispatch_uid="scriptapps.node.steering")
        signals.access_changed.disconnect(dispatch_uid="scriptapps.node.access")
        self._stop.set()
        self._thread.join(5)

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
                    self.revalidate(self.node.select())
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
        if self.node.select([key]):
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
            self.node.database.submit(self._revalidate_on_executor)
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

    # -- identities ------------------------------------------------------------------------------------------------

    def _access_changed(
        self,
        sender: Any,
        reason: str = "",
        user_ids: Any = (),
        bindings: Any = (),
        slugs: Any = (),
        everyone: bool = False,
        revoked: bool = False,
        **_: Any,
    ) -> None:
        self.bus.tell_others("access", [])
        affected = [
            session
            for session in self.node.select()
            if everyone
            or session.visitor.user_id in user_ids
            or session.visitor.binding in bindings
            or session.slug in slugs
        ]
        if revoked:
            for session in affected:
                self.node.close(session, Verdict.SIGNED_OUT.code, reason)
        elif affected:
            self.node.database.submit(self._revalidate_on_executor, affected)

    def _revalidate_on_executor(self, sessions: list[LiveSession] | None = None) -> None:
        close_old_connections()
        try:
            self.revalidate(self.node.select() if sessions is None else sessions)
        except Exception:
            logger.exception("Identities could not be checked; the next beat tries again")
        finally:
            close_old_connections()

    def revalidate(self, sessions: list[LiveSession]) -> dict[LiveSession, Verdict]:
        """Ask again whether these people may be here; close the sessions of those who may not."""
        now = time.monotonic()
        verdicts = revalidate(sessions)
        for session, verdict in verdicts.items():
            if verdict is Verdict.OK:
                if now > self._denied.get(session.session_id, 0.0):
                    self._checked[session.session_id] = now
                    self._doubts.pop(session.session_id, None)
            elif verdict is Verdict.CHECK_AGAIN:
                # Nothing runs for this cookie any more; a browser that comes back with a new one is checked anew.
                self._deny(session)
                for viewer in list(session.viewers):
                    viewer.close_socket(verdict.code, "sign-in changed")
            elif verdict is Verdict.PASSWORD_CHANGED and self._is_first_doubt(session, now):
                self._deny(session)
            else:
                logger.info("Session %s is closed: %s", session.session_id, verdict.value)
                self.node.close(session, verdict.code, verdict.value)
        return verdicts

    def _deny(self, session: LiveSession) -> None:
        """The next run begins with a check. One that is under way, with what was true before, does not count."""
        self._denied[session.session_id] = time.monotonic()
        self._checked[session.session_id] = float("-inf")

    def _is_first_doubt(self, session: LiveSession, now: float) -> bool:
        """Whoever changes his own password gets a new sign-in within the same request: look again in a moment."""
        since = self._doubts.setdefault(session.session_id, now)
        if now - since >= DOUBT_SECONDS:
            del self._doubts[session.session_id]
            return False
        timer = threading.Timer(DOUBT_SECONDS, self._look_again, [session])
        timer.daemon = True
        timer.start()
        return True

    def _look_again(self, session: LiveSession) -> None:
        try:
            self.node.database.submit(self._revalidate_on_executor, [session])
        except RuntimeError:
            # The node has ended meanwhile, and its sockets with it.
            return

    def revalidate_before_run(self, session: LiveSession) -> None:
        """A run of somebody who was not checked lately begins with the check. Raises StopScript("REFUSED")."""
        checked = self._checked.get(session.session_id)
        now = time.monotonic()
        if checked is None:
            self._checked[session.session_id] = now
            return
        overdue = now - checked > scriptapps_settings.REVALIDATE_SECONDS
        if overdue and self.revalidate([session])[session] is not Verdict.OK:
            raise StopScript("REFUSED")

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
        alive = set(self.node.sessions)
        for table in (self._checked, self._doubts, self._denied):
            for key in [key for key in table if key not in alive]:
                del table[key]
