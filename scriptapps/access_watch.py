"""Ends what people may not see any more: asks again who is there, quickly after a signal, surely at each beat.

Runs on: the beat's thread, the database executor, script threads; signals arrive on request threads. Invariant: a
person who may no longer be here is gone within ``REVALIDATE_SECONDS``, and nothing runs for them from then on. Of
several people who look at one session, those who may stay are not disturbed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError, close_old_connections

from scriptapps import signals
from scriptapps.conf import scriptapps_settings
from scriptapps.errors import StopScript
from scriptapps.observers import check_observers, dismiss_signed_out
from scriptapps.permissions import closed_message
from scriptapps.revalidation import Verdict, people_of, revalidate
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.options import Visitor
from scriptapps.scope import Scope

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

DOUBT_SECONDS = 1.0
"""A password that changed ends a session only if it still looks so after this long."""
UNCHECKED = "Whether you may still run this page cannot be checked at the moment. Please try again in a while."
# The sign-in is over, the person's rights are not: a session that is theirs waits for the next sign-in.
SIGN_IN_IS_OVER = frozenset({Verdict.SIGNED_OUT, Verdict.PASSWORD_CHANGED})


class AccessWatch:
    """Who of those who look at the sessions of this process may still be there."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self._checked: dict[str, float] = {}
        self._denied: dict[str, float] = {}
        self._doubts: dict[Visitor, float] = {}

    def start(self) -> None:
        """Connect to the site's signals."""
        signals.access_changed.connect(self._access_changed, dispatch_uid="scriptapps.node.access")

    def stop(self) -> None:
        """Hear of nothing any more."""
        signals.access_changed.disconnect(dispatch_uid="scriptapps.node.access")

    # -- what signals tell -----------------------------------------------------------------------------------------

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
        self.node.beat.bus.tell_others("access", [])
        if revoked:
            dismiss_signed_out(self.node.select(), user_ids, bindings)
        affected = [
            session
            for session in self.node.select()
            if everyone
            or session.visitor.user_id in user_ids
            or any(visitor.binding in bindings for visitor in people_of(session))
            or session.slug in slugs
        ]
        if revoked:
            for session in affected:
                self._revoke(session, reason, user_ids, bindings)
        elif affected:
            self.check_soon(affected)

    def _revoke(self, session: LiveSession, reason: str, user_ids: Container[Any], bindings: Container[str]) -> None:
        if session.scope != Scope.USER or session.visitor.user_id in user_ids:
            self.node.close(session, Verdict.SIGNED_OUT.code, reason)
            return
        # A browser has signed out; the session is the person's, who may be there in another one.
        self._deny(session)
        gone = {True: Verdict.SIGNED_OUT, False: Verdict.OK}
        verdicts = {visitor: gone[visitor.binding in bindings] for visitor in people_of(session)}
        self._turn_away(session, verdicts)
        if self._of_session(session, verdicts) is not Verdict.OK:
            self._submit(self.node.release, session)

    # -- asking ----------------------------------------------------------------------------------------------------

    def check_soon(self, sessions: list[LiveSession] | None = None) -> None:
        """Ask about these sessions, or about all, on another thread. Returns at once."""
        self._submit(self._check_on_executor, sessions)

    def _submit(self, function: Any, *args: Any) -> None:
        try:
            self.node.database.submit(function, *args)
        except RuntimeError:
            # The node has ended meanwhile, and its sockets with it.
            return

    def _check_on_executor(self, sessions: list[LiveSession] | None) -> None:
        close_old_connections()
        try:
            self.check(self.node.select() if sessions is None else sessions)
        except Exception as error:
            self.node.outages.failed("Identities could not be checked; the next beat tries again", error)
        finally:
            close_old_connections()

    def check(self, sessions: list[LiveSession]) -> dict[LiveSession, Verdict]:
        """Ask again whether these people may be here; close the sockets, or the sessions, of those who may not."""
        now = time.monotonic()
        check_observers(sessions)
        found: dict[LiveSession, Verdict] = {}
        for session, verdicts in revalidate(sessions).items():
            in_doubt = self._in_doubt(session, verdicts)
            verdict = found[session] = self._of_session(session, verdicts)
            if session.is_shared and verdict is not Verdict.GONE:
                self._turn_away(session, verdicts, in_doubt)
            if verdict is Verdict.OK:
                if now > self._denied.get(session.session_id, 0.0):
                    self._checked[session.session_id] = now
                    self._forget_doubts([visitor for visitor in verdicts if verdicts[visitor] is Verdict.OK])
            elif verdict is Verdict.CHECK_AGAIN:
                # Nothing runs for this cookie any more; a browser that comes back with a new one is checked anew.
                self._deny(session)
                if not session.is_shared:
                    for viewer in session.people:
                        viewer.close_socket(verdict.code, verdict.value)
            elif session.visitor in in_doubt:
                self._deny(session)
            else:
                self._end(session, verdict)
        return found

    @staticmethod
    def _of_session(session: LiveSession, verdicts: dict[Visitor, Verdict]) -> Verdict:
        """What holds for the session as a whole: it goes on while there is somebody who may be there."""
        current = verdicts.get(session.visitor, Verdict.OK)
        if current is Verdict.OK:
            return current
        staying = [visitor for visitor, verdict in verdicts.items() if verdict is Verdict.OK]
        if staying:
            # From now on it answers for one of them.
            session.visitor = staying[-1]
            return Verdict.OK
        return Verdict.CHECK_AGAIN if Verdict.CHECK_AGAIN in verdicts.values() else current

    @staticmethod
    def _turn_away(session: LiveSession, verdicts: dict[Visitor, Verdict], in_doubt: Container[Visitor] = ()) -> None:
        """The viewers whose own sign-in is over leave the others."""
        for viewer in session.viewers:
            if viewer.visitor is not None and viewer.visitor not in in_doubt:
                verdict = verdicts.get(viewer.visitor, Verdict.OK)
                if verdict is not Verdict.OK:
                    viewer.dismiss(verdict.code, verdict.value)

    def _end(self, session: LiveSession, verdict: Verdict) -> None:
        logger.info("Session %s is closed: %s", session.session_id, verdict.value)
        if session.scope == Scope.USER and verdict in SIGN_IN_IS_OVER:
            # Its viewers know why; who comes at this very moment comes back.
            self.node.release(session)
        else:
            message = closed_message(session.slug) if verdict is Verdict.GONE else ""
            session.close(verdict.code, verdict.value, message)

    def _deny(self, session: LiveSession) -> None:
        """The next run begins with a check. One that is under way, with what was true before, does not count."""
        self._denied[session.session_id] = time.monotonic()
        self._checked[session.session_id] = float("-inf")

    def _in_doubt(self, session: LiveSession, verdicts: dict[Visitor, Verdict]) -> set[Visitor]:
        """Whoever changes his own password gets a new sign-in within the same request: look again in a moment."""
        now = time.monotonic()
        changed = {visitor for visitor, verdict in verdicts.items() if verdict is Verdict.PASSWORD_CHANGED}
        in_doubt = {visitor for visitor in changed if now - self._doubts.setdefault(visitor, now) < DOUBT_SECONDS}
        self._forget_doubts(changed - in_doubt)
        if in_doubt:
            timer = threading.Timer(DOUBT_SECONDS, self.check_soon, [[session]])
            timer.daemon = True
            timer.start()
        return in_doubt

    def _forget_doubts(self, visitors: Iterable[Visitor]) -> None:
        for visitor in visitors:
            self._doubts.pop(visitor, None)

    # -- before a run ----------------------------------------------------------------------------------------------

    def before_run(self, session: LiveSession) -> None:
        """A run of somebody who was not checked lately begins with the check. Raises StopScript("REFUSED").

        While the database does not answer, what was true last holds for ``LEASE_SECONDS`` more.
        """
        checked = self._checked.get(session.session_id)
        now = time.monotonic()
        if checked is None:
            self._checked[session.session_id] = now
            return
        overdue = now - checked - scriptapps_settings.REVALIDATE_SECONDS
        if overdue <= 0:
            return
        try:
            verdict = self.check([session])[session]
        except (OperationalError, InterfaceError) as error:
            # Nobody is shut out in a database that does not answer; but a process that alone is cut off from it ends.
            if overdue > scriptapps_settings.LEASE_SECONDS:
                raise StopScript("REFUSED", UNCHECKED) from error
            return
        if verdict is not Verdict.OK:
            raise StopScript("REFUSED")

    def tidy(self) -> None:
        """Forget sessions and people that are not here any more."""
        sessions = self.node.select()
        alive = {session.session_id for session in sessions}
        for table in (self._checked, self._denied):
            for key in [key for key in list(table) if key not in alive]:
                del table[key]
        people = {visitor for session in sessions for visitor in people_of(session)}
        for visitor in [visitor for visitor in list(self._doubts) if visitor not in people]:
            del self._doubts[visitor]
