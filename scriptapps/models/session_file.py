"""An uploaded file of a session; its bytes are in the storage, in parts.

Runs on: request threads, script threads, the database executor. Invariant: there is a row from before the bytes are
written until after they are deleted, so no stored file is ever without one.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.models.script_session import ScriptSession


class SessionFile(models.Model):
    """One file of one session. Several rows may name one ``path``: those of a session and of its copies.

    Without a session it belongs to nobody any more, and goes together with its bytes.
    """

    session = models.ForeignKey(
        ScriptSession, on_delete=models.SET_NULL, null=True, related_name="files", verbose_name=_("session")
    )
    file_id = models.UUIDField(default=uuid.uuid4, editable=False)
    widget_id = models.CharField(max_length=255, editable=False)
    name = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("content type"), max_length=100, blank=True)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    # Beginning of the names of its parts in the storage, the size of all but the last, and how many bytes are stored.
    path = models.CharField(max_length=255, db_index=True, editable=False)
    part_size = models.PositiveBigIntegerField(default=0, editable=False)
    received = models.PositiveBigIntegerField(default=0, editable=False)
    # Until then somebody is storing the next part.
    busy_until = models.DateTimeField(null=True, editable=False)
    created = models.DateTimeField(_("uploaded"), default=timezone.now, editable=False)
    # Since when no value of the session names it; none while one does.
    unused_since = models.DateTimeField(null=True, default=timezone.now, db_index=True, editable=False)

    class Meta:
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")
        constraints = [
            models.UniqueConstraint(fields=["session", "file_id"], name="scriptapps_file_of_session"),
        ]

    def __str__(self) -> str:
        return self.name
