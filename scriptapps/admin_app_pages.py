"""What the admin shows about a script app beside its fields: source, versions that ran, usage over time.

Runs on: request threads. Invariant: reads only, and everything needs the permission to view script apps.
"""

from __future__ import annotations

import difflib
import hashlib
import tokenize
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from scriptapps.admin_live_list import duration
from scriptapps.models import ScriptApp, ScriptVersion
from scriptapps.registry import registry
from scriptapps.usage import Used, used_by_app, used_over_time

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[ScriptApp]
else:
    Base = object

VERSIONS_SHOWN = 200
DAYS_SHOWN = 30
KINDS = {"+": "added", "-": "removed", "@": "place"}


class AppPages(Base):
    """Part of the admin of script apps."""

    def page_urls(self) -> list[Any]:
        """Their addresses."""

        def view(function: Any) -> Any:
            return self.admin_site.admin_view(require_safe(function))

        name = "scriptapps_scriptapp"
        return [
            path("usage/", view(self.usage_view), name=f"{name}_usage_of_all"),
            path("<int:pk>/usage/", view(self.usage_view), name=f"{name}_usage"),
            path("<int:pk>/source/", view(self.source_view), name=f"{name}_source"),
            path("<int:pk>/versions/", view(self.versions_view), name=f"{name}_versions"),
            path("<int:pk>/versions/<str:version>/", view(self.version_view), name=f"{name}_version"),
        ]

    def source_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The file as it is now."""
        row, source = self._row(request, pk), None
        found, text = registry.find(row.slug), ""
        problem: Any = ""
        if found is None:
            problem = _("Its file is missing.")
        else:
            try:
                with tokenize.open(found.path) as file:
                    text = file.read()
            except (OSError, SyntaxError, UnicodeDecodeError) as error:
                problem = str(error)
            source = registry.effective(found, row)
        version = hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""
        context = {
            "path": found.path if found else row.source_path,
            "lines": text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"),
            "problem": problem,
            "version": version,
            "ran": row.versions.filter(version=version).defer("source").first(),
            "effective": source,
        }
        return self._page(request, row, _("Source"), "source", context)

    def versions_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What ran, the newest first."""
        row = self._row(request, pk)
        versions = row.versions.defer("source")[:VERSIONS_SHOWN]
        return self._page(request, row, _("Versions that ran"), "versions", {"versions": versions})

    def version_view(self, request: HttpRequest, pk: int, version: str) -> HttpResponse:
        """One version: what is different from the one before, and its source."""
        row = self._row(request, pk)
        this = row.versions.filter(version=version).first()
        if this is None:
            raise Http404
        before = row.versions.filter(first_seen__lte=this.first_seen).exclude(pk=this.pk).first()
        context = {
            "this": this,
            "before": before,
            "changes": differences(before, this) if before else [],
            "lines": this.source.splitlines(),
        }
        return self._page(request, row, this.version, "version", context)

    def usage_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """The same figures as plain tables, for one or for all; for all with charts."""
        row = self._row(request, pk)
        now = timezone.now()
        days = used_over_time(now - timedelta(days=DAYS_SHOWN), daily=True, script_app=row)
        hours = used_over_time(now - timedelta(hours=24), daily=False, script_app=row)
        context = {
            "tables": [
                (_("Last 24 hours"), "H:i", [_line(used) for used in reversed(hours) if used.runs]),
                (_("Last 30 days"), "Y-m-d", [_line(used) for used in reversed(days) if used.runs]),
            ],
            "by_app": []
            if row
            else [{**_line(used), "script_app": app} for app, used in used_by_app(now - timedelta(days=DAYS_SHOWN))],
            "charts": row is None and _is_mounted(),
        }
        return self._page(request, row, _("Usage"), "usage", context)

    def _row(self, request: HttpRequest, pk: int | None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if pk is None:
            return None
        row = ScriptApp.objects.filter(pk=pk).prefetch_related("groups").first()
        if row is None:
            raise Http404
        return row

    def _page(self, request: HttpRequest, row: Any, title: Any, name: str, more: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(row) if row else None,
            "opts": self.opts,
            "media": self.media,
            "original": row,
            **more,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"scriptapps/admin/app_{name}.html", context)


def differences(before: ScriptVersion, this: ScriptVersion) -> list[tuple[str, str]]:
    """Lines of a unified diff, each with what it is: "added", "removed", "place" or "same"."""
    lines = difflib.unified_diff(before.source.splitlines(), this.source.splitlines(), lineterm="", n=3)
    # The first two name files.
    return [(KINDS.get(line[:1], "same"), line) for line in list(lines)[2:]]


def _line(used: Used) -> dict[str, Any]:
    return {
        "start": used.start,
        "runs": used.runs,
        "failed": used.failed,
        "people": f"≥ {used.people}" if used.more_people else str(used.people),
        "p50": "–" if used.p50 is None else duration(used.p50),
        "p95": "–" if used.p95 is None else duration(used.p95),
    }


def _is_mounted() -> bool:
    try:
        reverse("scriptapps:index")
    except NoReverseMatch:
        return False
    return True
