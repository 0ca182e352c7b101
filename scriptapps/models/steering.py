"""Steering: what one may ask of sessions, from any code of the site, in any process.

Runs on: whoever asks; never on the event loop (each method has an `a` twin for that). Invariant: a request is a row in
the caller's transaction; who is to hear of it is told when that has committed. Nothing here talks to a process.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from asgiref.sync import sync_to_async
from django.db import connections, router, transaction
from django.db.models import Q
from django.utils import timezone

from scriptapps import signals, tracing
from scriptapps.conf import scriptapps_settings
from scriptapps.elements.markdown_directives import icon_text
from scriptapps.errors import NotDurableError, SteeringError
from scriptapps.models.liveness import live_since
from scriptapps.models.session_request import CHUNK, SessionRequest
from scriptapps.models.steering_report import SteeringReport
from scriptapps.runtime.state_codec import encode_value
from scriptapps.runtime.state_journal import MAX_NAME

Kind, Outcome = SessionRequest.Kind, SessionRequest.Outcome
Values = Mapping[str, Any] | None

CLOSED, CLOSED_BY_STAFF = "closed", "closed by staff"
TIMEOUT = 30.0


class Asking(TypedDict, total=False):
    """Who asks, for the record: a user, the way ("Python" unless said), and words for both."""

    by: Any
    trigger: str
    detail: str


@dataclass(frozen=True)
class Act:
    """What is asked. ``parked`` says what it means for sessions that no process holds."""

    kind: SessionRequest.Kind
    payload: dict[str, Any] = field(default_factory=dict)
    # "record": it waits for them; "fulfilled": opening them does it anyway; "nothing": there is nobody to do it.
    parked: str = "record"


class SteerableSessions:
    """Methods of the queryset. All take ``by``, ``trigger`` and ``detail`` for the record, and take effect at commit.

    ``wait=True`` waits, at most ``timeout`` seconds, for how it ended; not possible inside a transaction.
    """

    def rerun(
        self,
        *,
        values: Values = None,
        state: Values = None,
        fragment: str = "",
        wait: bool = False,
        timeout: float = TIMEOUT,
        **asking: Unpack[Asking],
    ) -> SteeringReport:
        """Run the script again, with new ``values`` of widgets (by key) and of ``session_state``.

        ``fragment`` names the only part that has to run. Raises SteeringError for values that cannot travel.
        """
        return steer(self, _rerun(values, state, fragment), asking, wait, timeout)

    async def arerun(
        self,
        *,
        values: Values = None,
        state: Values = None,
        fragment: str = "",
        wait: bool = False,
        timeout: float = TIMEOUT,
        **asking: Unpack[Asking],
    ) -> SteeringReport:
        """`rerun` for async code."""
        return await asteer(self, _rerun(values, state, fragment), asking, wait, timeout)

    def update_state(
        self,
        state: Values = None,
        /,
        *,
        rerun: bool = True,
        wait: bool = False,
        timeout: float = TIMEOUT,
        **asking: Unpack[Asking],
    ) -> SteeringReport:
        """Assign keys of ``session_state``; with ``rerun=False`` the next run sees them, whatever causes it."""
        return steer(self, _update(state, rerun), asking, wait, timeout)

    async def aupdate_state(
        self,
        state: Values = None,
        /,
        *,
        rerun: bool = True,
        wait: bool = False,
        timeout: float = TIMEOUT,
        **asking: Unpack[Asking],
    ) -> SteeringReport:
        """`update_state` for async code."""
        return await asteer(self, _update(state, rerun), asking, wait, timeout)

    def stop(self, *, wait: bool = False, timeout: float = TIMEOUT, **asking: Unpack[Asking]) -> SteeringReport:
        """Stop the run that is going on; what was asked for from outside is carried out all the same."""
        return steer(self, Act(Kind.STOP, parked="nothing"), asking, wait, timeout)

    async def astop(self, *, wait: bool = False, timeout: float = TIMEOUT, **asking: Unpack[Asking]) -> SteeringReport:
        """`stop` for async code."""
        return await asteer(self, Act(Kind.STOP, parked="nothing"), asking, wait, timeout)

    def close(
        self, message: str = "", *, wait: bool = False, timeout: float = TIMEOUT, **asking: Unpack[Asking]
    ) -> SteeringReport:
        """End these sessions for good; those in no living process end at once. The page shows ``message``."""
        return steer(self, Act(Kind.CLOSE, {"message": str(message)}), asking, wait, timeout)

    async def aclose(
        self, message: str = "", *, wait: bool = False, timeout: float = TIMEOUT, **asking: Unpack[Asking]
    ) -> SteeringReport:
        """`close` for async code."""
        return await asteer(self, Act(Kind.CLOSE, {"message": str(message)}), asking, wait, timeout)

    def notify(
        self, text: str, icon: str = "", *, wait: bool = False, timeout: float = TIMEOUT, **asking: Unpack[Asking]
    ) -> SteeringReport:
        """Show a message that passes on the pages that are open, without a run. ``text`` is Markdown."""
        return steer(self, _notice(text, icon), asking, wait, timeout)

    async def anotify(
        self, text: str, icon: str = "", *, wait: bool = False, timeout: float = TIMEOUT, **asking: Unpack[Asking]
    ) -> SteeringReport:
        """`notify` for async code."""
        return await asteer(self, _notice(text, icon), asking, wait, timeout)


class SteerableSession:
    """The same for one session: methods of the model, with the parameters of the queryset's."""

    def _alone(self) -> Any:
        row: Any = self
        return type(row)._default_manager.using(row._state.db).filter(pk=row.pk)

    def rerun(self, **options: Any) -> SteeringReport:
        """See ``SteerableSessions.rerun``."""
        return self._alone().rerun(**options)

    async def arerun(self, **options: Any) -> SteeringReport:
        """`rerun` for async code."""
        return await self._alone().arerun(**options)

    def update_state(self, state: Values = None, /, **options: Any) -> SteeringReport:
        """See ``SteerableSessions.update_state``."""
        return self._alone().update_state(state, **options)

    async def aupdate_state(self, state: Values = None, /, **options: Any) -> SteeringReport:
        """`update_state` for async code."""
        return await self._alone().aupdate_state(state, **options)

    def stop(self, **options: Any) -> SteeringReport:
        """See ``SteerableSessions.stop``."""
        return self._alone().stop(**options)

    async def astop(self, **options: Any) -> SteeringReport:
        """`stop` for async code."""
        return await self._alone().astop(**options)

    def close(self, message: str = "", **options: Any) -> SteeringReport:
        """See ``SteerableSessions.close``."""
        return self._alone().close(message, **options)

    async def aclose(self, message: str = "", **options: Any) -> SteeringReport:
        """`close` for async code."""
        return await self._alone().aclose(message, **options)

    def notify(self, text: str, icon: str = "", **options: Any) -> SteeringReport:
        """See ``SteerableSessions.notify``."""
        return self._alone().notify(text, icon, **options)

    async def anotify(self, text: str, icon: str = "", **options: Any) -> SteeringReport:
        """`notify` for async code."""
        return await self._alone().anotify(text, icon, **options)


