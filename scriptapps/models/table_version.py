"""How often a table has changed, for processes whose pages watch it.

Runs on: any thread outside transactions. Invariant: whoever writes to a watched table raises its version after the
commit; who compares versions misses nothing, whatever happens to hints.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class TableVersion(models.Model):
    """One table that pages watch, or watched until lately. All times are the database's."""

    table = models.CharField(_("table"), max_length=128, unique=True)
    version = models.BigIntegerField(_("version"), default=0)
    changed = models.DateTimeField(_("changed"), db_default=Now())
    # Writers elsewhere learn within seconds that a table is watched; it stays so for long after the last page.
    watched_since = models.DateTimeField(_("watched since"), db_default=Now())
    watched_until = models.DateTimeField(_("watched until"), db_default=Now())

    class Meta:
        verbose_name = _("watched table")
        verbose_name_plural = _("watched tables")
        # Processes write these rows themselves.
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.table
