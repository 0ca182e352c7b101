"""Acts that are carried out once however often they are sent: the Idempotency-Key header.

Runs on: request threads. Invariant: key, act, audit record and report are one transaction; whoever comes second finds
either all of it or nothing, and waits for the first to commit because the key is unique.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from scriptapps.api.call import Call
from scriptapps.api.problems import Problem
from scriptapps.models import ApiAnswer, SteeringReport
from scriptapps.store import write_alias

Carry = Callable[[], SteeringReport]


class _TakenError(Exception):
    """Another request with this key was quicker."""


@dataclass
class Once:
    """The report of an act, and the answer that was already given for its key, if any."""

    report: SteeringReport
    row: ApiAnswer | None = None
    is_replay: bool = False

    def keep(self, answer: dict[str, Any]) -> None:
        """Remember what was answered; what was remembered first stays."""
        if self.row is not None:
            ApiAnswer.objects.filter(pk=self.row.pk, answer={}).update(answer=answer)


def carry_out(call: Call, act: Carry) -> Once:
    """Do it in one transaction, or find what was answered before. Raises Problem (422) for a key of another request."""
    if not call.key:
        with transaction.atomic(using=write_alias()):
            return Once(act())
    digest = request_digest(call)
    if (earlier := _earlier(call, digest)) is not None:
        return earlier
    try:
        with transaction.atomic(using=write_alias()):
            row = _claim(call, digest)
            report = act()
            row.report = {
                "asked": report.asked,
                "outcomes": report.outcomes,
                "waiting": report.waiting,
                "requests": {str(number): key for number, key in report.requests.items()},
            }
            row.save(update_fields=["report"])
            return Once(report, row)
    except _TakenError:
        earlier = _earlier(call, digest)
        if earlier is None:
            raise Problem(409, "Another request with this Idempotency-Key has just failed. Send it again.") from None
        return earlier


def request_digest(call: Call) -> str:
    """What makes two requests the same: address and body, whatever the order of names."""
    text = json.dumps([call.method, call.path, call.body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _claim(call: Call, digest: str) -> ApiAnswer:
    try:
        return ApiAnswer.objects.create(actor=call.actor.key, key=call.key, request_digest=digest)
    except IntegrityError:
        raise _TakenError from None


def _earlier(call: Call, digest: str) -> Once | None:
    row = ApiAnswer.objects.filter(actor=call.actor.key, key=call.key).first()
    if row is None:
        return None
    if row.request_digest != digest:
        raise Problem(422, "This Idempotency-Key was used for another request. Take a new key for each act.")
    report = SteeringReport(
        row.report["asked"],
        dict(row.report["outcomes"]),
        list(row.report["waiting"]),
        requests={int(number): key for number, key in row.report["requests"].items()},
        using=write_alias(),
    )
    return Once(report, row, is_replay=True)