# -- what is asked -----------------------------------------------------------------------------------------------------


def _rerun(values: Values, state: Values, fragment: str) -> Act:
    payload = {"values": _encoded(values, "values"), "state": _encoded(state, "state"), "fragment": fragment}
    payload = {name: given for name, given in payload.items() if given}
    carries = "values" in payload or "state" in payload
    return Act(Kind.RERUN, payload, parked="record" if carries else "fulfilled")


def _update(state: Values, rerun: bool) -> Act:
    payload: dict[str, Any] = {"state": _encoded(state, "state")}
    return Act(Kind.RERUN, payload if rerun else {**payload, "run": False})


def _notice(text: str, icon: str) -> Act:
    return Act(Kind.NOTIFY, {"text": str(text), "icon": icon_text(icon or None)}, parked="nothing")


def _encoded(given: Values, name: str) -> dict[str, str]:
    """Each value as text of the state codec, in ASCII: some databases refuse some characters in JSON."""
    encoded: dict[str, str] = {}
    for key, value in (given or {}).items():
        if not isinstance(key, str) or not 0 < len(key) <= MAX_NAME or "\0" in key:
            raise SteeringError(f"{name}: a key is a text of 1 to {MAX_NAME} characters, not {key!r}.")
        try:
            encoded[key] = json.dumps(json.loads(encode_value(value)), separators=(",", ":"))
        except NotDurableError as reason:
            raise SteeringError(f"{name}[{key!r}] cannot be sent to a session: {reason}.") from None
    if (size := sum(map(len, encoded.values()))) > scriptapps_settings.STATE_VALUE_BYTES:
        limit = scriptapps_settings.STATE_VALUE_BYTES
        raise SteeringError(f"{name}: {size:,} bytes are more than STATE_VALUE_BYTES ({limit:,}).")
    return encoded


# -- asking ------------------------------------------------------------------------------------------------------------


def steer(sessions: Any, act: Act, asking: Asking, wait: bool = False, timeout: float = TIMEOUT) -> SteeringReport:
    """Ask these sessions (a queryset), and wait for the outcome if told to."""
    report = _record(sessions, act, asking, wait)
    return report.wait(timeout) if wait else report


async def asteer(
    sessions: Any, act: Act, asking: Asking, wait: bool = False, timeout: float = TIMEOUT
) -> SteeringReport:
    """`steer` for async code: nothing is blocked while it waits."""
    report = await sync_to_async(_record)(sessions, act, asking, wait)
    return await report.await_end(timeout) if wait else report


