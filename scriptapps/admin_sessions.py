"""The live list in the admin: what is true now of every session, what of it is stored, and what to do.

Runs on: request threads. Works on any AdminSite and under a strict Content-Security-Policy.
Invariant: a session is never edited here, it is asked to act; every act needs its own model permission and is logged;
names and sizes of stored values are shown, never the values.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from scriptapps.admin_durability import StoredState
from scriptapps.admin_inspect import Inspecting
from scriptapps.admin_live_list import LiveList, badge, run_text, user_name
from scriptapps.admin_steering import Steering
from scriptapps.models import ScriptSession, ScriptSessionQuerySet
from scriptapps.permissions import may_act

CSS = "scriptapps_pages/admin.css"
LIST_SCRIPT = "scriptapps_pages/live_list.js"
MAX_PENDING = 20


class LivenessFilter(admin.SimpleListFilter):
    """What is true now rather than what was last written. Shows live sessions until asked for others."""

    title = _("liveness")
    parameter_name = "liveness"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices besides the default, which is "live"."""
        return [
            ("away", _("away: live, nobody is looking")),
            ("parked", _("parked: only the state is kept")),
            ("gone", _("gone: its process went silent")),
            ("closed", _("closed")),
            ("all", _("all")),
        ]

    def choices(self, changelist: Any) -> Any:
        """The default is called what it is."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("live")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> ScriptSessionQuerySet:
        """The sessions of this choice."""
        sessions: ScriptSessionQuerySet = queryset
        match self.value():
            case "all":
                return sessions
            case "closed":
                return sessions.filter(state=ScriptSession.State.CLOSED)
            case "gone":
                return sessions.not_live().exclude(state=ScriptSession.State.CLOSED).exclude(node="")
            case "parked":
                return sessions.parked()
            case "away":
                return sessions.live().filter(viewers=0)
            case _:
                return sessions.live()


@admin.register(ScriptSession)
class ScriptSessionAdmin(LiveList, StoredState, Inspecting, Steering, admin.ModelAdmin):
    """The live list. Read only: what one can do to a session is ask it to rerun, stop or close."""

    list_display = (
        "who_and_what",
        "state_and_node",
        "viewers_and_seen",
        "runs_and_age",
        "last_run_and_trigger",
        "memory",
    )
    date_hierarchy = "last_seen"
    # The line above the list counts all there are.
    show_full_result_count = False
    list_select_related = ("user", "script_app")
    list_filter = (
        LivenessFilter,
        ("script_app", admin.RelatedOnlyFieldListFilter),
        "state",
        ("user", admin.RelatedOnlyFieldListFilter),
    )
    search_help_text = _("User name, script app, id of the session, node")
    actions = ("rerun", "stop", "close")
    change_form_template = "scriptapps/admin/session.html"
    change_list_template = "scriptapps/admin/sessions.html"
    fieldsets = (
        (None, {"fields": ("id", "who", "script_app", "scope", "liveness_badge", "viewers", "memory")}),
        (_("Runs"), {"fields": ("runs", "last_run", "last_error", "pending")}),
        (_("Process"), {"fields": ("node", "state", "beat", "epoch", "lease")}),
        (_("Stored"), {"fields": ("stored", "kept_in_memory", "uploaded")}),
        (_("Times"), {"fields": ("created", "connected_at", "last_seen", "closed_at", "close_reason")}),
    )
    readonly_fields = (
        "who",
        "liveness_badge",
        "last_run",
        "memory",
        "last_error_kind",
        "pending",
        "lease",
        "stored",
        "kept_in_memory",
        "uploaded",
    )

    class Media:
        css = {"all": (CSS,)}
        js = (LIST_SCRIPT,)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """The user model's own name field; ids match from their beginning."""
        username = get_user_model().USERNAME_FIELD
        return (f"user__{username}", "script_app__slug", "script_app__title", "node", "id__istartswith")

    def get_fieldsets(self, request: HttpRequest, obj: ScriptSession | None = None) -> Any:
        """What an exception said may hold a value: others see of which kind it was."""
        if may_act(request.user, "view values"):
            return super().get_fieldsets(request, obj)
        hidden: dict[Any, Any] = {"last_error": "last_error_kind"}
        return [
            (title, {**options, "fields": tuple(hidden.get(name, name) for name in options["fields"])})
            for title, options in self.fieldsets
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sessions come from visits."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ScriptSession | None = None) -> bool:
        """Acts are actions, not forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ScriptSession | None = None) -> bool:
        """Only rows of sessions that are not live any more."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_live)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Leaves alone what has come back to life since the question was asked."""
        queryset.not_live().delete()

    def get_urls(self) -> list[Any]:
        """With the addresses of what can be done to one session."""
        return [*self.steering_urls(), *self.observing_urls(), *self.inspecting_urls(), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The detail page, with the buttons this person may press."""
        session = self.get_object(request, object_id)
        own = {
            "steering": self.steering_of(request, session),
            "may_observe": self.may_observe(request, session),
            "may_copy": self.may_copy(request, session),
        }
        return super().change_view(request, object_id, form_url, {**own, **(extra_context or {})})

    @admin.display(description=_("user"), ordering="user")
    def who(self, obj: ScriptSession) -> str:
        """The user's name; "anonymous" for visitors who are not signed in."""
        return user_name(obj)

    @admin.display(description=_("state"))
    def liveness_badge(self, obj: ScriptSession) -> str:
        """What is true now, as a coloured word."""
        return badge(obj)

    @admin.display(description=_("last run"))
    def last_run(self, obj: ScriptSession) -> str:
        """Duration, outcome and trigger."""
        return f"{run_text(obj)} ({obj.last_trigger})" if obj.last_trigger else run_text(obj)

    @admin.display(description=_("last error"))
    def last_error_kind(self, obj: ScriptSession) -> str:
        """The exception's type."""
        kind = obj.last_error.partition(":")[0]
        return kind if kind.isidentifier() else "–"

    @admin.display(description=_("asked for, not yet done"))
    def pending(self, obj: ScriptSession) -> str:
        """Requests that its process has not answered."""
        waiting = obj.requests.unfinished().order_by("pk")[:MAX_PENDING]
        return ", ".join(f"{request.get_kind_display()} ({request.trigger})" for request in waiting) or "–"
