"""Server processes in the admin: how each is doing, why it takes nothing, what held it, and a way to drain it.

Runs on: request threads. Works on any AdminSite and under a strict Content-Security-Policy.
Invariant: a process is never edited here, it is asked to drain; that needs its own permission, is confirmed in sight of
how many people it concerns, and is logged.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scriptapps.admin_live_list import duration
from scriptapps.admin_sessions import CSS
from scriptapps.models import ScriptSession, ServerProcess, ServerProcessQuerySet, live_since

STATE = ServerProcess.State
DRAINING = "draining"
"""The reason of a process that was told to end from outside."""


class ProcessFilter(admin.SimpleListFilter):
    """What is true now. Shows what lives and what has gone missing within a day until asked for others."""

    title = _("state")
    parameter_name = "now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices besides the default."""
        return [
            ("live", _("live")),
            ("gone", _("gone: silent, or found dead")),
            ("ended", _("ended in good order")),
            ("all", _("all")),
        ]

    def choices(self, changelist: Any) -> Any:
        """The default is called what it is."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("live, or gone within a day")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> ServerProcessQuerySet:
        """The processes of this choice."""
        processes: ServerProcessQuerySet = queryset
        match self.value():
            case "all":
                return processes
            case "live" | "gone" | "ended" as choice:
                chosen: ServerProcessQuerySet = getattr(processes, choice)()
                return chosen
            case _:
                since = timezone.now() - timedelta(days=1)
                return processes.exclude(state=STATE.ENDED).filter(beat__gt=since)


@admin.register(ServerProcess)
class ServerProcessAdmin(admin.ModelAdmin):
    """The processes that serve script apps. Read only: what one can do to a process is ask it to drain."""

    list_display = (
        "process",
        "state_and_why",
        "beat_age",
        "people",
        "pool",
        "threads",
        "memory",
        "loop_lag",
        "software",
    )
    list_filter = (ProcessFilter,)
    search_fields = ("name", "host")
    actions = ("drain",)
    change_form_template = "scriptapps/admin/process.html"
    change_list_template = "scriptapps/admin/processes.html"
    fieldsets = (
        (None, {"fields": ("name", "state_badge", "why", "beat_age")}),
        (_("Work"), {"fields": ("people", "viewers", "pool", "abandoned")}),
        (_("Means"), {"fields": ("memory", "threads", "loop_lag")}),
        (_("Process"), {"fields": ("host", "pid", "started", "ended_at", "software", "recycles")}),
        (_("What held it"), {"fields": ("dump_at", "stacks")}),
    )
    readonly_fields = ("state_badge", "why", "beat_age", "people", "pool", "memory", "loop_lag", "software", "stacks")

    class Media:
        css = {"all": (CSS,)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Supervisors start processes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ServerProcess | None = None) -> bool:
        """Acts are actions, not forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ServerProcess | None = None) -> bool:
        """Rows of processes that are gone are swept."""
        return False

    def has_drain_permission(self, request: HttpRequest) -> bool:
        """Whether this person may drain processes."""
        return request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename('drain', self.opts)}")

    # -- draining --------------------------------------------------------------------------------------------------

    @admin.action(permissions=["drain"], description=_("Drain selected server processes"))
    def drain(self, request: HttpRequest, queryset: ServerProcessQuerySet) -> HttpResponse | None:
        """Ask what it means first, then ask the processes."""
        if request.POST.get("confirmed"):
            self._drain(request, queryset)
            return None
        return self._confirm(request, queryset)

    def get_urls(self) -> list[Any]:
        """With the address of the question behind the button of the detail page."""
        view = self.admin_site.admin_view(self.drain_view)
        return [path("<int:pk>/drain/", view, name="scriptapps_serverprocess_drain"), *super().get_urls()]

    def drain_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question about one process; the answer goes to the list's action."""
        if not self.has_view_permission(request) or not self.has_drain_permission(request):
            raise PermissionDenied
        return self._confirm(request, ServerProcess.objects.filter(pk=pk))

    def _confirm(self, request: HttpRequest, processes: ServerProcessQuerySet) -> HttpResponse:
        chosen = list(processes.live())
        others = ServerProcess.objects.live().filter(state=STATE.READY, drain_wanted=False)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Drain server processes"),
            "opts": self.opts,
            "media": self.media,
            "processes": chosen,
            "others": others.exclude(pk__in=[process.pk for process in chosen]).count(),
            **_concerned(chosen),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "scriptapps/admin/drain.html", context)

    def _drain(self, request: HttpRequest, processes: ServerProcessQuerySet) -> None:
        user_pk: Any = request.user.pk
        with transaction.atomic():
            chosen = list(processes)
            able = [process for process in chosen if process.is_live]
            numbers = _concerned(able)
            asked = ServerProcess.objects.filter(pk__in=[process.pk for process in able]).drain()
            if able:
                log_text = gettext("Asked to drain; concerns %(sessions)d sessions of %(people)d people.") % numbers
                LogEntry.objects.log_actions(user_pk, able, CHANGE, log_text)
        if asked:
            text = ngettext("%d server process was asked to drain.", "%d server processes were asked to drain.", asked)
            self.message_user(request, text % asked, messages.SUCCESS)
        if silent := len(chosen) - asked:
            text = ngettext("%d server process does not live.", "%d server processes do not live.", silent)
            self.message_user(request, text % silent, messages.WARNING)

    # -- pages -----------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The detail page, with a way to drain for those who may."""
        process = self.get_object(request, object_id)
        able = process is not None and process.is_live and not process.drain_wanted
        may = able and self.has_drain_permission(request)
        return super().change_view(request, object_id, form_url, {"may_drain": may, **(extra_context or {})})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, below one line that counts all there are."""
        return super().changelist_view(request, {"counts": count_processes(), **(extra_context or {})})

    @admin.display(description=_("process"), ordering="host")
    def process(self, obj: ServerProcess) -> str:
        """Host and process id."""
        return str(obj)

    @admin.display(description=_("state"))
    def state_badge(self, obj: ServerProcess) -> str:
        """What is true now, as a coloured word."""
        liveness = obj.liveness
        return format_html('<span class="scriptapps-state" data-state="{}">{}</span>', liveness.value, liveness.label)

    @admin.display(description=_("state"))
    def state_and_why(self, obj: ServerProcess) -> str:
        """Both in one column."""
        why = self.why(obj)
        return self.state_badge(obj) if why == "–" else format_html("{}<br>{}", self.state_badge(obj), why)

    @admin.display(description=_("why"))
    def why(self, obj: ServerProcess) -> str:
        """Why it takes nothing, or what became of it."""
        if obj.drain_wanted:
            return gettext("asked for by staff")
        if obj.reason == DRAINING:
            return gettext("told to end")
        if obj.reason:
            return f"{obj.reason}: {obj.reason_text}" if obj.reason_text else obj.reason
        return gettext("went silent") if obj.liveness == ServerProcess.Liveness.GONE else "–"

    @admin.display(description=_("last beat"), ordering="beat")
    def beat_age(self, obj: ServerProcess) -> str:
        """How long ago it gave its last sign of life."""
        seconds = max((timezone.now() - obj.beat).total_seconds(), 0)
        return gettext("%s ago") % age(seconds)

    @admin.display(description=_("sessions"), ordering="sessions")
    def people(self, obj: ServerProcess) -> str:
        """How many, leading to them."""
        url = reverse(f"{self.admin_site.name}:scriptapps_scriptsession_changelist", query={"q": obj.name})
        return format_html('<a href="{}">{}</a>', url, obj.sessions)

    @admin.display(description=_("runs"), ordering="runs_now")
    def pool(self, obj: ServerProcess) -> str:
        """How many script threads of how many run something, and what waits for one."""
        text = f"{obj.runs_now} / {obj.run_workers}"
        more = gettext(" + %d waiting") % obj.runs_waiting if obj.runs_waiting else ""
        lost = gettext(" + %d given up") % obj.abandoned if obj.abandoned else ""
        return f"{text}{more}{lost}"

    @admin.display(description=_("memory"), ordering="memory_bytes")
    def memory(self, obj: ServerProcess) -> str:
        """Resident memory, a dash where the system does not tell."""
        return "–" if obj.memory_bytes is None else filesizeformat(obj.memory_bytes)

    @admin.display(description=_("loop lag"), ordering="loop_lag_ms")
    def loop_lag(self, obj: ServerProcess) -> str:
        """How late its event loop was, a dash while it has served no socket."""
        return "–" if obj.loop_lag_ms is None else duration(obj.loop_lag_ms)

    @admin.display(description=_("versions"))
    def software(self, obj: ServerProcess) -> str:
        """What runs in it."""
        names = {"scriptapps": "scriptapps", "django": "Django", "python": "Python"}
        known = [f"{label} {obj.versions[name]}" for name, label in names.items() if name in obj.versions]
        return ", ".join([*known, *filter(None, [obj.versions.get("server")])])

    @admin.display(description=_("stacks"))
    def stacks(self, obj: ServerProcess) -> str:
        """What each thread was doing, most recent call first."""
        return format_html('<pre class="scriptapps-stacks">{}</pre>', obj.dump) if obj.dump else "–"


def _concerned(processes: list[ServerProcess]) -> dict[str, int]:
    """How many sessions these processes have, of how many people: users, and browsers of anonymous visitors."""
    names = [process.name for process in processes]
    sessions = ScriptSession.objects.filter(node__in=names).exclude(state=ScriptSession.State.CLOSED)
    numbers = sessions.aggregate(
        sessions=Count("pk"),
        users=Count("user", distinct=True),
        visitors=Count("binding", distinct=True, filter=Q(user=None)),
    )
    return {"sessions": numbers["sessions"], "people": numbers["users"] + numbers["visitors"]}


def count_processes() -> dict[str, int]:
    """How many processes are ready, not ready, draining, gone and ended."""
    ended = Q(state=STATE.ENDED)
    live = ~ended & Q(ended_at=None, beat__gt=live_since())
    draining = Q(state=STATE.DRAINING) | Q(drain_wanted=True)
    return ServerProcess.objects.aggregate(
        ready=Count("pk", filter=live & Q(state=STATE.READY) & ~draining),
        not_ready=Count("pk", filter=live & Q(state=STATE.NOT_READY) & ~draining),
        draining=Count("pk", filter=live & draining),
        gone=Count("pk", filter=~ended & (Q(beat__lte=live_since()) | Q(ended_at__isnull=False))),
        ended=Count("pk", filter=ended),
    )


def age(seconds: float) -> str:
    """`3 s`, `5 min`, `2 h`, `4 d`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