def _record(sessions: Any, act: Act, asking: Asking, wait: bool) -> SteeringReport:
    using = sessions._db or router.db_for_write(sessions.model)
    if wait and connections[using].in_atomic_block:
        raise SteeringError("wait=True cannot be used inside a transaction: nobody sees the request before it ends.")
    with transaction.atomic(using=using):
        chosen = _Chosen(sessions, act, using)
        asked = [*chosen.owned, *chosen.parked]
        rows = _insert(act, asking, asked, using)
        report = SteeringReport(len(asked) + len(chosen.fulfilled), using=using)
        report.requests = {row.pk: str(row.session_id) for row in rows}
        report.waiting = [str(key) for key in asked]
        if act.kind is Kind.CLOSE:
            _close_unowned(chosen.rows, asked, using)
        if chosen.owned:
            transaction.on_commit(lambda: _announce(sessions.model, act.kind.value, chosen.owned), using=using)
    for key in [*chosen.fulfilled, *(() if act.kind is Kind.CLOSE else chosen.silent)]:
        report.outcomes[str(key)] = Outcome.DEFERRED.value
    report.waiting = [key for key in report.waiting if key not in report.outcomes]
    return report


class _Chosen:
    """Open sessions by who holds them: ``owned`` by some process, ``parked`` by none.

    ``silent`` are those that nobody can answer for now, ``fulfilled`` those whose next opening does what is asked.
    """

    def __init__(self, sessions: Any, act: Act, using: str) -> None:
        self.rows = sessions.model._base_manager.using(using).exclude(state=CLOSED)
        if sessions.query.is_sliced:
            sessions = sessions.model._base_manager.filter(pk__in=list(sessions.values_list("pk", flat=True)))
        found = sessions.using(using).exclude(state=CLOSED).order_by().values_list("pk", "node", "beat").distinct()
        border = live_since()
        self.owned: list[uuid.UUID] = []
        self.parked: list[uuid.UUID] = []
        self.fulfilled: list[uuid.UUID] = []
        self.silent: list[uuid.UUID] = []
        for key, node, beat in list(found):
            (self.owned if node else self.parked).append(key)
            if not node or beat <= border:
                self.silent.append(key)
        if act.parked == "nothing":
            self.parked = []
        elif act.parked == "fulfilled":
            self._leave_to_next_opening()

    def _leave_to_next_opening(self) -> None:
        """Whoever opens a parked session runs its script; not before what is written here can be seen."""
        parked, self.parked = self.parked, []
        for start in range(0, len(parked), CHUNK):
            chunk = parked[start : start + CHUNK]
            # The lock makes a process that is about to open one wait for the end of this transaction.
            locked = self.rows.filter(pk__in=chunk, node="").select_for_update().order_by("pk")
            still = set(locked.values_list("pk", flat=True))
            self.fulfilled += still
            self.owned += [key for key in chunk if key not in still]


def _insert(act: Act, asking: Asking, ids: list[uuid.UUID], using: str) -> list[SessionRequest]:
    by = asking.get("by")
    by = by if getattr(by, "pk", None) is not None else None
    sent = tracing.current_traceparent()
    fields = {
        "kind": act.kind,
        "payload": {**act.payload, tracing.HEADER: sent} if sent else act.payload,
        "trigger": asking.get("trigger", "Python"),
        "detail": (asking.get("detail") or (by.get_username() if by else ""))[:200],
        "requested_by_id": by.pk if by else None,
    }
    rows = [SessionRequest(session_id=key, **fields) for key in ids]
    if connections[using].features.can_return_rows_from_bulk_insert:
        return SessionRequest.objects.using(using).bulk_create(rows, batch_size=CHUNK)
    for row in rows:
        row.save(using=using, force_insert=True)
    return rows


def _close_unowned(rows: Any, ids: list[uuid.UUID], using: str) -> None:
    """Nobody is there to do it."""
    ended = {"state": CLOSED, "close_reason": CLOSED_BY_STAFF, "viewers": 0, "lease_expires": None}
    for start in range(0, len(ids), CHUNK):
        unowned = rows.filter(Q(node="") | Q(beat__lte=live_since()), pk__in=ids[start : start + CHUNK])
        keys = list(unowned.values_list("pk", flat=True))
        if keys and rows.filter(pk__in=keys).filter(Q(node="") | Q(beat__lte=live_since())).update(
            closed_at=timezone.now(), **ended
        ):
            closed = rows.model._base_manager.using(using).filter(pk__in=keys, state=CLOSED)
            SessionRequest.objects.using(using).session_ended(closed.values_list("pk", flat=True))


def _announce(sender: Any, kind: str, ids: list[uuid.UUID]) -> None:
    signals.steering_requested.send_robust(sender=sender, kind=kind, ids=ids)
