"""What is alive right now: one row for each live session, and what one may ask of many.

Runs on: request threads and the database executor, never on the event loop.
Invariant: whether a session is live is derived from its node's beat; a row alone proves nothing about a process.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import models, router, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps import signals
from scriptapps.conf import scriptapps_settings
from scriptapps.models.script_app import ScriptApp

if TYPE_CHECKING:
    from datetime import datetime

# A node is believed alive for this many of its beats: one may be lost, one may be late.
BEATS_UNTIL_GONE = 3
CLOSED_BY_STAFF = "closed by staff"
# Rows steered by one UPDATE: below the variable limit of every database.
STEER_CHUNK = 500


def live_since(now: datetime | None = None) -> datetime:
    """The moment after which a node must have beaten for its sessions to count as live."""
    return (now or timezone.now()) - timedelta(seconds=BEATS_UNTIL_GONE * scriptapps_settings.BEAT_SECONDS)


class ScriptSessionQuerySet(models.QuerySet["ScriptSession"]):
    """Live sessions, and the three things one may ask of them. Each has an `a` twin for async code."""

    def live(self) -> Self:
        """Sessions that are open in a process which gave a sign of life lately."""
        return self.exclude(state=ScriptSession.State.CLOSED).exclude(node="").filter(beat__gt=live_since())

    def not_live(self) -> Self:
        """Sessions that are closed or parked, or whose process has gone silent."""
        return self.filter(Q(state=ScriptSession.State.CLOSED) | Q(node="") | Q(beat__lte=live_since()))

    def parked(self) -> Self:
        """Sessions in no process's memory whose state is kept: the next visit of their tab goes on with it."""
        return self.exclude(state=ScriptSession.State.CLOSED).filter(node="")

    def rerun(self) -> int:
        """Ask these sessions to run their script again; returns how many were asked."""
        return self._steer("rerun")

    def stop(self) -> int:
        """Ask these sessions to stop the run they are in; returns how many were asked."""
        return self._steer("stop")

    def close(self) -> int:
        """Ask these sessions to end; those in no living process end at once. Returns how many were asked."""
        return self._steer("close")

    async def arerun(self) -> int:
        """`rerun` for async code."""
        return await sync_to_async(self.rerun)()

    async def astop(self) -> int:
        """`stop` for async code."""
        return await sync_to_async(self.stop)()

    async def aclose(self) -> int:
        """`close` for async code."""
        return await sync_to_async(self.close)()

    def _steer(self, kind: str) -> int:
        # The raised counter is the request: a lost signal is made good by the node's next beat.
        column = f"{kind}_wanted"
        using = self._db or router.db_for_write(self.model)  # type: ignore[attr-defined]
        open_rows = self.using(using).exclude(state=ScriptSession.State.CLOSED)
        ids = list(open_rows.order_by().values_list("pk", flat=True).distinct())
        with transaction.atomic(using=using):
            count = 0
            for start in range(0, len(ids), STEER_CHUNK):
                rows = self.model._base_manager.using(using).filter(pk__in=ids[start : start + STEER_CHUNK])
                count += rows.update(**{column: F(column) + 1})
                if kind == "close":
                    # Nobody is there to do it.
                    ended = {"close_reason": CLOSED_BY_STAFF, "viewers": 0, "lease_expires": None}
                    unowned = rows.exclude(state=ScriptSession.State.CLOSED)
                    unowned = unowned.filter(Q(node="") | Q(beat__lte=live_since()))
                    unowned.update(state=ScriptSession.State.CLOSED, closed_at=timezone.now(), **ended)
            if ids:
                transaction.on_commit(lambda: _announce(kind, ids), using=using)
        return count


def _announce(kind: str, ids: list[uuid.UUID]) -> None:
    signals.steering_requested.send_robust(sender=ScriptSession, kind=kind, ids=ids)


class ScriptSession(models.Model):
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
    runs = models.PositiveIntegerField(_("runs"), default=0)
    last_run_ms = models.FloatField(_("last run in ms"), null=True, blank=True)
    last_outcome = models.CharField(_("last outcome"), max_length=20, blank=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    connected_at = models.DateTimeField(_("connected"), null=True, blank=True)
    last_seen = models.DateTimeField(_("last seen"), default=timezone.now)
    rerun_wanted = models.PositiveIntegerField(default=0, editable=False)
    rerun_done = models.PositiveIntegerField(default=0, editable=False)
    stop_wanted = models.PositiveIntegerField(default=0, editable=False)
    stop_done = models.PositiveIntegerField(default=0, editable=False)
    close_wanted = models.PositiveIntegerField(default=0, editable=False)
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
            ("rerun_scriptsession", _("Can rerun script sessions")),
            ("stop_scriptsession", _("Can stop runs of script sessions")),
            ("close_scriptsession", _("Can close script sessions")),
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
