"""The admin: which script apps there are and who may open them, snapshots; live sessions and processes stand beside.

Runs on: request threads. Works on any AdminSite and under a strict Content-Security-Policy.
Invariant: what visitors may open is decided here by model permissions alone.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scriptapps.admin_api import ApiTokenAdmin, AuditRecordAdmin
from scriptapps.admin_app_pages import AppPages
from scriptapps.admin_app_switch import AppSwitch
from scriptapps.admin_nodes import ServerProcessAdmin
from scriptapps.admin_runs import ErrorGroupAdmin, RunRecordAdmin
from scriptapps.admin_sessions import CSS, LivenessFilter, ScriptSessionAdmin
from scriptapps.forms import ScriptAppForm
from scriptapps.models import SavedSnapshot, ScriptApp, ScriptSession, live_since
from scriptapps.registry import registry

# A site with an AdminSite of its own finds all of them here.
__all__ = [
    "ApiTokenAdmin",
    "AuditRecordAdmin",
    "ErrorGroupAdmin",
    "LivenessFilter",
    "RunRecordAdmin",
    "SavedSnapshotAdmin",
    "ScriptAppAdmin",
    "ScriptSessionAdmin",
    "ServerProcessAdmin",
]


APPS_CSS = "scriptapps_pages/admin_apps.css"


def page_link(obj: ScriptApp | SavedSnapshot) -> str:
    """A link to the object's page, a dash where the site has not mounted script apps."""
    try:
        return format_html('<a href="{}">{}</a>', obj.get_absolute_url(), gettext("Open"))
    except NoReverseMatch:
        return "–"


@admin.register(ScriptApp)
class ScriptAppAdmin(AppSwitch, AppPages, admin.ModelAdmin):
    """Rows appear by themselves, one for each script file; they cannot be added, nor deleted while the file exists."""

    form = ScriptAppForm
    list_display = ("slug", "shown_title", "enabled", "who", "live_sessions", "open_page")
    list_filter = ("enabled", "access")
    actions = ("disable", "enable")
    change_form_template = "scriptapps/admin/script_app.html"
    change_list_template = "scriptapps/admin/script_apps.html"
    search_fields = ("slug", "title", "source_path")
    readonly_fields = ("slug", "enabled", "source_path", "who", "live_sessions", "open_page", "created", "updated")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("slug", "title", "enabled", "closed_message", "open_page", "live_sessions")}),
        (_("On the index"), {"fields": ("description", "category", "order")}),
        (_("Who may open it"), {"fields": ("who", "access", "permission", "groups")}),
        (_("Runs"), {"fields": ("deadline_seconds", "memory_limit_mb", "sessions_per_user", "scope")}),
        (_("Source"), {"fields": ("source_path", "created", "updated")}),
    )

    class Media:
        css = {"all": (CSS, APPS_CSS)}

    def get_urls(self) -> list[Any]:
        """With the addresses of the switch and of the pages beside the fields."""
        return [*self.switch_urls(), *self.page_urls(), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The detail page, with the switch for those who may."""
        may = self.has_change_permission(request)
        return super().change_view(request, object_id, form_url, {"may_switch": may, **(extra_context or {})})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with a row for every script that is there now."""
        if request.method == "GET":
            registry.make_rows()
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScriptApp]:
        """With the number of live sessions of each."""
        is_open = ~Q(sessions__state=ScriptSession.State.CLOSED) & ~Q(sessions__node="")
        live = is_open & Q(sessions__beat__gt=live_since())
        counted = super().get_queryset(request).annotate(live_count=Count("sessions", filter=live))
        return counted.prefetch_related("groups")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Files make script apps, forms do not."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ScriptApp | None = None) -> bool:
        """Only when the file is gone: otherwise the row would come back without the rules it carried."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or registry.find(obj.slug) is None)

    @admin.display(description=_("title"), ordering="title")
    def shown_title(self, obj: ScriptApp) -> str:
        """The title that visitors see."""
        source = registry.find(obj.slug)
        return registry.effective(source, obj).title if source else obj.title

    @admin.display(description=_("rule in force"))
    def who(self, obj: ScriptApp) -> str:
        """The access rule that results from row, settings and file."""
        source = registry.find(obj.slug)
        return str(registry.effective(source, obj).access) if source else gettext("its file is missing")

    @admin.display(description=_("live sessions"), ordering="live_count")
    def live_sessions(self, obj: ScriptApp) -> str:
        """How many are live, leading to them."""
        name = f"{self.admin_site.name}:scriptapps_scriptsession_changelist"
        try:
            url = reverse(name, query={"script_app__id__exact": obj.pk})
        except NoReverseMatch:
            return str(obj.live_count)  # type: ignore[attr-defined]
        return format_html('<a href="{}">{}</a>', url, obj.live_count)  # type: ignore[attr-defined]

    @admin.display(description=_("page"))
    def open_page(self, obj: ScriptApp) -> str:
        """A link to its page."""
        return page_link(obj)


@admin.register(SavedSnapshot)
class SavedSnapshotAdmin(admin.ModelAdmin):
    """Saved pages: listed, opened, deleted; never made or changed here."""

    list_display = ("shown_title", "script_app", "user", "created", "shown_size", "open_page")
    list_filter = (("script_app", admin.RelatedOnlyFieldListFilter), "created")
    list_select_related = ("user", "script_app")
    search_fields = ("title", "script_app__slug")
    fields = ("title", "script_app", "user", "created", "shown_size", "open_page")
    readonly_fields = ("shown_title", "shown_size", "open_page")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedSnapshot]:
        """Without the payloads."""
        return super().get_queryset(request).defer("payload")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Pages save snapshots."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: SavedSnapshot | None = None) -> bool:
        """What was seen stays as it was seen."""
        return False

    @admin.display(description=_("title"), ordering="title")
    def shown_title(self, obj: SavedSnapshot) -> str:
        """Its title, or the script app's."""
        return obj.title or str(obj.script_app)

    @admin.display(description=_("size"), ordering="size")
    def shown_size(self, obj: SavedSnapshot) -> str:
        """As kept, compressed."""
        return filesizeformat(obj.size)

    @admin.display(description=_("page"))
    def open_page(self, obj: SavedSnapshot) -> str:
        """A link to the frozen page."""
        return page_link(obj)
