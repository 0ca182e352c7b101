"""What somebody outside a page asks of its session: one row from the asking until after the outcome is known.

Runs on: whoever asks; the database executor; script threads, in the transaction of the run that answers.
Invariant: a row is waiting until what it asks for is part of the stored state, and is never carried out after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.runtime.outside import RUNNING, RequestAnswer

CHUNK = 500
"""Rows of one statement: below the variable limit of every database."""


class SessionRequestQuerySet(models.QuerySet["SessionRequest"]):
    """Requests by what became of them."""

    def unfinished(self) -> Self:
        """Nobody can say yet how they ended."""
        return self.filter(finished__isnull=True)

    def waiting(self) -> Self:
        """Not carried out yet, as far as the database knows."""
        return self.unfinished().filter(outcome="")

    def answer(self, answers: Iterable[RequestAnswer]) -> None:
        """Write down how these ended; called in the transaction that makes their effect durable."""
        now = timezone.now()
        groups: dict[tuple[str, str, str], list[int]] = {}
        for answer in answers:
            groups.setdefault((answer.outcome, answer.error, answer.run_id), []).append(answer.number)
        for (outcome, error, run_id), numbers in groups.items():
            finished = None if outcome == RUNNING else now
            for start in range(0, len(numbers), CHUNK):
                rows = self.unfinished().filter(pk__in=numbers[start : start + CHUNK])
                rows.update(finished=finished, outcome=outcome, error=error, run_id=run_id)

    def tell(self, number: int, answer: str) -> None:
        """Put the answer into a row that asked to look; if that was deleted, nobody waits any more."""
        payload = {"answer": answer}
        self.unfinished().filter(pk=number).update(
            payload=payload, finished=timezone.now(), outcome=SessionRequest.Outcome.COMPLETED
        )

    def session_ended(self, session_ids: Iterable[Any]) -> int:
        """These sessions have ended for good: what asked for that is done, the rest has nobody to do it."""
        outcome = SessionRequest.Outcome
        closed = When(kind=SessionRequest.Kind.CLOSE, then=Value(outcome.COMPLETED.value))
        rows = self.unfinished().filter(session_id__in=list(session_ids))
        return rows.update(finished=timezone.now(), outcome=Case(closed, default=Value(outcome.GONE.value)))


class SessionRequest(models.Model):
    """One thing asked of one session. Rows are evidence and never edited; those that look are deleted by who asked."""

    class Kind(models.TextChoices):
        """What is asked."""

        RERUN = "rerun", _("rerun")
        STOP = "stop", _("stop")
        CLOSE = "close", _("close")
        NOTIFY = "notify", _("notify")
        EVENT = "event", _("event")
        INSPECT = "inspect", _("inspect")

    class Outcome(models.TextChoices):
        """How it ended. "" is waiting; running: it is part of the stored state, and its run has not ended yet."""

        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("stopped")
        REFUSED = "refused", _("refused")
        DEADLINE = "deadline", _("took too long")
        ABANDONED = "abandoned", _("given up")
        NOT_COMPILED = "not_compiled", _("does not compile")
        DEFERRED = "deferred", _("when it is seen next")
        UNSEEN = "unseen", _("nobody was looking")
        UNHEARD = "unheard", _("nobody listens for it")
        GONE = "gone", _("the session has ended")

    session = models.ForeignKey(
        "scriptapps.ScriptSession", on_delete=models.CASCADE, related_name="requests", verbose_name=_("script session")
    )
    kind = models.CharField(_("request"), max_length=10, choices=Kind)
    # By kind: values and state by key (each value as text of the state codec), fragment, run; text, icon; message;
    # name and event (its payload, as text of the state codec); whether values are wanted, and the answer as JSON text.
    payload = models.JSONField(default=dict, editable=False)
    trigger = models.CharField(_("by way of"), max_length=20)
    detail = models.CharField(_("who or what"), max_length=200, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked by"),
    )
    created = models.DateTimeField(_("asked"), default=timezone.now)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=15, choices=Outcome, blank=True)
    error = models.TextField(_("error"), blank=True)
    run_id = models.CharField(_("run"), max_length=40, blank=True)

    objects = SessionRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("session request")
        verbose_name_plural = _("session requests")
        ordering = ("-pk",)
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["session"], condition=Q(finished__isnull=True), name="scriptapps_request_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
