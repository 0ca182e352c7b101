"""Errors of scripts and runs that were kept, in the admin: from the reference that a person was told to what happened.

Runs on: request threads. Works on any AdminSite and under a strict Content-Security-Policy.
Invariant: what a person typed, printed or was told is neither shown to nor found by those who may not see values of
sessions, and each look at it leaves a record.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scriptapps import audit
from scriptapps.admin_live_list import duration
from scriptapps.admin_sessions import CSS
from scriptapps.models import ErrorGroup, RunRecord, ScriptSession
from scriptapps.permissions import may_act

REFERENCE = re.compile(r"\b[0-9a-f]{12}\b")
LATEST = 20


class RunPages(admin.ModelAdmin):
    """What errors and records have in common: a reference leads to its run from either list, values have a guard."""

    class Media:
        css = {"all": (CSS,)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Runs make them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What happened stays as it happened."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; for the reference that a person was told, its run at once."""
        if found := REFERENCE.search(request.GET.get("q", "").lower()):
            record = RunRecord.objects.filter(reference=found[0]).first()
            if record is not None and request.user.has_perm("scriptapps.view_runrecord"):
                return HttpResponseRedirect(_url(self, record))
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The detail page. Who is shown values is noted."""
        record = self.shown_record(self.get_object(request, object_id))
        if record is not None and self.has_view_permission(request) and may_act(request.user, "view values"):
            session = record.session_id
            audit.record(
                "view values", by=request.user, via="admin", session=session, script_app=record.script_app, count=1,
                detail=f"run {record.run_id}",
            )  # fmt: skip
        return super().change_view(request, object_id, form_url, extra_context)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """With what a person typed, printed or was told only for those who may see it."""
        return self.guarded_fieldsets(may_act(request.user, "view values"))

    def guarded_fieldsets(self, with_values: bool) -> Any:
        """The detail page's fields."""
        raise NotImplementedError

    def shown_record(self, obj: Any) -> RunRecord | None:
        """The run whose values the detail page shows."""
        raise NotImplementedError

    @admin.display(description=_("traceback"))
    def traceback(self, obj: Any) -> str:
        """As text, with the script's lines and what the exception said."""
        return _preformatted(_traceback(self.shown_record(obj), with_values=True))

    @admin.display(description=_("traceback"))
    def frames_only(self, obj: Any) -> str:
        """As text, without anything that may hold a value."""
        return _preformatted(_traceback(self.shown_record(obj), with_values=False))

    @admin.display(description=_("values of widgets"))
    def shown_values(self, obj: Any) -> str:
        """What the widgets held at that time."""
        record = self.shown_record(obj)
        values = {} if record is None else record.values
        return _preformatted("\n".join(f"{name}: {_as_text(value)}" for name, value in values.items()))

    @admin.display(description=_("trigger"))
    def shown_trigger(self, obj: Any) -> str:
        """Why it ran, and what of it."""
        return why(self.shown_record(obj))


