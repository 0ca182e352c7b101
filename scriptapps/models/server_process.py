"""One row for each server process ("node"): what it is, how it is doing, and why it takes nothing.

Runs on: request threads, the beat's thread and the database executor, never on the event loop.
Invariant: whether a process lives is derived from its beat; what its row says is only what it last managed to write.
"""

from __future__ import annotations

from typing import Self

from asgiref.sync import sync_to_async
from django.db import models, router, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps import signals
from scriptapps.models.liveness import live_since


class ServerProcessQuerySet(models.QuerySet["ServerProcess"]):
    """Server processes by what is true of them now, and the one thing that may be asked of them."""

    def live(self) -> Self:
        """Processes that gave a sign of life lately and did not say goodbye."""
        return self.exclude(state=ServerProcess.State.ENDED).filter(ended_at=None, beat__gt=live_since())

    def gone(self) -> Self:
        """Processes without a goodbye: killed, frozen, or cut off from the database."""
        silent = Q(beat__lte=live_since()) | Q(ended_at__isnull=False)
        return self.exclude(state=ServerProcess.State.ENDED).filter(silent)

    def ended(self) -> Self:
        """Processes that ended in good order."""
        return self.filter(state=ServerProcess.State.ENDED)

    def drain(self) -> int:
        """Ask those of these processes that live to take nothing new and give up their sessions.

        Returns how many were asked. It takes effect when the transaction around it commits.
        """
        using = self._db or router.db_for_write(self.model)  # type: ignore[attr-defined]
        with transaction.atomic(using=using):
            names = list(self.using(using).live().order_by().values_list("name", flat=True))
            # The mark in the row is the request: a lost hint is made good by the process's next beat.
            asked = self.model._base_manager.using(using).filter(name__in=names).update(drain_wanted=True)
            if names:
                transaction.on_commit(lambda: _announce(names), using=using)
        return asked

    async def adrain(self) -> int:
        """`drain` for async code."""
        return await sync_to_async(self.drain)()


def _announce(names: list[str]) -> None:
    signals.drain_requested.send_robust(sender=ServerProcess, names=names)


class ServerProcess(models.Model):
    """A server process as every process and the admin see it. Its name is the one in `ScriptSession.node`."""

    class State(models.TextChoices):
        """What it last wrote of itself; see `liveness` for what is true now."""

        READY = "ready", _("ready")
        NOT_READY = "not_ready", _("not ready")
        DRAINING = "draining", _("draining")
        ENDED = "ended", _("ended")

    class Liveness(models.TextChoices):
        """What is true now: gone = it went silent without a goodbye."""

        READY = "ready", _("ready")
        NOT_READY = "not_ready", _("not ready")
        DRAINING = "draining", _("draining")
        GONE = "gone", _("gone")
        ENDED = "ended", _("ended")

    name = models.CharField(_("name"), max_length=100, unique=True)
    host = models.CharField(_("host"), max_length=60)
    pid = models.PositiveBigIntegerField(_("process id"))
    started = models.DateTimeField(_("started"), default=timezone.now)
    beat = models.DateTimeField(_("last sign of life"), default=timezone.now)
    # When it said goodbye, or was found dead.
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # What runs in it, by name: {"python": "3.13.1", "django": ..., "scriptapps": ..., "server": "uvicorn 0.35.0"}.
    versions = models.JSONField(_("versions"), default=dict)
    recycles = models.BooleanField(
        _("ends by itself"), default=False, help_text=_("Once drained it ends, for its supervisor to start another.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.READY)
    # The word of the readiness address, and a sentence about it.
    reason = models.CharField(_("reason"), max_length=20, blank=True)
    reason_text = models.TextField(_("what is the matter"), blank=True)
    # Stacks of all threads at the time when something held the process.
    dump = models.TextField(_("what held it"), blank=True)
    dump_at = models.DateTimeField(_("held at"), null=True, blank=True)
    sessions = models.PositiveIntegerField(_("sessions"), default=0)
    viewers = models.PositiveIntegerField(_("viewers"), default=0)
    threads = models.PositiveIntegerField(_("threads"), default=0)
    runs_now = models.PositiveIntegerField(_("runs going on"), default=0)
    runs_waiting = models.PositiveIntegerField(_("runs waiting"), default=0)
    run_workers = models.PositiveIntegerField(_("script threads at most"), default=0)
    abandoned = models.PositiveIntegerField(_("runs given up"), default=0)
    memory_bytes = models.PositiveBigIntegerField(_("resident memory"), null=True, blank=True)
    loop_lag_ms = models.FloatField(_("event loop lag in ms"), null=True, blank=True)
    # Where hints of other processes of this host are heard (UDP on the loopback), 0 for nowhere.
    hint_port = models.PositiveIntegerField(default=0, editable=False)
    drain_wanted = models.BooleanField(_("asked to drain"), default=False, editable=False)

    objects = ServerProcessQuerySet.as_manager()

    class Meta:
        verbose_name = _("server process")
        verbose_name_plural = _("server processes")
        ordering = ("host", "started", "pk")
        # Processes write their rows themselves: nobody adds, changes or deletes one.
        default_permissions = ("view",)
        permissions = [("drain_serverprocess", _("Can drain server processes"))]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    @property
    def is_live(self) -> bool:
        """Whether it gave a sign of life lately and did not say goodbye."""
        return self.state != self.State.ENDED and self.ended_at is None and self.beat > live_since()

    @property
    def liveness(self) -> ServerProcess.Liveness:
        """What is true now, whatever it managed to write last."""
        if self.state == self.State.ENDED:
            return self.Liveness.ENDED
        if not self.is_live:
            return self.Liveness.GONE
        if self.drain_wanted:
            return self.Liveness.DRAINING
        return self.Liveness(self.state)
