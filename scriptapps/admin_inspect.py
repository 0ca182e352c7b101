"""Looking into a session from the admin: why it ran, what that cost, what it holds; and setting one value of it.

Runs on: request threads. Invariant: values are asked for only for who may see them, and each such look is in the audit;
what a process answers is deleted as soon as it is read.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from scriptapps import audit
from scriptapps.admin_observing import VIA, Observing
from scriptapps.api.problems import Problem
from scriptapps.api.values import stored_as_json, value_from_json
from scriptapps.errors import SteeringError, StoredStateGoneError
from scriptapps.models import RunRecord, ScriptSession, SessionRequest, SteeringReport
from scriptapps.models.steering import Act, steer
from scriptapps.permissions import may_act
from scriptapps.run_records import redact_pattern
from scriptapps.runtime.redaction import masked_within, shortened, state_values
from scriptapps.runtime.state_journal import STATE, Stored
from scriptapps.store import get_state_store, write_alias

ANSWER_SECONDS = 1.0
"""So long a process may take to answer; then what is stored is shown."""
RUN_SECONDS = 5.0
"""So long the form waits for the run that it caused."""
MAX_JSON = 100_000


class PatchForm(forms.Form):
    """One value, for a widget or for a key of session state."""

    where = forms.ChoiceField(
        label=gettext_lazy("Set"),
        choices=[("state", gettext_lazy("key of session_state")), ("values", gettext_lazy("widget with the key"))],
    )
    key = forms.CharField(label=gettext_lazy("Key"), max_length=255)
    value = forms.CharField(
        label=gettext_lazy("Value"),
        max_length=MAX_JSON,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60, "spellcheck": "false"}),
        help_text=gettext_lazy('JSON: 3, "text", [1, 2], {"a": true}'),
    )

    def clean_value(self) -> Any:
        """As the script will get it."""
        try:
            return value_from_json(json.loads(self.cleaned_data["value"]), "/value")
        except (ValueError, RecursionError):
            raise ValidationError(gettext("This is not JSON. Texts need double quotes.")) from None
        except Problem as problem:
            raise ValidationError("; ".join([problem.detail, *(words for _, words in problem.errors)])) from None


class Inspecting(Observing):
    """Part of the admin of sessions."""

    def inspecting_urls(self) -> list[Any]:
        """Addresses of the page and of its form."""
        # The process sees the question only when it is committed.
        look = transaction.non_atomic_requests(require_safe(self.inspect_view))
        patch = transaction.non_atomic_requests(require_POST(self.patch_view))
        view, name = self.admin_site.admin_view, "scriptapps_scriptsession"
        return [
            path("<uuid:session_id>/inspect/", view(look), name=f"{name}_inspect"),
            path("<uuid:session_id>/patch/", view(patch), name=f"{name}_patch"),
        ]

    def inspect_view(self, request: HttpRequest, session_id: Any) -> HttpResponse:
        """The page."""
        return self._page(request, self._session(request, session_id), PatchForm())

    def patch_view(self, request: HttpRequest, session_id: Any) -> HttpResponse:
        """Set one value, run the script, and say what came of it."""
        session = self._session(request, session_id)
        if not may_patch(request, session):
            raise PermissionDenied
        form = PatchForm(request.POST)
        if not form.is_valid():
            return self._page(request, session, form)
        where, key = form.cleaned_data["where"], form.cleaned_data["key"]
        try:
            with transaction.atomic():
                asked = session.rerun(**{where: {key: form.cleaned_data["value"]}}, by=request.user, trigger=VIA)
                audit.record(
                    "patch", by=request.user, via=VIA, session=session, outcome="asked", detail=f"assigns {key}"
                )
        except SteeringError as refused:
            form.add_error("value", str(refused))
            return self._page(request, session, form)
        self._say(request, session, asked.wait(RUN_SECONDS))
        return HttpResponseRedirect(self._address("inspect", session))

    def _say(self, request: HttpRequest, session: ScriptSession, report: SteeringReport) -> None:
        outcome = report.outcomes.get(str(session.pk), "")
        if not outcome:
            messages.info(request, gettext("The session was asked; the run has not ended yet."))
            return
        label = str(SessionRequest.Outcome(outcome).label)
        error = report.errors.get(str(session.pk), "")
        # A refusal speaks of what was just typed; what a script raised may quote anything.
        if error and (outcome == SessionRequest.Outcome.REFUSED or may_act(request.user, "view values")):
            label = f"{label}: {error}"
        done = outcome in (SessionRequest.Outcome.COMPLETED, SessionRequest.Outcome.DEFERRED)
        messages.add_message(request, messages.SUCCESS if done else messages.WARNING, label)

    def _page(self, request: HttpRequest, session: ScriptSession, form: PatchForm) -> HttpResponse:
        with_values = may_act(request.user, "view values")
        with transaction.atomic():
            if with_values:
                audit.record("view values", by=request.user, via=VIA, session=session)
            asked = ask(session, request.user, with_values)
        found = answer(asked)
        is_live = bool(found)
        if with_values and not found:
            found = stored(session)
        for run in found.get("runs", []):
            run["started"] = datetime.fromtimestamp(run["started"], UTC)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Inside %(title)s") % {"title": session.script_app},
            "subtitle": session.user.get_username() if session.user else gettext("anonymous"),
            "opts": self.opts,
            "media": self.media,
            "original": session,
            "found": found,
            "widgets": list(found.get("values", {}).items()),
            "state": list(found.get("state", {}).items()),
            "is_live": is_live,
            "with_values": with_values,
            "form": form if may_patch(request, session) else None,
            "records_url": self._records_url(request),
            "last_output": next((run["output"] for run in found.get("runs", []) if run.get("output")), ""),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "scriptapps/admin/inspect.html", context)

    def _records_url(self, request: HttpRequest) -> str:
        """Where a reference leads to its traceback; "" for those who may not go there."""
        if not self.admin_site.is_registered(RunRecord) or not request.user.has_perm("scriptapps.view_runrecord"):
            return ""
        return reverse(f"{self.admin_site.name}:scriptapps_runrecord_changelist")

    def _address(self, name: str, session: ScriptSession) -> str:
        return reverse(f"{self.admin_site.name}:scriptapps_scriptsession_{name}", args=[session.pk])


def may_patch(request: HttpRequest, session: ScriptSession) -> bool:
    """Whether there is something to change, and this person may."""
    return session.state != ScriptSession.State.CLOSED and may_act(request.user, "patch")


def ask(session: ScriptSession, by: Any, with_values: bool) -> SteeringReport:
    """Ask the session's process, if it has one, to describe it."""
    alone = ScriptSession.objects.using(write_alias()).filter(pk=session.pk)
    act = Act(SessionRequest.Kind.INSPECT, {"values": with_values}, parked="nothing")
    return steer(alone, act, {"by": by, "trigger": VIA})


def answer(asked: SteeringReport) -> dict[str, Any]:
    """What the process answered, {} if none did in time. Nothing of it stays."""
    rows = SessionRequest.objects.using(write_alias()).filter(pk__in=list(asked.requests))
    try:
        if asked.wait(ANSWER_SECONDS).waiting:
            return {}
        texts = [payload.get("answer") for payload in rows.values_list("payload", flat=True)]
        found: dict[str, Any] = json.loads(texts[0]) if texts and texts[0] else {}
        return found
    finally:
        rows.delete()


def stored(session: ScriptSession) -> dict[str, Any]:
    """What the store holds of the session, redacted as a process does it."""
    pattern = redact_pattern()
    try:
        held = get_state_store().load(str(session.pk))
    except StoredStateGoneError:
        return {}
    secrets: dict[str, str] = {}
    state = state_values(
        {name: Stored(data) for (space, name), data in held.items() if space == STATE}, pattern, secrets
    )
    widgets = stored_as_json(held, pattern)
    values = {**widgets["values"], **widgets["widgets"]}
    shown = {key: shortened(value) for key, value in masked_within(values, secrets).items()}
    return {"values": shown, "state": state, "last_error": masked_within(session.last_error, secrets)}
