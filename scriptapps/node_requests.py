"""Requests from outside on their way to the sessions of this process: looked for, taken once, handed over.

Runs on: the database executor and the beat's thread; ``look_soon`` and ``release_soon`` on any. Invariant: what waits
in the rows of sessions that live here is taken at the next look; a hint makes that soon, the beat makes it sure.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import close_old_connections

from scriptapps import lease, tracing
from scriptapps.elements.toast import toast_message
from scriptapps.models import CLOSED_BY_STAFF, ScriptSession, SessionRequest
from scriptapps.node_inspect import answer_inspection
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.outside import RequestAnswer
from scriptapps.runtime.run_queue import OutsideRequest, RerunRequest
from scriptapps.runtime.state_journal import Stored
from scriptapps.store import write_alias

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

CHUNK = 500
CLOSED_BY_STAFF_CODE = 4001
PROCESS_ENDED = "the process ended before the run did"
Kind, Outcome = SessionRequest.Kind, SessionRequest.Outcome


class NodeRequests:
    """Takes the requests of this process's sessions, and gives up sessions that others want."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        # One look at a time: what was read must be noted as taken before anybody reads again.
        self._looking = threading.Lock()
        # Requests of this look that wait until somebody sees the page.
        self._put_off: list[SessionRequest] = []
        # Guards what the next look on the executor is for: ids, or None for all; and whether one is on its way.
        self._lock = threading.Lock()
        self._asked: set[str] | None = set()
        self._is_coming = False

    # -- any thread ------------------------------------------------------------------------------------------------

    def look_soon(self, ids: Collection[str]) -> None:
        """Somebody asked something of these sessions, of any if there are no ids. However many say so: one look."""
        if ids and not self.node.select(list(ids)):
            return
        with self._lock:
            self._asked = None if not ids or self._asked is None else self._asked | set(ids)
            if self._is_coming:
                return
            self._is_coming = True
        self._submit(self._look_as_asked)

    def release_soon(self, ids: list[str]) -> None:
        """Another process wants these sessions."""
        if self.node.select(ids):
            self._submit(lambda: self.release_wanted(ids))

    def _look_as_asked(self) -> None:
        with self._lock:
            ids, self._asked, self._is_coming = self._asked, set(), False
        self.look(ids)

    def _submit(self, work: Callable[[], None]) -> None:
        def on_executor() -> None:
            close_old_connections()
            try:
                work()
            except Exception as error:
                self.node.outages.failed("A request could not be carried out; the next beat tries again", error)
            finally:
                close_old_connections()

        try:
            self.node.database.submit(on_executor)
        except RuntimeError:
            # The node has ended meanwhile, and its sessions are elsewhere.
            return

    # -- the database executor and the beat ------------------------------------------------------------------------

    def look(self, ids: Collection[str] | None = None) -> None:
        """Take what waits for these sessions, or for all of this process."""
        with self._looking:
            sessions = {session.session_id: session for session in self.node.select(None if ids is None else list(ids))}
            for session in sessions.values():
                self._store_unsaved(session)
                session.outside.begin_look()
            rows = self._taken(sessions, ids) if sessions else []
            for key, group in groupby(rows, key=lambda row: str(row.session_id)):
                self._carry_out(sessions[key], list(group))
            self._answer_put_off(sessions)

    def _taken(self, sessions: dict[str, LiveSession], ids: Collection[str] | None) -> list[SessionRequest]:
        """What nobody has taken yet, by session and in the order in which it was asked."""
        rows = SessionRequest.objects.using(write_alias())
        waiting = rows.waiting().filter(session__node=self.node.name).order_by("pk")
        if ids is not None and len(sessions) <= CHUNK:
            waiting = waiting.filter(session_id__in=list(sessions))
        numbers = {
            number: sessions[str(key)]
            for number, key in waiting.values_list("pk", "session_id")
            if str(key) in sessions and sessions[str(key)].outside.take(number)
        }
        try:
            found = [row for chunk in _chunks(list(numbers)) for row in rows.filter(pk__in=chunk)]
        except BaseException:
            for number, session in numbers.items():
                session.outside.give_back([number])
            raise
        return sorted(found, key=lambda row: (str(row.session_id), row.pk))

    def _carry_out(self, session: LiveSession, rows: list[SessionRequest]) -> None:
        try:
            self._hand_over(session, rows)
            if self.node.spans is not None:
                self.node.spans.requests_taken(session, rows)
        except Exception:
            logger.exception("Session %s could not be asked; the next beat tries again", session.session_id)
            session.outside.give_back(row.pk for row in rows)

    def _hand_over(self, session: LiveSession, rows: list[SessionRequest]) -> None:
        if closing := _of(rows, Kind.CLOSE):
            # The row writer answers, together with the row's end.
            session.close(CLOSED_BY_STAFF_CODE, CLOSED_BY_STAFF, closing[-1].payload.get("message", ""))
            return
        if stops := _of(rows, Kind.STOP):
            # Before it is done: a request that is found again must not stop a later run.
            self._answer(session, stops, Outcome.COMPLETED)
            session.request_stop()
        if notices := _of(rows, Kind.NOTIFY):
            self._answer(session, notices, Outcome.COMPLETED if session.people else Outcome.UNSEEN)
            for row in notices:
                session.post_toast(toast_message(row.payload["text"], row.payload["icon"]))
        for row in _of(rows, Kind.INSPECT):
            SessionRequest.objects.using(write_alias()).tell(row.pk, answer_inspection(session, row))
            session.outside.answered([row.pk])
        self._rerun(session, [row for row in rows if row.kind in (Kind.RERUN, Kind.EVENT)])

    def _rerun(self, session: LiveSession, rows: list[SessionRequest]) -> None:
        for row in rows:
            if not row.payload.get("run", True):
                session.outside.keep(_outside(row))
        rows = [row for row in rows if row.payload.get("run", True)]
        fragments: tuple[str, ...] | None = ()
        carried: list[SessionRequest] = []
        for row in rows:
            if row.kind == Kind.EVENT:
                problem, wanted = "", _listeners(session, row.payload["name"])
            else:
                problem, wanted = _fragments(session, row.payload)
            if wanted == ():
                self._answer(session, [row], Outcome.UNHEARD)
                continue
            if problem:
                self._answer(session, [row], Outcome.REFUSED, problem)
                continue
            carried.append(row)
            fragments = None if fragments is None or wanted is None else fragments + wanted
        if carried:
            reason, detail = _cause(carried[-1])
            request = RerunRequest(
                reason,
                background=True,
                # What is asked without pause must not keep runs from ever reaching their end.
                supersedes=not session.outside.is_open,
                fragments=fragments,
                detail=detail,
            )
            if all(map(_is_plain, carried)) and session.later.put_off(request):
                self._put_off += carried
                return
            _request(session, replace(request, outside=tuple(_outside(row) for row in carried)))

    def _answer_put_off(self, sessions: dict[str, LiveSession]) -> None:
        """Together: what is asked of everybody is put off by many."""
        rows, self._put_off = self._put_off, []
        try:
            answers = [RequestAnswer(row.pk, str(Outcome.DEFERRED)) for row in rows]
            SessionRequest.objects.using(write_alias()).answer(answers)
        except BaseException:
            for row in rows:
                sessions[str(row.session_id)].outside.give_back([row.pk])
            raise
        for row in rows:
            sessions[str(row.session_id)].outside.answered([row.pk])

    @staticmethod
    def _answer(session: LiveSession, rows: Iterable[SessionRequest], outcome: str, error: str = "") -> None:
        numbers = [row.pk for row in rows]
        answers = [RequestAnswer(number, str(outcome), error) for number in numbers]
        SessionRequest.objects.using(write_alias()).answer(answers)
        session.outside.answered(numbers)

    @staticmethod
    def _store_unsaved(session: LiveSession) -> None:
        """Runs that were given up could not store their answers."""
        answers = session.outside.take_unsaved()
        if answers:
            try:
                SessionRequest.objects.using(write_alias()).answer(answers)
            except BaseException:
                session.outside.put_back(answers)
                raise
            session.outside.answered(answer.number for answer in answers)

    # -- sessions that come and go ---------------------------------------------------------------------------------

    def take_over(self, session: LiveSession) -> bool:
        """Take what waited while the session was parked, for its first run. False: it was asked to close, and has.

        For a session that was restored here, before anything of it runs.
        """
        rows = SessionRequest.objects.using(write_alias()).unfinished()
        with self._looking:
            waiting = rows.filter(session=UUID(session.session_id)).order_by("pk")
            found = [row for row in waiting if session.outside.take(row.pk)]
            left = [row for row in found if row.outcome]
            found = [row for row in found if not row.outcome]
            self._answer(session, left, Outcome.ABANDONED, PROCESS_ENDED)
            if closing := _of(found, Kind.CLOSE):
                session.close(CLOSED_BY_STAFF_CODE, CLOSED_BY_STAFF, closing[-1].payload.get("message", ""))
                return False
            self._answer(session, _of(found, Kind.STOP), Outcome.COMPLETED)
            self._answer(session, [*_of(found, Kind.NOTIFY), *_of(found, Kind.INSPECT)], Outcome.UNSEEN)
            for row in found:
                if row.kind in (Kind.RERUN, Kind.EVENT):
                    session.outside.keep(_outside(row))
        return True

    def release_wanted(self, ids: list[Any] | None) -> None:
        """Give up what others want of these sessions, or of all of this process."""
        rows = ScriptSession.objects.filter(node=self.node.name, release_wanted__gt=0)
        rows = rows.exclude(state=ScriptSession.State.CLOSED)
        for key, epoch in (rows if ids is None else rows.filter(pk__in=ids)).values_list("pk", "epoch"):
            self._give_up(str(key), epoch)

    def _give_up(self, key: str, epoch: int) -> None:
        live = self.node.select([key])
        if any(session.is_shared and session.people for session in live):
            # It stays with those who look at it: whoever asked is led here in the end.
            ScriptSession.objects.filter(pk=key, node=self.node.name).update(release_wanted=0)
        elif live:
            self.node.release(live[0])
        elif key not in self.node.leaving:
            # Nothing of it is left here: giving it up failed earlier.
            lease.release(key, self.node.name, epoch)


