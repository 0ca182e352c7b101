"""What a session holds that outlives its process.

Runs on: the state store. Invariant: rows are written only behind the lease's fence.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scriptapps.models.script_session import ScriptSession


class SessionValue(models.Model):
    """One durable value of a session: a key of its state, or a widget's value. Written by the state store only."""

    class Space(models.TextChoices):
        """Where the name belongs."""

        STATE = "s", _("session state")
        WIDGET = "w", _("widget")

    session = models.ForeignKey(ScriptSession, on_delete=models.CASCADE, related_name="stored_values")
    space = models.CharField(max_length=1, choices=Space)
    name = models.CharField(max_length=255)
    payload = models.BinaryField()

    class Meta:
        verbose_name = _("stored value")
        verbose_name_plural = _("stored values")
        constraints = [
            models.UniqueConstraint(fields=["session", "space", "name"], name="scriptapps_value_name"),
        ]

    def __str__(self) -> str:
        return f"{self.space}:{self.name}"
