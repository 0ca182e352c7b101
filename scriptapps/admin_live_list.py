"""The list of sessions updates by itself: the page asks for itself again, and gets nothing while nothing has changed.

Runs on: request threads. Invariant: an update is the page that this person would get now, by the same view with the
same permissions, filters and order; it never takes away a message that the next page is to show.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scriptapps.admin_durability import count_sessions
from scriptapps.models import ScriptSession

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[ScriptSession]
else:
    Base = object

SEEN_HEADER = "X-Scriptapps-Seen"
"""An update says which state of the list its page shows; "" asks for the whole page."""
NOT_SHOWN = frozenset(
    {"beat", "lease_expires", "epoch", "seqs", "release_wanted", "state_ref", "binding", "listens_to"}
)
"""Columns of the row that change without anything in the list changing."""


class LiveList(Base):
    """Part of the admin of sessions: the columns that tell what goes on, and updates."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, below one line that counts all there are. An update without news has no content."""
        is_update = request.method == "GET" and SEEN_HEADER in request.headers
        # Messages are for the page that a person goes to, maybe in another tab.
        own: dict[str, Any] = {"messages": ()} if is_update else {}
        response = super().changelist_view(request, {**own, **(extra_context or {})})
        context = response.context_data if isinstance(response, TemplateResponse) else None
        if context is None or "cl" not in context:
            return response
        counts = count_sessions()
        seen = fingerprint(context["cl"], counts)
        if is_update and request.headers[SEEN_HEADER] == seen:
            return HttpResponse(status=204)
        context |= {"counts": counts, "seen": seen, "units": " ".join(units())}
        return response

    @admin.display(description=_("user"), ordering="user")
    def who_and_what(self, obj: ScriptSession) -> str:
        """The user's name and the script app. The id is what an update finds the row by."""
        return format_html(
            '<span data-scriptapps-row="{}">{}</span>', obj.pk, _two_lines(user_name(obj), str(obj.script_app))
        )

    @admin.display(description=_("state"), ordering="state")
    def state_and_node(self, obj: ScriptSession) -> str:
        """What is true now, as a coloured word, and the server process."""
        return format_html('{} <span class="scriptapps-second" title="{}">{}</span>', badge(obj), obj.node, obj.node)

    @admin.display(description=_("viewers"), ordering="last_seen")
    def viewers_and_seen(self, obj: ScriptSession) -> str:
        """How many look at it and since when, or when the last one left or it ended."""
        if obj.state == ScriptSession.State.CLOSED:
            return _two_lines("–", gettext("closed %s") % short_moment(obj.closed_at or obj.last_seen))
        if obj.is_live and obj.viewers:
            return _two_lines(str(obj.viewers), gettext("since %s") % short_moment(obj.connected_at or obj.last_seen))
        return _two_lines("0" if obj.is_live else "–", gettext("seen %s") % short_moment(obj.last_seen))

    @admin.display(description=_("runs"), ordering="runs")
    def runs_and_age(self, obj: ScriptSession) -> str:
        """How many, and since when: how long ago it was opened, or how long it lasted."""
        return _two_lines(str(obj.runs), format_html(gettext("in {}"), age(obj)))

    @admin.display(description=_("last run"), ordering="last_run_ms")
    def last_run_and_trigger(self, obj: ScriptSession) -> str:
        """How it ended, how long it took, and what kind of cause it had."""
        if obj.last_run_ms is None:
            return "–"
        outcome = obj.last_outcome.lower()
        cost = " · ".join(filter(None, [duration(obj.last_run_ms), obj.last_trigger]))
        return format_html(
            '<span data-outcome="{}">{}</span>', outcome, _two_lines(outcome.replace("_", " ") or "–", cost)
        )

    @admin.display(description=_("memory"), ordering="memory_bytes")
    def memory(self, obj: ScriptSession) -> str:
        """The estimate of its process; nothing is in memory of what is not live."""
        return filesizeformat(obj.memory_bytes) if obj.is_live and obj.memory_bytes else "–"


def fingerprint(changelist: Any, counts: dict[str, Any]) -> str:
    """The same as long as the list would look the same."""
    fields = [field.attname for field in ScriptSession._meta.concrete_fields if field.attname not in NOT_SHOWN]
    rows = [
        (session.liveness.value, user_name(session), str(session.script_app), *(getattr(session, f) for f in fields))
        for session in changelist.result_list
    ]
    text = repr((sorted(counts.items()), changelist.result_count, rows))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def age(session: ScriptSession) -> str:
    """How long ago it was opened, or how long it lasted; the page's own script counts on."""
    if session.state == ScriptSession.State.CLOSED:
        return age_text(((session.closed_at or session.last_seen) - session.created).total_seconds())
    opened, text = session.created, age_text((timezone.now() - session.created).total_seconds())
    moment = date_format(_local(opened), "DATETIME_FORMAT")
    return format_html('<time data-scriptapps-age datetime="{}" title="{}">{}</time>', opened.isoformat(), moment, text)


def user_name(session: ScriptSession) -> str:
    """The user's name; "anonymous" for visitors who are not signed in."""
    return session.user.get_username() if session.user else gettext("anonymous")


def badge(session: ScriptSession) -> str:
    """What is true now, as a coloured word."""
    liveness = session.liveness
    return format_html('<span class="scriptapps-state" data-state="{}">{}</span>', liveness.value, liveness.label)


def run_text(session: ScriptSession) -> str:
    """Duration and outcome of the last run."""
    if session.last_run_ms is None:
        return "–"
    return f"{duration(session.last_run_ms)} · {session.last_outcome.replace('_', ' ').lower()}".rstrip(" ·")


def short_moment(moment: datetime | None) -> str:
    """The time of day for what happened today, otherwise date and time; a dash for None."""
    if moment is None:
        return "–"
    local = _local(moment)
    today = timezone.localtime().date() if timezone.is_aware(moment) else datetime.now().date()
    return date_format(local, "H:i:s" if local.date() == today else "SHORT_DATETIME_FORMAT")


def duration(milliseconds: float) -> str:
    """`34 ms`, `2.1 s`, `3 min 5 s`."""
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def units() -> list[str]:
    """Short names of seconds, minutes, hours and days."""
    return [gettext("s"), gettext("min"), gettext("h"), gettext("d")]


def age_text(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `4 d`: as the page's own script counts on."""
    whole = max(int(seconds), 0)
    for size, unit in zip((86_400, 3_600, 60), reversed(units()), strict=False):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} {units()[0]}"


def _two_lines(first: str, second: str) -> str:
    # A narrow column cuts texts off; then the pointer shows them.
    return format_html(
        '<span class="scriptapps-first"{}>{}</span> <span class="scriptapps-second"{}>{}</span>',
        _title(first),
        first,
        _title(second),
        second,
    )


def _title(text: str) -> str:
    return "" if isinstance(text, SafeString) else format_html(' title="{}"', text)


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
