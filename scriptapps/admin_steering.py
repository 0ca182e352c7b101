"""Rerun, stop and close in the admin: for many sessions after a question that says whom it concerns, for one by button.

Runs on: request threads. Invariant: each act needs its own permission, asked again when it is confirmed; the request,
the log's entries and the audit record are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from scriptapps import audit
from scriptapps.models import ScriptSession, ScriptSessionQuerySet
from scriptapps.permissions import Actor

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[ScriptSession]
else:
    Base = object

# The message about sessions that were asked.
STEERING = {
    "rerun": ngettext_lazy("%d session was asked to rerun.", "%d sessions were asked to rerun."),
    "stop": ngettext_lazy("%d session was asked to stop its run.", "%d sessions were asked to stop their runs."),
    "close": ngettext_lazy("%d session was asked to close.", "%d sessions were asked to close."),
}
# Title of the question, and what the act does.
QUESTIONS = {
    "rerun": (_("Rerun sessions"), _("Their scripts run again. Runs that are going on are given up for it.")),
    "stop": (_("Stop runs"), _("Runs that are going on end where they are. Pages stay as they are.")),
    "close": (_("Close sessions"), _("The sessions end for good. Their pages say so and offer to start again.")),
}
NAMED = 10


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom an act on these sessions concerns: ``users``, and browsers of ``visitors`` who are not signed in.

    ``nodes`` are the server processes that hold them, ``looked_at`` how many sessions somebody looks at.
    """

    sessions: int
    users: int
    visitors: int
    nodes: tuple[str, ...]
    looked_at: int

    @property
    def people(self) -> int:
        """One with three tabs, or with pages of three script apps, is one."""
        return self.users + self.visitors

    def __str__(self) -> str:
        # For records, which are in one language.
        return (
            f"{self.sessions} sessions of {self.people} people "
            f"({self.users} users, {self.visitors} not signed in) on {len(self.nodes)} server processes"
        )


class Steering(Base):
    """Part of the admin of sessions."""

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        """Whether this person may rerun sessions."""
        return Actor(request.user).may("rerun")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Whether this person may stop runs."""
        return Actor(request.user).may("stop")

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Whether this person may close sessions."""
        return Actor(request.user).may("close")

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
        chosen, able = _able(request, queryset, kind)
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
            "concerned": concerned(able),
            "silent": _chosen_in_form(request, chosen) - len(able),
            "script_apps": titles[:NAMED],
            "more_script_apps": max(len(titles) - NAMED, 0),
            # Back to the list as it was filtered: the act finds the chosen ones only there.
            "query": request.GET.urlencode(),
            "across": across,
            "named": able[:1] if across else able,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "scriptapps/admin/steer.html", context)

    def steer(self, request: HttpRequest, queryset: ScriptSessionQuerySet, kind: str) -> None:
        """Ask those among these sessions that can do it, log each, and say how many there were."""
        with transaction.atomic():
            chosen, able = _able(request, queryset, kind)
            ids = [session.pk for session in able]
            report = getattr(ScriptSession.objects.filter(pk__in=ids), kind)(by=request.user, trigger="admin")
            asked = int(report)
            if chosen:
                audit.record(
                    kind,
                    by=request.user,
                    via="admin",
                    session=able[0] if len(able) == 1 else None,
                    sessions=ids,
                    count=asked,
                    outcome="asked" if asked else "nobody",
                    detail=str(concerned(able)),
                )
        if asked:
            self.message_user(request, STEERING[kind] % asked, messages.SUCCESS)
        if silent := _chosen_in_form(request, chosen) - asked:
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
        if kind not in STEERING or not self.has_view_permission(request) or not Actor(request.user).may(kind):
            raise PermissionDenied
        self.steer(request, ScriptSession.objects.filter(pk=session_id), kind)
        site = self.admin_site.name
        return HttpResponseRedirect(reverse(f"{site}:scriptapps_scriptsession_change", args=[session_id]))

    def steering_of(self, request: HttpRequest, session: ScriptSession | None) -> list[str]:
        """The buttons that this person may press."""
        actor = Actor(request.user)
        return [kind for kind in STEERING if session and session.may_be_asked_to(kind) and actor.may(kind)]


def _able(
    request: HttpRequest, queryset: ScriptSessionQuerySet, kind: str
) -> tuple[list[ScriptSession], list[ScriptSession]]:
    """Those of these sessions that this person may act on, and among them those that can do it now."""
    visible = Actor(request.user).visible(queryset)
    # What stands in the other columns can be large, and nobody is shown it.
    chosen = list(visible.select_related("script_app").defer("seqs", "not_durable", "listens_to"))
    return chosen, [session for session in chosen if session.may_be_asked_to(kind)]


def _chosen_in_form(request: HttpRequest, found: list[ScriptSession]) -> int:
    """How many were chosen, also those that do not fit the list's filter any more."""
    if request.POST.get("select_across") == "1":
        return len(found)
    return max(len(set(request.POST.getlist("_selected_action"))), len(found))


def concerned(sessions: Iterable[ScriptSession]) -> Concerned:
    """Whom these sessions are of, and where they are."""
    found = list(sessions)
    return Concerned(
        sessions=len(found),
        users=len({session.user_id for session in found if session.user_id is not None}),
        visitors=len({session.binding for session in found if session.user_id is None}),
        nodes=tuple(sorted({session.node for session in found if session.node})),
        looked_at=sum(session.viewers > 0 for session in found),
    )
