"""The lease: which process runs a session, by the database's clock.

Runs on: the database executor, the beat's thread, script threads. Invariant: every durable write of a session is behind
``fence`` in one transaction; an owner whose epoch is past changes 0 rows.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import router, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from scriptapps.conf import scriptapps_settings
from scriptapps.errors import LeaseLostError
from scriptapps.models import ScriptSession, SessionRequest
from scriptapps.runtime.outside import RequestAnswer

CHUNK = 500
"""Sessions of one statement: below the variable limit of every database."""


def node_name() -> str:
    """A name for this process that no other process on any host has: host, process id, when it began."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(node: str) -> bool:
    """Whether a node was a process of this host that has ended. False for other hosts: only their lease tells."""
    host, _, rest = node.rpartition(":")[0].partition(":")
    pid, started = rest, node.rpartition(":")[2]
    if host != socket.gethostname()[:60] or not pid.isdigit():
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Something that differs between two processes that had the same id; "gone" for none."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.is_dir() and Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return "gone"
        # Field 22 of proc_pid_stat(5): start time after boot; a zombie has ended.
        return "gone" if fields[0] == "Z" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        # Somebody else's process, so there is one.
        return "alive"
    return "alive"


def _expiry() -> Any:
    length = timedelta(seconds=scriptapps_settings.LEASE_SECONDS)
    return ExpressionWrapper(Now() + length, output_field=DateTimeField())


def first_expiry() -> Any:
    """When the lease of a new row runs out, for its INSERT."""
    return Now() + timedelta(seconds=scriptapps_settings.LEASE_SECONDS)


def acquire(session_id: str, node: str) -> int | None:
    """Become the owner if nobody is, or the owner's lease has run out, or its process has ended.

    Returns the new epoch, or None while somebody else owns it; that owner is asked to release.
    """
    rows = ScriptSession.objects.filter(pk=session_id).exclude(state=ScriptSession.State.CLOSED)
    free = Q(node="") | Q(node=node) | Q(lease_expires__isnull=True) | Q(lease_expires__lt=Now())
    owner = rows.values_list("node", flat=True).first()
    if owner and is_dead(owner):
        free |= Q(node=owner)
    taken = rows.filter(free).update(
        node=node, epoch=F("epoch") + 1, lease_expires=_expiry(), beat=Now(), release_wanted=0
    )
    if not taken:
        # Whoever waits asks again every moment; the owner needs to be told once.
        rows.filter(release_wanted=0).update(release_wanted=1)
        return None
    return ScriptSession.objects.values_list("epoch", flat=True).get(pk=session_id)


def owns(session_id: str, node: str, epoch: int) -> bool:
    """Whether the session is still this owner's."""
    rows = ScriptSession.objects.filter(pk=session_id, node=node, epoch=epoch)
    return rows.exclude(state=ScriptSession.State.CLOSED).exists()


def renew(node: str, session_ids: Iterable[str]) -> set[str]:
    """Renew the leases of these sessions as far as they are still the node's. Returns the ids of those that are.

    A row that names the node but is none of these runs out: nobody would ever give it up.
    """
    owned: set[str] = set()
    for chunk in batched(session_ids, CHUNK):
        mine = ScriptSession.objects.filter(node=node, pk__in=chunk).exclude(state=ScriptSession.State.CLOSED)
        mine.update(lease_expires=_expiry(), beat=Now())
        owned |= {str(key) for key in mine.values_list("pk", flat=True)}
    return owned


def batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """The items in lists of at most ``size``."""
    rest = list(items)
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def release(session_id: str, node: str, epoch: int) -> bool:
    """Give the session up. Returns False if it was not this owner's any more."""
    rows = ScriptSession.objects.filter(pk=session_id, node=node, epoch=epoch)
    return bool(rows.update(node="", lease_expires=None, release_wanted=0, viewers=0, state=ScriptSession.State.IDLE))


def release_all(node: str, but: Iterable[str] = ()) -> None:
    """Give up every session of a node that ends, except those whose run would not end."""
    rows = ScriptSession.objects.filter(node=node).exclude(state=ScriptSession.State.CLOSED).exclude(pk__in=list(but))
    rows.update(node="", lease_expires=None, release_wanted=0, viewers=0, state=ScriptSession.State.IDLE)


def fence(session_id: str, node: str, epoch: int, *, requests: Sequence[RequestAnswer] = (), **fields: Any) -> None:
    """Write to the session's row as its owner, and with it the answers to requests. Raises LeaseLostError.

    All of it or nothing; a part of the caller's transaction if there is one.
    """
    rows = ScriptSession.objects.filter(pk=session_id, node=node, epoch=epoch).exclude(state=ScriptSession.State.CLOSED)
    alias = router.db_for_write(ScriptSession)
    with transaction.atomic(using=alias) if requests else nullcontext():
        if not rows.using(alias).update(**fields):
            raise LeaseLostError(f"Session {session_id} has passed to another process.")
        if requests:
            SessionRequest.objects.using(alias).answer(requests)
