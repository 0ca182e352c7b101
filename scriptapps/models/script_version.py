"""A version of a script that has run on this site, with its source as it was.

Runs on: the database executor of a node, request threads. Invariant: its source is what processes compiled; it never
changes, and a long one is cut and says so.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.models.script_app import ScriptApp

SOURCE_CHARS = 500_000


class ScriptVersion(models.Model):
    """One content of a script's file; ``version`` is a hash of it. All times are to the minute."""

    script_app = models.ForeignKey(
        ScriptApp, on_delete=models.CASCADE, related_name="versions", verbose_name=_("script app")
    )
    version = models.CharField(_("version"), max_length=16)
    source = models.TextField(_("source"), blank=True)
    is_cut = models.BooleanField(default=False, editable=False)
    first_seen = models.DateTimeField(_("first run"), default=timezone.now)
    last_seen = models.DateTimeField(_("last run"), default=timezone.now)
    runs = models.PositiveBigIntegerField(_("runs of the whole script"), default=0)
    # The process that ran it first.
    node = models.CharField(_("process"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("script version")
        verbose_name_plural = _("script versions")
        ordering = ("-first_seen", "-pk")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["script_app", "version"], name="scriptapps_version")]

    def __str__(self) -> str:
        return self.version
