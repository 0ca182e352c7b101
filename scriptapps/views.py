"""The HTTP side: the index, the page around a script app, its status document, and frozen pages.

Runs on: request threads.
Invariant: every answer about a script app comes from `permissions.decide`, and none is cached.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from scriptapps import identity, shell
from scriptapps.headers import secure_data, secure_page
from scriptapps.models import SavedSnapshot, ScriptApp
from scriptapps.node import get_node
from scriptapps.permissions import Decision, decide, message_while_disabled, openable
from scriptapps.registry import EffectiveApp, ScriptSource, registry


@dataclass(frozen=True, slots=True)
class Admission:
    """What the policy said about one request for one script app; the parts are None when it is gone."""

    decision: Decision
    source: ScriptSource | None = None
    row: ScriptApp | None = None
    effective: EffectiveApp | None = None

    def parts(self) -> tuple[ScriptSource, ScriptApp, EffectiveApp] | None:
        """Source, row and effective settings once the policy said yes, otherwise None."""
        if self.decision is not Decision.ALLOW or not (self.source and self.row and self.effective):
            return None
        return self.source, self.row, self.effective


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What this person may open. Somebody who is not signed in and may open nothing is sent to sign in."""
    items = openable(request.user)
    if not items and not request.user.is_authenticated and registry.all():
        return secure_page(HttpResponseRedirect(shell.sign_in_url(request.get_full_path())))
    context = {
        "items": items,
        "folders": registry.roots() if settings.DEBUG and not registry.all() else None,
        "login_url": "" if request.user.is_authenticated else shell.sign_in_url(request.get_full_path()),
    }
    return secure_page(render(request, "scriptapps/index.html", context))


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """The page of one script app: the custom element with all it needs to open its socket."""
    admission = admit(request, slug)
    if (parts := admission.parts()) is None:
        return refusal(request, admission)
    attributes = shell.live_attributes(request, *parts, next_path=request.get_full_path())
    return _element_page(request, attributes, parts[2])


@require_safe
def socket(request: HttpRequest, slug: str) -> HttpResponse:
    """The websocket's address, asked by plain HTTP. The ASGI side knows sockets by this very function."""
    response = HttpResponse("This address speaks WebSocket.\n", content_type="text/plain", status=426)
    response.headers["Upgrade"] = "websocket"
    response.headers["Connection"] = "Upgrade"
    return secure_data(response)


@require_safe
def status(request: HttpRequest, slug: str) -> HttpResponse:
    """Why a socket was refused, and what to do: a fresh token, or the way to sign in. Never a redirect.

    503 while the database does not answer: the browser asks again.
    """
    try:
        return secure_data(JsonResponse(_status_document(request, slug)))
    except DatabaseTrouble as error:
        get_node().outages.failed("A browser could not be told its status; it asks again", error)
        return secure_data(HttpResponse(status=503, content_type="text/plain"))


def _status_document(request: HttpRequest, slug: str) -> dict[str, Any]:
    admission = admit(request, slug)
    document: dict[str, Any] = {
        "state": admission.decision.value,
        "token": "",
        "fingerprint": "",
        "login_url": shell.sign_in_url(shell.own_url(request, "page", slug)),
        "resume": False,
        "session": "",
    }
    if message := message_while_disabled(request.user, admission.effective):
        document["message"] = message
    if admission.decision is Decision.ALLOW:
        binding = identity.bind(request)
        asked = request.GET.get("session", "")
        document["token"] = identity.page_token(binding, slug)
        document["fingerprint"] = identity.fingerprint(binding)
        document["resume"] = bool(asked) and get_node().resumable(asked, binding, request.user, slug)
    return document


@require_safe
def saved(request: HttpRequest, slug: str, snapshot_id: UUID) -> HttpResponse:
    """A frozen page, for those who may open its script app; the script does not run."""
    admission = admit(request, slug)
    if (parts := admission.parts()) is None:
        return refusal(request, admission)
    snapshot = _snapshots(slug).defer("payload").filter(pk=snapshot_id).first()
    if snapshot is None:
        return refusal(request, Admission(Decision.GONE))
    return _element_page(request, shell.frozen_attributes(request, snapshot, parts[2]), parts[2])


@require_safe
def saved_data(request: HttpRequest, slug: str, snapshot_id: UUID) -> HttpResponse:
    """The bytes of the Snapshot message behind a frozen page."""
    admission = admit(request, slug)
    snapshot = _snapshots(slug).filter(pk=snapshot_id).first() if admission.parts() else None
    if snapshot is None:
        refused = admission.decision in {Decision.SIGN_IN, Decision.FORBIDDEN}
        return secure_data(HttpResponse(status=403 if refused else 404, content_type="text/plain"))
    return secure_data(HttpResponse(zlib.decompress(snapshot.payload), content_type="application/x-protobuf"))


def admit(request: HttpRequest, slug: str) -> Admission:
    """Ask the policy about this request's user and the script app as it is now."""
    source = registry.find(slug)
    if source is None:
        return Admission(Decision.GONE)
    row = registry.script_app(source)
    effective = registry.effective(source, row)
    return Admission(decide(request.user, effective), source, row, effective)


def refusal(request: HttpRequest, admission: Admission) -> HttpResponse:
    """The page for a "no": to the sign-in, 403, or 404."""
    login_url = shell.sign_in_url(request.get_full_path())
    if admission.decision is Decision.SIGN_IN:
        return secure_page(HttpResponseRedirect(login_url))
    if admission.decision is Decision.FORBIDDEN:
        context = {"login_url": login_url, "page_title": admission.effective and admission.effective.title}
        return secure_page(render(request, "scriptapps/403.html", context, status=403))
    message = message_while_disabled(request.user, admission.effective)
    context = {"message": message, "page_title": message and admission.effective and admission.effective.title}
    return secure_page(render(request, "scriptapps/404.html", context, status=404))


def _element_page(request: HttpRequest, attributes: shell.Attributes, effective: EffectiveApp) -> HttpResponse:
    context = {
        "attributes": attributes,
        "modules": shell.lazy_modules(),
        "page_title": attributes["page-title"],
        "description": effective.description,
    }
    return secure_page(render(request, "scriptapps/page.html", context))


def _snapshots(slug: str) -> Any:
    return SavedSnapshot.objects.filter(script_app__slug=slug).select_related("user")