def _of(rows: Iterable[SessionRequest], kind: str) -> list[SessionRequest]:
    return [row for row in rows if row.kind == kind]


def _chunks(numbers: list[int]) -> Iterable[list[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]


def _outside(row: SessionRequest) -> OutsideRequest:
    values, state = ({key: Stored(text.encode()) for key, text in row.payload.get(name, {}).items()}
                     for name in ("values", "state"))  # fmt: skip
    events = ((row.payload["name"], Stored(row.payload["event"].encode())),) if row.kind == Kind.EVENT else ()
    trace = row.payload.get(tracing.HEADER, "")
    return OutsideRequest(row.pk, values=values, state=state, events=events, trace=trace)


def _cause(row: SessionRequest) -> tuple[str, str]:
    """Why it runs, and what exactly: who asked, or which event and who sent it."""
    if row.kind != Kind.EVENT:
        return row.trigger, row.detail
    sender = f"{row.trigger}: {row.detail}" if row.detail else row.trigger
    return "event", f"{row.payload['name']} ({sender})"


def _is_plain(row: SessionRequest) -> bool:
    """Whether it asks for nothing but a page that is up to date: that can wait until somebody sees the page."""
    return row.kind == Kind.RERUN and not row.payload.get("values") and not row.payload.get("state")


def _listeners(session: LiveSession, name: str) -> tuple[str, ...] | None:
    """Ids of the fragments that an event runs again, None for the whole script; empty if nobody listens."""
    if not session.runs:
        # A page that has not run yet has not said what it listens for.
        return None
    listeners = session.outside.events.listeners(name)
    return None if "" in listeners else tuple(sorted(listeners))


def _fragments(session: LiveSession, payload: dict[str, Any]) -> tuple[str, tuple[str, ...] | None]:
    """(why it cannot be, ids of the fragments that have to run or None for all)."""
    name = payload.get("fragment")
    if not name or not session.runs:
        # A page that was just restored does not know its fragments yet.
        return "", None
    ids = session.fragments.named(name)
    if not ids:
        there = sorted({fragment.key or fragment.name for fragment in session.fragments.all()})
        return f"no fragment is called {name!r}; the page has: {', '.join(there) or 'none'}", None
    keys = [session.widgets.keys.get(key, "") for key in payload.get("values", {})]
    specs = session.widgets.specs
    within = session.fragments.within(ids)
    # A value for a widget somewhere else has to be shown there.
    is_enough = all(key in specs and specs[key].fragment_id in within for key in keys)
    return "", ids if is_enough else None


def _request(session: LiveSession, request: RerunRequest) -> None:
    if session.request_rerun(request):
        return
    # The fragments have gone meanwhile; or the session has, and the next look or the next owner finds the requests.
    if request.fragments is None or not session.request_rerun(replace(request, fragments=None)):
        session.outside.give_back(asked.number for asked in request.outside)
