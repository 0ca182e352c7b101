"""One mistake of a script, however often people meet it.

Runs on: the database executor of a node, request threads. Invariant: what an exception said is not in here, only of
which kind it was and where; who was affected is counted here, whatever becomes of single records.
"""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ErrorGroup(models.Model):
    """Failures with the same exception type at the same place of the same script app."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    script_app = models.CharField(_("script app"), max_length=64)
    error_type = models.CharField(_("exception"), max_length=200)
    # "orders.py:12 in total", as last seen.
    location = models.CharField(_("place"), max_length=300, blank=True)
    count = models.PositiveBigIntegerField(_("times"), default=0)
    # How often it met somebody who was not signed in.
    anonymous_count = models.PositiveBigIntegerField(_("times, not signed in"), default=0)
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="+", editable=False, verbose_name=_("affected users")
    )
    first_seen = models.DateTimeField(_("first seen"), default=timezone.now)
    last_seen = models.DateTimeField(_("last seen"), default=timezone.now, db_index=True)
    resolved = models.DateTimeField(_("resolved"), null=True, blank=True)
    # It was resolved once, and has happened again.
    came_back = models.BooleanField(_("came back"), default=False)

    class Meta:
        verbose_name = _("error")
        verbose_name_plural = _("errors")
        ordering = ("-last_seen", "-pk")
        # "change" is marking as resolved.
        default_permissions = ("change", "delete", "view")

    def __str__(self) -> str:
        return f"{self.error_type} · {self.location or self.script_app}"

    @staticmethod
    def digest_of(script_app: str, error_type: str, place: str) -> str:
        """What makes two failures the same mistake."""
        return hashlib.sha256("\0".join((script_app, error_type, place)).encode("utf-8", "replace")).hexdigest()
