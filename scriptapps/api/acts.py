"""The endpoints that act: rerun, stop, close, notify, state, and events.

Runs on: request threads. Invariant: an act, its audit record and its idempotency key are one transaction; waiting for
how it ends comes after that, and has a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.http import JsonResponse

from scriptapps.api.call import VIA, Call
from scriptapps.api.once import carry_out
from scriptapps.api.problems import Problem
from scriptapps.api.selection import in_words, select
from scriptapps.api.values import value_from_json, values_from_json
from scriptapps.conf import scriptapps_settings
from scriptapps.errors import SteeringError
from scriptapps.events import send_event
from scriptapps.models import ScriptSession, ScriptSessionQuerySet, SteeringReport
from scriptapps.models.steering import TIMEOUT

Ask = Callable[[ScriptSessionQuerySet, dict[str, Any]], SteeringReport]


def rerun(call: Call) -> JsonResponse:
    """Run scripts again, with other values where some are given."""
    given = {name: values_from_json(call.body.get(name, {}), name) for name in ("values", "state")}
    names = {*given["values"], *given["state"]}
    if names:
        call.require("patch")
    fragment = call.body.get("fragment", "")
    return _act(
        call,
        "rerun",
        lambda sessions, who: sessions.rerun(values=given["values"], state=given["state"], fragment=fragment, **who),
        names,
    )


def stop(call: Call) -> JsonResponse:
    """Stop the runs that are going on."""
    return _act(call, "stop", lambda sessions, who: sessions.stop(**who))


def close(call: Call) -> JsonResponse:
    """End sessions for good."""
    message = call.body.get("message", "")
    return _act(call, "close", lambda sessions, who: sessions.close(message, **who))


def notify(call: Call) -> JsonResponse:
    """Show a message on pages that are open."""
    text, icon = call.body["text"], call.body.get("icon", "")
    return _act(call, "notify", lambda sessions, who: sessions.notify(text, icon, **who))


def state(call: Call) -> JsonResponse:
    """Assign keys of session_state, with or without a run."""
    given = values_from_json(call.body["state"], "state")
    run = call.body.get("rerun", True)
    return _act(call, "patch", lambda sessions, who: sessions.update_state(given, rerun=run, **who), given)


def event(call: Call) -> JsonResponse:
    """Send an event to the pages that listen for it."""
    name, payload = call.body["name"], value_from_json(call.body.get("payload"), "/payload")
    return _act(call, "event", lambda sessions, who: send_event(name, payload, to=sessions, **who))


def _act(call: Call, act: str, ask: Ask, names: Iterable[str] = ()) -> JsonResponse:
    selection = call.body["sessions"]
    who = {"by": call.actor.user, "trigger": VIA, "detail": str(call.actor)}

    def carry() -> SteeringReport:
        report = ask(select(call.sessions(), selection), who)
        _record(call, act, selection, report, sorted(names))
        return report

    try:
        once = carry_out(call, carry)
    except SteeringError as refused:
        raise Problem(400, str(refused)) from None
    if once.is_replay and once.row and once.row.answer:
        return _answer(once.row.answer, is_replay=True)
    if call.body.get("wait", False):
        once.report.wait(min(call.body.get("timeout", TIMEOUT), scriptapps_settings.API_WAIT_SECONDS))
    document = report_as_json(once.report)
    once.keep(document)
    return _answer(document, is_replay=once.is_replay)


def _record(call: Call, act: str, selection: dict[str, Any], report: SteeringReport, names: list[str]) -> None:
    """On whom and how many, and the names of what was assigned; never a value."""
    reached = {*report.requests.values(), *report.outcomes}
    alone = (
        ScriptSession.objects.select_related("script_app").filter(pk=UUID(min(reached))).first()
        if len(reached) == 1
        else None
    )
    words = in_words(selection) + (f"; assigns {', '.join(names)}" if names else "")
    call.record(
        act,
        session=alone,
        sessions=sorted(reached),
        script_app=selection.get("script_app", ""),
        count=report.asked,
        outcome="asked" if report.asked else "nobody",
        detail=words,
    )


def report_as_json(report: SteeringReport) -> dict[str, Any]:
    """Whom it reached and how it ended, as far as that is known."""
    return {
        "asked": report.asked,
        "outcomes": report.outcomes,
        "errors": report.errors,
        "waiting": report.waiting,
        "requests": [{"id": number, "session": key} for number, key in report.requests.items()],
    }


def _answer(document: dict[str, Any], *, is_replay: bool) -> JsonResponse:
    headers = {"Idempotency-Replayed": "true"} if is_replay else {}
    return JsonResponse(document, status=202 if document["waiting"] else 200, headers=headers)
