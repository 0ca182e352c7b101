"""Rerun, stop and close in the admin: for many sessions after a question that says whom it concerns, for one by button.

Runs on: request threads. Invariant: each act needs its own permission, asked again when it is confirmed; the request,
the log's entries and the audit record are one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from scriptapps import audit
from scriptapps.models import ScriptSession, ScriptSessionQuerySet
from scriptapps.permissions import may_act

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[ScriptSession]
else:
    Base = object

# What the log says about one session, and the message about several.
STEERING = {
    "rerun": (
        _("Asked to rerun."),
        ngettext_lazy("%d session was asked to rerun.", "%d sessions were asked to rerun."),
    ),
    "stop": (
        _("Asked to stop its run."),
        ngettext_lazy("%d session was asked to stop its run.", "%d sessions were asked to stop their runs."),
    ),
    "close": (
        _("Asked to close."),
        ngettext_lazy("%d session was asked to close.", "%d sessions were asked to close."),
    ),
}
# Title of the question, and what the act does.
QUESTIONS = {
    "rerun": (_("Rerun sessions"), _("Their scripts run again. Runs that are going on are given up for it.")),
    "stop": (_("Stop runs"), _("Runs that are going on end where they are. Pages stay as they are.")),
    "close": (_("Close sessions"), _("The sessions end for good. Their pages say so and offer to start again.")),
}
APPS_NAMED = 10


class Steering(Base):
    """Part of the admin of sessions."""

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        """Whether this person may rerun sessions."""
        return may_act(request.user, "rerun")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Whether this person may stop runs."""
        return may_act(request.user, "stop")

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Whether this person may close sessions."""
        return may_act(request.user, "close")

    @admin.action(permissions=["rerun"], description=_("Rerun selected sessions"))
    def rerun(self, request: HttpRequest, queryset: ScriptSessionQuerySet) -> HttpResponse | None:
        """Ask them to run their script again."""
        return self._ask_first(request, queryset, "rerun")

    @admin.action(permissions=["stop"], description=_("Stop the runs of selected sessions"))
    def stop(self, request: HttpRequest, queryset: ScriptSessionQuerySet) -> HttpResponse | None:
        """Ask them to stop the run they are in."""
        return self._ask_first(request, queryset, "stop")

    @admin.action(permissions=["close"], description=_("Close selected sessions"))
    def close(self, request: HttpRequest, queryset: ScriptSessionQuerySet) -> HttpResponse | None:
        """Ask them to end."""
        return self._ask_first(request, queryset, "close")

    def _ask_first(self, request: HttpRequest, queryset: ScriptSessionQuerySet, kind: str) -> HttpResponse | None:
        if request.POST.get("confirmed"):
            self.steer(request, queryset, kind)
            return None
        chosen = list(queryset.select_related("script_app"))
        able = [session for session in chosen if session.may_be_asked_to(kind)]
        title, effect = QUESTIONS[kind]
        # More than a form may have fields: then the list's filter says once more which ones.
        across = request.POST.get("select_across") == "1"
        titles = sorted({str(session.script_app) for session in able})
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "effect": effect,
            "kind": kind,
            "opts": self.opts,
            "media": self.media,
            "sessions": able,
            "silent": len(chosen) - len(able),
            "script_apps": titles[:APPS_NAMED],
            "more_script_apps": max(len(titles) - APPS_NAMED, 0),
            # Back to the list as it was filtered: the act finds the chosen ones only there.
            "query": request.GET.urlencode(),
            "across": across,
            "named": able[:1] if across else able,
            **concerned(ScriptSession.objects.filter(pk__in=[session.pk for session in able])),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "scriptapps/admin/steer.html", context)

    def steer(self, request: HttpRequest, queryset: ScriptSessionQuerySet, kind: str) -> None:
        """Ask those among these sessions that can do it, log each, and say how many there were."""
        log_text, message = STEERING[kind]
        user_pk: Any = request.user.pk
        with transaction.atomic():
            chosen = list(queryset.select_related("script_app"))
            able = [session for session in chosen if session.may_be_asked_to(kind)]
            chosen_now = ScriptSession.objects.filter(pk__in=[session.pk for session in able])
            whom = concerned(chosen_now)
            asked = int(getattr(chosen_now, kind)(by=request.user, trigger="admin"))
            if able:
                LogEntry.objects.log_actions(user_pk, able, CHANGE, str(log_text))
                alone = able[0] if len(able) == 1 else None
                detail = f"{whom['many']} sessions of {whom['people']} people"
                audit.record(
                    kind, by=request.user, via="admin", session=alone, count=asked, outcome="asked", detail=detail
                )
        if asked:
            self.message_user(request, message % asked, messages.SUCCESS)
        if silent := len(chosen) - asked:
            text = ngettext("%d session is not live any more.", "%d sessions are not live any more.", silent)
            self.message_user(request, text % silent, messages.WARNING)

    def steering_urls(self) -> list[Any]:
        """The address that the buttons of the detail page post to."""
        view = self.admin_site.admin_view(self.steer_view)
        return [path("<uuid:session_id>/steer/<str:kind>/", view, name="scriptapps_scriptsession_steer")]

    def steer_view(self, request: HttpRequest, session_id: Any, kind: str) -> HttpResponse:
        """One button of the detail page: POST only, back to where it was pressed."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if kind not in STEERING or not self.has_view_permission(request) or not may_act(request.user, kind):
            raise PermissionDenied
        self.steer(request, ScriptSession.objects.filter(pk=session_id), kind)
        site = self.admin_site.name
        return HttpResponseRedirect(reverse(f"{site}:scriptapps_scriptsession_change", args=[session_id]))

    def steering_of(self, request: HttpRequest, session: ScriptSession | None) -> list[str]:
        """The buttons that this person may press."""
        return [kind for kind in STEERING if session and session.may_be_asked_to(kind) and may_act(request.user, kind)]


def concerned(sessions: ScriptSessionQuerySet) -> dict[str, int]:
    """How many these sessions are, and of how many people: users, and browsers of anonymous visitors."""
    numbers = sessions.order_by().aggregate(
        many=Count("pk"),
        users=Count("user", distinct=True),
        visitors=Count("binding", distinct=True, filter=Q(user=None)),
        viewers=Count("pk", filter=Q(viewers__gt=0)),
    )
    people = numbers["users"] + numbers["visitors"]
    return {"many": numbers["many"], "people": people, "seen": numbers["viewers"]}
