"""Who did what to sessions of others, by which way, and what came of it: evidence for the site's staff.

Runs on: whoever acts, in the transaction of the act. Invariant: rows are written once and never changed; they hold no
value of any session, and outlive the people, tokens and sessions that they tell of.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditRecord(models.Model):
    """One act. ``session_id`` and ``script_app`` are filled when it was about one of them alone."""

    created = models.DateTimeField(_("when"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    actor_name = models.CharField(_("user's name then"), max_length=150, blank=True)
    token = models.CharField(_("token"), max_length=120, blank=True)
    via = models.CharField(_("by way of"), max_length=20)
    act = models.CharField(_("act"), max_length=30)
    session_id = models.UUIDField(_("script session"), null=True, blank=True)
    script_app = models.CharField(_("script app"), max_length=64, blank=True)
    count = models.PositiveIntegerField(_("sessions"), default=0)
    outcome = models.CharField(_("outcome"), max_length=30)
    # Names and numbers that say on whom; never what a session holds.
    detail = models.CharField(_("detail"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit records")
        ordering = ("-pk",)
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["created"], name="scriptapps_audit_created"),
            models.Index(fields=["session_id"], name="scriptapps_audit_session"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.pk}"
