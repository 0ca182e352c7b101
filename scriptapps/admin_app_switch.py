"""Disabling and enabling script apps in the admin: after a question about whom it concerns, with a message to them.

Runs on: request threads. Invariant: it needs the permission to change script apps, asked again when it is confirmed;
the switch, the log's entries and the audit record are one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scriptapps import audit
from scriptapps.admin_steering import concerned
from scriptapps.models import ScriptApp, ScriptSession

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[ScriptApp]
else:
    Base = object

MESSAGE_CHARS = 300


class AppSwitch(Base):
    """Part of the admin of script apps."""

    def switch_urls(self) -> list[Any]:
        """The question behind the detail page's button, and what the other button posts to."""
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/disable/", wrap(self.disable_view), name="scriptapps_scriptapp_disable"),
            path("<int:pk>/enable/", wrap(self.enable_view), name="scriptapps_scriptapp_enable"),
        ]

    @admin.action(permissions=["change"], description=_("Disable selected script apps"))
    def disable(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask what it means first, then close them."""
        if request.POST.get("confirmed"):
            self._disable(request, queryset)
            return None
        return self._ask(request, queryset)

    @admin.action(permissions=["change"], description=_("Enable selected script apps"))
    def enable(self, request: HttpRequest, queryset: Any) -> None:
        """They can be opened again."""
        able = list(ScriptApp.objects.filter(pk__in=queryset.values("pk"), enabled=False))
        with transaction.atomic():
            for script_app in able:
                script_app.enabled = True
                script_app.save(update_fields=["enabled", "updated"])
                audit.record("enable", by=request.user, via="admin", script_app=script_app.slug)
            self._log(request, able, gettext("Enabled."))
        text = ngettext("%d script app was enabled.", "%d script apps were enabled.", len(able))
        self.message_user(request, text % len(able), messages.SUCCESS if able else messages.WARNING)

    def disable_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question about one; the answer goes to the list's action."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        return self._ask(request, ScriptApp.objects.filter(pk=pk))

    def enable_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of the detail page: POST only, back to where it was pressed."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        self.enable(request, ScriptApp.objects.filter(pk=pk))
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:scriptapps_scriptapp_change", args=[pk]))

    def _ask(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        able = list(ScriptApp.objects.filter(pk__in=queryset.values("pk"), enabled=True))
        whom = concerned(_open_sessions(able))
        said = {script_app.closed_message for script_app in able}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Disable script apps"),
            "opts": self.opts,
            "media": self.media,
            "script_apps": able,
            "message": said.pop() if len(said) == 1 else "",
            "message_chars": MESSAGE_CHARS,
            "many": whom.sessions,
            "people": whom.people,
            "seen": whom.looked_at,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "scriptapps/admin/disable.html", context)

    def _disable(self, request: HttpRequest, queryset: Any) -> None:
        message = " ".join(request.POST.get("message", "").split())[:MESSAGE_CHARS]
        with transaction.atomic():
            able = list(ScriptApp.objects.filter(pk__in=queryset.values("pk"), enabled=True))
            for script_app in able:
                whom = concerned(_open_sessions([script_app]))
                script_app.enabled, script_app.closed_message = False, message
                # Told by its signal once this has committed: open pages close in every process.
                script_app.save(update_fields=["enabled", "closed_message", "updated"])
                detail = f"{whom.sessions} sessions of {whom.people} people"
                audit.record(
                    "disable",
                    by=request.user,
                    via="admin",
                    script_app=script_app.slug,
                    count=whom.sessions,
                    detail=detail,
                )
            self._log(request, able, gettext("Disabled."))
        text = ngettext("%d script app was disabled.", "%d script apps were disabled.", len(able))
        self.message_user(request, text % len(able), messages.SUCCESS if able else messages.WARNING)

    @staticmethod
    def _log(request: HttpRequest, script_apps: list[ScriptApp], text: str) -> None:
        user_pk: Any = request.user.pk
        if script_apps:
            LogEntry.objects.log_actions(user_pk, script_apps, CHANGE, text)


def _open_sessions(script_apps: list[ScriptApp]) -> Any:
    return ScriptSession.objects.live().filter(script_app__in=script_apps)