@admin.register(RunRecord)
class RunRecordAdmin(RunPages):
    """Runs that failed or were slow."""

    list_display = ("created", "script_app", "user", "shown_trigger", "outcome", "shown_duration", "error_type")
    list_filter = ("outcome", "is_slow", "script_app", "trigger", "created")
    list_select_related = ("user", "group")
    date_hierarchy = "created"
    search_help_text = _("Reference, exception, user name, script app, id of the session or the run")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Never what an exception said: finding is seeing."""
        username = get_user_model().USERNAME_FIELD
        return ("reference", "error_type", f"user__{username}", "script_app", "session_id__istartswith", "run_id")

    def guarded_fieldsets(self, with_values: bool) -> Any:
        """All of it, or without values."""
        trace = "traceback" if with_values else "frames_only"
        run = ("created", "script_app", "user", "session", "run_id", "shown_trigger", "shown_fragments", "outcome")
        queries = ("queries", "shown_query_time", *(["shown_duplicates"] if with_values else []))
        sets = [
            (None, {"fields": (*run, "shown_duration", "node")}),
            (_("Failure"), {"fields": ("reference", "error", trace)}),
            (_("Queries"), {"fields": queries}),
        ]
        values = (_("At that time"), {"fields": ("shown_values", "shown_output")})
        return [*sets[:2], values, *sets[2:]] if with_values else sets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All of them."""
        return tuple(name for _title, options in self.get_fieldsets(request, obj) for name in options["fields"])

    def shown_record(self, obj: Any) -> RunRecord | None:
        """Itself."""
        return obj

    @admin.display(description=_("duration"), ordering="duration_ms")
    def shown_duration(self, obj: RunRecord) -> str:
        """`34 ms`."""
        return "–" if obj.duration_ms is None else duration(obj.duration_ms)

    @admin.display(description=_("time of queries"))
    def shown_query_time(self, obj: RunRecord) -> str:
        """`34 ms`."""
        return duration(obj.query_ms)

    @admin.display(description=_("fragments"))
    def shown_fragments(self, obj: RunRecord) -> str:
        """The only ones that ran."""
        return ", ".join(obj.fragments) or gettext("the whole script")

    @admin.display(description=_("duplicate queries"))
    def shown_duplicates(self, obj: RunRecord) -> str:
        """How often each was made."""
        return _preformatted("\n".join(f"{count} × {text}" for text, count in obj.duplicates))

    @admin.display(description=_("output"))
    def shown_output(self, obj: RunRecord) -> str:
        """The end of what the script printed."""
        return _preformatted(obj.output)

    @admin.display(description=_("error"))
    def error(self, obj: RunRecord) -> str:
        """Its group."""
        return format_html('<a href="{}">{}</a>', _url(self, obj.group), obj.group) if obj.group else "–"

    @admin.display(description=_("script session"))
    def session(self, obj: RunRecord) -> str:
        """Where it happened, as long as that is known."""
        if not obj.session_id or not ScriptSession.objects.filter(pk=obj.session_id).exists():
            return str(obj.session_id or "–")
        return format_html('<a href="{}">{}</a>', _url(self, ScriptSession(pk=obj.session_id)), obj.session_id)


