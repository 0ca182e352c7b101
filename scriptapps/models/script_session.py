"""What is alive right now: one row for each live session.

Runs on: request threads and the database executor, never on the event loop.
Invariant: whether a session is live is derived from its node's beat; a row alone proves nothing about a process.
"""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.models.liveness import live_since
from scriptapps.models.script_app import ScriptApp
from scriptapps.models.steering import SteerableSession, SteerableSessions


class ScriptSessionQuerySet(SteerableSessions, models.QuerySet["ScriptSession"]):
    """Sessions by what is true of them now, and what one may ask of them (see `SteerableSessions`)."""

    def live(self) -> Self:
        """Sessions that are open in a process which gave a sign of life lately."""
        return self.exclude(state=ScriptSession.State.CLOSED).exclude(node="").filter(beat__gt=live_since())

    def not_live(self) -> Self:
        """Sessions that are closed or parked, or whose process has gone silent."""
        return self.filter(Q(state=ScriptSession.State.CLOSED) | Q(node="") | Q(beat__lte=live_since()))

    def parked(self) -> Self:
        """Sessions in no process's memory whose state is kept: the next visit of their tab goes on with it."""
        return self.exclude(state=ScriptSession.State.CLOSED).filter(node="")


class ScriptSession(SteerableSession, models.Model):
    """One live session as every process and the admin see it. Its owner is the process named in `node`."""

    class State(models.TextChoices):
        """What its process last wrote; see `liveness` for what is true now."""

        IDLE = "idle", _("idle")
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        CLOSED = "closed", _("closed")

    class Liveness(models.TextChoices):
        """What is true now: away = nobody looks; parked = only the state is kept; gone = its process is silent."""

        RUNNING = "running", _("running")
        QUEUED = "queued", _("queued")
        IDLE = "idle", _("idle")
        AWAY = "away", _("away")
        PARKED = "parked", _("parked")
        GONE = "gone", _("gone")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    script_app = models.ForeignKey(
        ScriptApp, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("script app")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # The owner's rows are closed by a receiver; cascading would make deleting a user need rights on sessions.
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    binding = models.CharField(max_length=64, editable=False, db_index=False)
    scope = models.CharField(
        _("scope"), max_length=10, choices=ScriptApp.Scope.choices[1:], default=ScriptApp.Scope.TAB, editable=False
    )
    # Whom a shared session belongs to, "" in scope tab; two open ones of one key and script app cannot be.
    scope_key = models.CharField(max_length=255, blank=True, default="", editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.IDLE)
    node = models.CharField(_("node"), max_length=100, blank=True)
    beat = models.DateTimeField(_("node's last sign of life"), default=timezone.now)
    viewers = models.PositiveIntegerField(_("viewers"), default=0)
    # Estimated; see `scriptapps.runtime.memory`. Of the process that had it last.
    memory_bytes = models.PositiveBigIntegerField(_("memory"), default=0, db_default=0, editable=False)
    runs = models.PositiveIntegerField(_("runs"), default=0)
    last_run_ms = models.FloatField(_("last run in ms"), null=True, blank=True)
    last_outcome = models.CharField(_("last outcome"), max_length=20, blank=True)
    # What kind of cause it had, in a word; never what somebody typed or chose.
    last_trigger = models.CharField(_("last trigger"), max_length=40, blank=True, default="", db_default="")
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    connected_at = models.DateTimeField(_("connected"), null=True, blank=True)
    last_seen = models.DateTimeField(_("last seen"), default=timezone.now)
    # Names of the events that its page listens for.
    listens_to = models.JSONField(_("listens to"), default=list, editable=False)
    # The lease: `node` owns the session until `lease_expires` by the database's clock; each owner has its own epoch.
    epoch = models.PositiveBigIntegerField(_("epoch"), default=0, editable=False)
    lease_expires = models.DateTimeField(_("lease expires"), null=True, blank=True, editable=False)
    release_wanted = models.PositiveIntegerField(default=0, editable=False)
    # Event numbers that are part of the stored state, by page load.
    seqs = models.JSONField(default=dict, editable=False)
    state_ref = models.CharField(max_length=100, blank=True, editable=False)
    state_keys = models.PositiveIntegerField(_("stored values"), default=0, editable=False)
    state_bytes = models.PositiveBigIntegerField(_("stored bytes"), default=0, editable=False)
    not_durable = models.JSONField(_("not durable"), default=dict, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    close_reason = models.CharField(_("reason"), max_length=100, blank=True)

    objects = ScriptSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("script session")
        verbose_name_plural = _("script sessions")
        ordering = ("-last_seen", "-pk")
        indexes = [
            models.Index(fields=["state", "beat"], name="scriptapps_session_live"),
            models.Index(fields=["node", "state"], name="scriptapps_session_node"),
            models.Index(fields=["-last_seen", "-id"], name="scriptapps_session_seen"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["script_app", "scope_key"],
                condition=~Q(scope_key="") & ~Q(state="closed"),
                name="scriptapps_session_shared",
            ),
        ]
        permissions = [
            ("observe_scriptsession", _("Can watch the pages of script sessions")),
            ("view_scriptsession_values", _("Can see what script sessions hold")),
            ("rerun_scriptsession", _("Can rerun script sessions and send them notices")),
            ("terminate_scriptsession", _("Can stop the runs of script sessions and close them")),
            ("patch_scriptsession", _("Can change what script sessions hold")),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_live(self) -> bool:
        """Whether it is open in a process that gave a sign of life lately."""
        return self.state != self.State.CLOSED and self.node != "" and self.beat > live_since()

    def may_be_asked_to(self, kind: str) -> bool:
        """Whether it can be asked to "rerun", "stop" or "close": while it is live all of them, then only the last."""
        return self.is_live or (kind == "close" and self.state != self.State.CLOSED)

    @property
    def liveness(self) -> ScriptSession.Liveness:
        """What is true now, whatever its process managed to write last."""
        if self.state == self.State.CLOSED:
            return self.Liveness.CLOSED
        if not self.node:
            return self.Liveness.PARKED
        if not self.is_live:
            return self.Liveness.GONE
        if self.state in {self.State.RUNNING, self.State.QUEUED}:
            return self.Liveness(self.state)
        return self.Liveness.IDLE if self.viewers else self.Liveness.AWAY
