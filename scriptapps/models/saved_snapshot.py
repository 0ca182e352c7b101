"""A page frozen to share.

Runs on: request threads and the database executor. Invariant: who may open the script app may see it, nobody else.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.models.script_app import ScriptApp


class SavedSnapshot(models.Model):
    """A page as somebody saw it, viewable without running the script by those who may open the script app."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    script_app = models.ForeignKey(
        ScriptApp, on_delete=models.CASCADE, related_name="snapshots", verbose_name=_("script app")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("saved by"),
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    payload = models.BinaryField(editable=False, help_text="A serialised Snapshot message, compressed with zlib.")
    size = models.PositiveIntegerField(_("size in bytes"), default=0, editable=False)
    created = models.DateTimeField(_("saved"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("saved snapshot")
        verbose_name_plural = _("saved snapshots")
        ordering = ("-created", "-pk")
        indexes = [models.Index(fields=["-created", "-id"], name="scriptapps_snapshot_created")]

    def __str__(self) -> str:
        return self.title or str(self.id)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps `size` in step with the payload."""
        self.size = len(self.payload)
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        """The address of the frozen page."""
        return reverse("scriptapps:saved", args=[self.script_app.slug, self.pk])
