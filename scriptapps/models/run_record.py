"""A run that failed or was slow, kept for the site's staff.

Runs on: the database executor of a node, request threads. Invariant: it outlives its session, process and user; what
a person typed, printed or was told (``message``, ``values``, ``output``, source lines in ``frames``, statements in
``duplicates``) is shown to those only who may see values of sessions.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.models.error_group import ErrorGroup


class RunRecord(models.Model):
    """One run, or one failure of several in it. ``reference`` is what the person was told."""

    created = models.DateTimeField(_("when"), default=timezone.now)
    group = models.ForeignKey(
        ErrorGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="records", verbose_name=_("error")
    )
    reference = models.CharField(_("reference"), max_length=32, blank=True, db_index=True)
    # No foreign key: the session's row goes earlier.
    session_id = models.UUIDField(_("script session"), null=True, blank=True, db_index=True)
    run_id = models.CharField(_("run"), max_length=100, blank=True)
    script_app = models.CharField(_("script app"), max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    node = models.CharField(_("process"), max_length=100, blank=True)
    trigger = models.CharField(_("trigger"), max_length=30)
    detail = models.CharField(_("what exactly"), max_length=200, blank=True)
    fragments = models.JSONField(_("fragments"), default=list, blank=True)
    outcome = models.CharField(_("outcome"), max_length=20)
    is_slow = models.BooleanField(_("slow"), default=False)
    duration_ms = models.FloatField(_("duration in milliseconds"), null=True, blank=True)
    error_type = models.CharField(_("exception"), max_length=200, blank=True)
    message = models.TextField(_("message"), blank=True)
    # {file, line, function, source}, outermost first.
    frames = models.JSONField(_("frames"), default=list, blank=True)
    values = models.JSONField(_("values of widgets"), default=dict, blank=True)
    output = models.TextField(_("output"), blank=True)
    queries = models.PositiveIntegerField(_("queries"), default=0)
    query_ms = models.FloatField(_("time of queries in milliseconds"), default=0)
    # [statement, how often].
    duplicates = models.JSONField(_("duplicate queries"), default=list, blank=True)
    # False: so many came after it that only the reference is left.
    has_details = models.BooleanField(default=True, editable=False)

    class Meta:
        verbose_name = _("run record")
        verbose_name_plural = _("run records")
        ordering = ("-pk",)
        default_permissions = ("delete", "view")
        indexes = [
            models.Index(fields=["created"], name="scriptapps_record_created"),
            models.Index(fields=["script_app", "created"], name="scriptapps_record_app"),
        ]

    def __str__(self) -> str:
        return self.reference or self.run_id or str(self.pk)
