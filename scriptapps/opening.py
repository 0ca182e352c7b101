"""Sessions begin and are gone on with: for a page that is asked for, and for a socket that was admitted.

Runs on: request threads and the database executor. Invariant: a session that is opened here has a row, and this process
holds its lease; whoever may share one is led to the one that is open.
"""

from __future__ import annotations

import logging
import threading
import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError

from scriptapps import lease
from scriptapps.conf import scriptapps_settings
from scriptapps.errors import LeaseLostError, StoredStateGoneError, TooManySessionsError, WatchedElsewhereError
from scriptapps.handshake import Admitted, visitor_of
from scriptapps.identity import Identity
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.registry import EffectiveApp, ScriptSource, registry
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.options import Visitor
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.scope import Scope
from scriptapps.session_limits import SessionLimits
from scriptapps.shared_sessions import find_shared, is_watched_elsewhere, scope_key, scope_of
from scriptapps.stored_files import copy_files, note_unused

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")


class SessionOpening:
    """``preheat`` for a page, ``open`` for a socket."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self.limits = SessionLimits(node)
        # Two sockets that present one session id must not both restore it; striped, not one for all.
        self._locks = [threading.Lock() for _ in range(32)]

    def preheat(self, who: Identity, source: ScriptSource, row: ScriptApp) -> str:
        """The session that a page is to ask for: the shared one that is open, or one whose first run begins now.

        "" if this browser has a session of its own already, or none may begin here.
        """
        visitor = visitor_of(who)
        effective = registry.effective(source, row)
        scope = scope_of(effective.scope, visitor.user_id)
        if found := find_shared(row, scope, visitor):
            self.node.expect_again(found)
            return found
        if self.node.reason_not_ready or (scope is Scope.TAB and self._has_one(visitor, row)):
            return ""
        session = self._make(str(uuid.uuid4()), visitor, source, effective, scope)
        try:
            if not self._insert(session, row, effective):
                return find_shared(row, scope, visitor)
        except TooManySessionsError:
            # The page says so when its socket comes; by then there may be room.
            return ""
        self.node.expect(session)
        session.request_rerun(RerunRequest("opened"))
        return session.session_id

    def copy(self, who: Identity, source: ScriptSource, row: ScriptApp, original: str) -> str:
        """A session of this person's own that begins with the state of another one. "" if none may begin here.

        The caller has made sure that the person may see that state.
        """
        if self.node.reason_not_ready:
            return ""
        visitor, effective = visitor_of(who), registry.effective(source, row)
        session = self._make(str(uuid.uuid4()), visitor, source, effective, Scope.TAB)
        session.begin_as_copy(self.node.store.load(original))
        try:
            self._insert(session, row, effective)
        except TooManySessionsError:
            return ""
        copy_files(original, session.session_id)
        self.node.expect(session)
        session.request_rerun(RerunRequest("opened"))
        return session.session_id

    @staticmethod
    def _has_one(visitor: Visitor, row: ScriptApp) -> bool:
        rows = ScriptSession.objects.filter(binding=visitor.binding, script_app=row)
        return rows.exclude(state=ScriptSession.State.CLOSED).exists()

    def open(self, admitted: Admitted) -> LiveSession | None:
        """The live session for a socket that was admitted: the one it presents, the shared one, or a new one.

        None while another process still owns the session; it has been asked to release it, so ask again in a moment.
        Raises LeaseLostError when the session has been closed meanwhile, WatchedElsewhereError when others look at it
        in another process, TooManySessionsError when the person has as many as the script app allows.
        """
        visitor = admitted.visitor
        scope = scope_of(admitted.effective.scope, visitor.user_id)
        session_id = admitted.session_id or find_shared(admitted.row, scope, visitor)
        if session_id:
            with self._locks[hash(session_id) % len(self._locks)]:
                return self._go_on(session_id, admitted)
        session = self._make(str(uuid.uuid4()), visitor, admitted.source, admitted.effective, scope)
        if admitted.copy_of:
            session.begin_as_copy(self.node.store.load(admitted.copy_of))
        if not self._insert(session, admitted.row, admitted.effective):
            return None
        if admitted.copy_of:
            copy_files(admitted.copy_of, session.session_id)
        session.request_rerun(RerunRequest("opened"))
        return session

    def _go_on(self, session_id: str, admitted: Admitted) -> LiveSession | None:
        node, visitor = self.node, admitted.visitor
        live = node.claim(session_id)
        if live is not None and not lease.owns(session_id, node.name, live.epoch):
            # This process slept longer than its lease: what it holds is history.
            node.forget(live)
            live = None
        if live is not None:
            self._join(live, visitor)
            return live
        if session_id in node.leaving:
            return None
        if is_watched_elsewhere(session_id, node.name):
            raise WatchedElsewhereError(f"Session {session_id} is looked at in another process.")
        with self.limits.room(admitted.row, admitted.effective.sessions_per_user, visitor, but=session_id):
            epoch = lease.acquire(session_id, node.name)
        if epoch is None:
            if not ScriptSession.objects.filter(pk=session_id).exclude(state="closed").exists():
                raise LeaseLostError(f"Session {session_id} was closed while its browser came back.")
            node.beat.bus.tell_others("release", [session_id])
            return None
        return self._restore(session_id, epoch, admitted)

    @staticmethod
    def _join(live: LiveSession, visitor: Visitor) -> None:
        is_somebody_else = live.visitor.user_id != visitor.user_id
        live.visitor = visitor
        if is_somebody_else:
            # A guest has signed in: the page is to show what it shows to this person.
            rows = ScriptSession.objects.filter(pk=live.session_id)
            rows.filter(user=None).update(user=visitor.user_id)
            live.scope = rows.values_list("scope", flat=True).get()
            live.request_rerun(RerunRequest("signed in"))

    def _restore(self, session_id: str, epoch: int, admitted: Admitted) -> LiveSession:
        row = ScriptSession.objects.get(pk=session_id)
        ScriptSession.objects.filter(pk=row.pk, user=None).update(user=admitted.visitor.user_id)
        session = self._make(session_id, admitted.visitor, admitted.source, admitted.effective, Scope(row.scope))
        session.epoch, session.runs = epoch, row.runs
        try:
            values = self.node.store.load(session_id)
        except StoredStateGoneError as error:
            logger.error("Session %s begins anew: %s", session_id, error)
            session.state.note_lost(str(error))
            values = {}
        session.restore(values, row.seqs)
        note_unused(session.session_id, values)
        self.node.add(session)
        if not self.node.beat.requests.take_over(session):
            raise LeaseLostError(f"Session {session_id} was asked to close while nobody had it.")
        session.request_rerun(RerunRequest("restored"))
        return session

    def _make(
        self, session_id: str, visitor: Visitor, source: ScriptSource, effective: EffectiveApp, scope: Scope
    ) -> LiveSession:
        on_save = scriptapps_settings.RUN_ON_SAVE
        slug, usage = source.slug, self.node.usage
        session = LiveSession(
            session_id,
            slug,
            lambda: usage.loaded(slug, registry.compile(slug)),
            visitor,
            self.node.options,
            self.node.engine,
            deadline=effective.deadline,
            run_on_save=settings.DEBUG if on_save is None else on_save,
        )
        session.scope = scope
        self.node.memory_limits.note(slug, effective.memory)
        return session

    def _insert(self, session: LiveSession, row: ScriptApp, effective: EffectiveApp) -> bool:
        """Make its row. False when somebody else was quicker with a session that is to be shared.

        Raises TooManySessionsError.
        """
        session.epoch = 1
        try:
            with self.limits.room(row, effective.sessions_per_user, session.visitor):
                ScriptSession.objects.create(
                    pk=session.session_id,
                    script_app=row,
                    user_id=session.visitor.user_id,
                    binding=session.visitor.binding,
                    scope=session.scope,
                    scope_key=scope_key(Scope(session.scope), session.visitor),
                    node=self.node.name,
                    epoch=1,
                    lease_expires=lease.first_expiry(),
                    state=session.state_of_life.value,
                )
        except IntegrityError:
            if not session.is_shared:
                raise
            return False
        self.node.add(session)
        return True