class ResolvedFilter(admin.SimpleListFilter):
    """Shows what is open until asked for others."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices besides the default, which is "open"."""
        return [("came_back", _("came back")), ("resolved", _("resolved")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        """The default is called what it is."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("open")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The errors of this choice."""
        match self.value():
            case "all":
                return queryset
            case "resolved":
                return queryset.filter(resolved__isnull=False)
            case "came_back":
                return queryset.filter(resolved=None, came_back=True)
            case _:
                return queryset.filter(resolved=None)


@admin.register(ErrorGroup)
class ErrorGroupAdmin(RunPages):
    """Mistakes of scripts, however often people met them."""

    list_display = ("error_type", "location", "script_app", "count", "affected", "first_seen", "last_seen", "state")
    list_filter = (ResolvedFilter, "script_app", "error_type", "last_seen")
    search_fields = ("error_type", "location", "script_app", "records__reference")
    search_help_text = _("Reference, exception, place, script app")
    actions = ("resolve", "reopen")
    readonly_fields = (
        "affected", "state", "latest", "traceback", "frames_only", "shown_values", "shown_trigger", "when"
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ErrorGroup]:
        """With the number of affected users."""
        return super().get_queryset(request).annotate(user_count=Count("users", distinct=True))

    def guarded_fieldsets(self, with_values: bool) -> Any:
        """All of it, or without values."""
        last = ("when", "shown_trigger", *(("traceback", "shown_values") if with_values else ("frames_only",)))
        about = ("error_type", "location", "script_app", "state", "count", "affected", "first_seen", "last_seen")
        return [
            (None, {"fields": about}),
            (_("Last time"), {"fields": last}),
            (_("Latest runs"), {"fields": ("latest",)}),
        ]

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Whether this person may say that a mistake is mended."""
        return request.user.has_perm("scriptapps.change_errorgroup")

    def shown_record(self, obj: Any) -> RunRecord | None:
        """The latest one."""
        if obj is None:
            return None
        if not hasattr(obj, "_latest"):
            obj._latest = obj.records.order_by("-pk").first() or RunRecord(error_type=obj.error_type)
        return obj._latest

    @admin.action(permissions=["resolve"], description=_("Mark as resolved"))
    def resolve(self, request: HttpRequest, queryset: Any) -> None:
        """They are mended; they open again when they happen again."""
        self._mark(request, queryset.filter(resolved=None), _("Marked as resolved."), resolved=timezone.now())

    @admin.action(permissions=["resolve"], description=_("Open again"))
    def reopen(self, request: HttpRequest, queryset: Any) -> None:
        """They are not mended."""
        self._mark(request, queryset.filter(resolved__isnull=False), _("Opened again."), resolved=None)

    def _mark(self, request: HttpRequest, queryset: Any, text: Any, **fields: Any) -> None:
        user_pk: Any = request.user.pk
        with transaction.atomic():
            chosen = list(queryset)
            ErrorGroup.objects.filter(pk__in=[group.pk for group in chosen]).update(came_back=False, **fields)
            if chosen:
                LogEntry.objects.log_actions(user_pk, chosen, CHANGE, str(text))
        said = ngettext("%d error was marked.", "%d errors were marked.", len(chosen)) % len(chosen)
        self.message_user(request, said, messages.SUCCESS)

    @admin.display(description=_("affected"), ordering="user_count")
    def affected(self, obj: ErrorGroup) -> str:
        """How many people, and how often somebody who was not signed in."""
        users: int = obj.user_count  # type: ignore[attr-defined]
        text = ngettext("%d user", "%d users", users) % users
        return f"{text}, {obj.anonymous_count} × {gettext('anonymous')}" if obj.anonymous_count else text

    @admin.display(description=_("state"))
    def state(self, obj: ErrorGroup) -> str:
        """Open, came back or resolved."""
        return gettext("resolved") if obj.resolved else gettext("came back") if obj.came_back else gettext("open")

    @admin.display(description=_("when"))
    def when(self, obj: ErrorGroup) -> Any:
        """A link to the run."""
        record = self.shown_record(obj)
        return _record_link(self, record) if record is not None and record.pk else "–"

    @admin.display(description=_("runs"))
    def latest(self, obj: ErrorGroup) -> str:
        """When, who, why; each leads to its page."""
        records = obj.records.select_related("user").order_by("-pk")[:LATEST]
        lines = ((_record_link(self, each), each.user or gettext("anonymous"), why(each)) for each in records)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} · {} · {}</li>", lines))


def why(record: RunRecord | None) -> str:
    """The trigger of a run with what exactly."""
    if record is None or not record.trigger:
        return "–"
    return f"{record.trigger}: {record.detail}" if record.detail else record.trigger


def _record_link(page: admin.ModelAdmin, record: RunRecord) -> str:
    when = timezone.localtime(record.created) if timezone.is_aware(record.created) else record.created
    text = f"{when:%Y-%m-%d %H:%M:%S}"
    return format_html('<a href="{}">{}</a> {}', _url(page, record), text, record.reference)


def _traceback(record: RunRecord | None, *, with_values: bool) -> str:
    if record is None:
        return ""
    if record.pk and not record.has_details:
        return gettext("It happened so often since that only the latest runs have their details.")
    lines = []
    for frame in record.frames:
        lines.append(f"{frame['file']}:{frame['line']} in {frame['function']}")
        if with_values and frame["source"]:
            lines.append(f"    {frame['source']}")
    if with_values:
        lines.append(": ".join(filter(None, (record.error_type, record.message))))
    else:
        lines += filter(
            None, [record.error_type, gettext("(Its message is for those who may see values of sessions.)")]
        )
    return "\n".join(lines)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _preformatted(text: str) -> str:
    return format_html('<pre class="scriptapps-stacks">{}</pre>', text) if text else "–"


def _url(page: admin.ModelAdmin, obj: Any) -> str:
    return reverse(f"{page.admin_site.name}:scriptapps_{obj._meta.model_name}_change", args=[obj.pk])
