"""What an act that came with an Idempotency-Key was answered, so that the same act is not carried out twice.

Runs on: request threads. Invariant: the row is written in the transaction of its act: there is none without the other.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ApiAnswer(models.Model):
    """One key of one actor: what was asked (as a digest) and what was answered."""

    # "user:1" or "token:5".
    actor = models.CharField(max_length=50)
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    # {asked, outcomes, waiting, errors, requests}: what was known when the act was recorded.
    report = models.JSONField(default=dict)
    # The body of the answer once it was given; {} until then.
    answer = models.JSONField(default=dict)
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = "stored answer of the API"
        verbose_name_plural = "stored answers of the API"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="scriptapps_answer_key")]

    def __str__(self) -> str:
        return f"{self.actor} {self.key}"
