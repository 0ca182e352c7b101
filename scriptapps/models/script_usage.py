"""How much a script app was used in one hour, as one process counted it.

Runs on: the database executor of a node, request threads. Invariant: a row has one writer, the process that it names;
sums over rows are exact, percentiles are within a tenth, people are exact up to ``MOST_PEOPLE`` in a row.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scriptapps.models.script_app import ScriptApp

MOST_PEOPLE = 1_000


class ScriptUsage(models.Model):
    """Runs that ended in the hour from ``hour`` on."""

    script_app = models.ForeignKey(
        ScriptApp, on_delete=models.CASCADE, related_name="usage", verbose_name=_("script app")
    )
    hour = models.DateTimeField(_("hour"))
    node = models.CharField(_("process"), max_length=100)
    runs = models.PositiveBigIntegerField(_("runs"), default=0)
    failed = models.PositiveBigIntegerField(_("failed runs"), default=0)
    # How many runs took how long: count by number of the class; see `scriptapps.usage`.
    times = models.JSONField(default=dict)
    # Keyed hashes of users and browsers, so that people of several rows can be counted once.
    people = models.JSONField(default=list)
    # There were more people than are listed.
    more_people = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("usage of a script app")
        verbose_name_plural = _("usage of script apps")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["script_app", "hour", "node"], name="scriptapps_usage")]
        indexes = [models.Index(fields=["hour"], name="scriptapps_usage_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}"
