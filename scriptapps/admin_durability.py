"""What the admin says of sessions beyond one process: lease, stored values, what cannot be stored, how many there are.

Runs on: request threads. Invariant: names, sizes and reasons are shown, never a value or a file's name or content.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scriptapps.models import ScriptSession, SessionFile, live_since


class StoredState:
    """Columns for a ModelAdmin of sessions."""

    @admin.display(description=_("lease"))
    def lease(self, obj: ScriptSession) -> str:
        """How long its process may still be silent before another one may take over."""
        if obj.lease_expires is None or obj.state == ScriptSession.State.CLOSED:
            return "–"
        seconds = (obj.lease_expires - timezone.now()).total_seconds()
        if seconds <= 0:
            return gettext("expired")
        return ngettext("%d second left", "%d seconds left", round(seconds)) % round(seconds)

    @admin.display(description=_("stored values"))
    def stored(self, obj: ScriptSession) -> str:
        """How many and how large."""
        values = ngettext("%d value", "%d values", obj.state_keys) % obj.state_keys
        return f"{values}, {filesizeformat(obj.state_bytes)}"

    @admin.display(description=_("uploaded files"))
    def uploaded(self, obj: ScriptSession) -> str:
        """How many and how large."""
        return _files(**obj.files.aggregate(count=Count("pk"), size=Sum("size", default=0)))

    @admin.display(description=_("not durable"))
    def kept_in_memory(self, obj: ScriptSession) -> str:
        """Keys of session state that would not survive their process, each with the reason."""
        if not obj.not_durable:
            return "–"
        items = format_html_join("", "<li><code>{}</code>: {}</li>", sorted(obj.not_durable.items()))
        return format_html("<ul>{}</ul>", items)


def _files(count: int, size: int) -> str:
    return f"{ngettext('%d file', '%d files', count) % count}, {filesizeformat(size)}"


def count_sessions() -> dict[str, Any]:
    """How many sessions are live (of these: away), parked, gone, closed; what all stored values and files come to."""
    state = ScriptSession.State
    is_open = ~Q(state=state.CLOSED)
    live = is_open & ~Q(node="") & Q(beat__gt=live_since())
    counts = ScriptSession.objects.aggregate(
        live=Count("pk", filter=live),
        away=Count("pk", filter=live & Q(viewers=0) & Q(state=state.IDLE)),
        parked=Count("pk", filter=is_open & Q(node="")),
        gone=Count("pk", filter=is_open & ~Q(node="") & Q(beat__lte=live_since())),
        closed=Count("pk", filter=Q(state=state.CLOSED)),
        bytes=Sum("state_bytes", default=0),
    )
    files = SessionFile.objects.aggregate(count=Count("pk"), size=Sum("size", default=0))
    return {**counts, "stored": filesizeformat(counts["bytes"]), "files": _files(**files)}
