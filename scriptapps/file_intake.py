"""Taking an uploaded file in, part by part, each by a request of its own that any process may get.

Runs on: request threads. Invariant: what is stored is what ``received`` counts; a part that is sent twice counts once.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.core.files import File
from django.db import router, transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from scriptapps.conf import scriptapps_settings
from scriptapps.file_parts import part_name
from scriptapps.models import ScriptSession, SessionFile
from scriptapps.stored_files import delete_ownerless, file_storage

SMALLEST_PART = 65_536
"""Of a file that does not come as a whole: nobody can make a file of a million parts."""
PART_SECONDS = 60
"""Within this time the storage takes a part, or the process that stores it is gone."""


class NoRoomError(Exception):
    """The file is not taken. ``code``: "session_gone", "too_many", "session_full", "site_full" or "wrong_part"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OtherPlaceError(Exception):
    """Another part is due: the one at ``row.received``. So it is, too, while that one is being stored."""

    def __init__(self, row: SessionFile) -> None:
        super().__init__(f"{row.received} of {row.size} bytes are here")
        self.row = row


def is_complete(row: SessionFile) -> bool:
    """Whether all parts are stored."""
    return row.received == row.size and row.busy_until is None


def begin(
    session: ScriptSession, widget_id: str, name: str, content_type: str, size: int, first: File[bytes]
) -> SessionFile:
    """Reserve room for a file of this size and store its first part.

    Raises NoRoomError, and whatever the storage raises.
    """
    if first.size != size and not SMALLEST_PART <= first.size < size:
        raise NoRoomError("wrong_part")
    file_id = uuid.uuid4()
    row = SessionFile(
        session=session,
        file_id=file_id,
        widget_id=widget_id,
        name=name,
        content_type=content_type,
        size=size,
        path=f"{file_id.hex[:2]}/{file_id.hex}",
        part_size=first.size,
        busy_until=_busy_until(),
    )
    _reserve(session, row)
    try:
        _store(row, first)
    except BaseException:
        SessionFile.objects.filter(pk=row.pk).update(session=None)
        delete_ownerless()
        raise
    return row


def go_on(session: ScriptSession, file_id: uuid.UUID, offset: int, part: File[bytes]) -> SessionFile:
    """Store the part at ``offset``. Raises NoRoomError, OtherPlaceError, and whatever the storage raises."""
    rows = SessionFile.objects.filter(session=session, file_id=file_id)
    row = rows.first()
    if row is None:
        raise NoRoomError("session_gone")
    is_free = Q(busy_until=None) | Q(busy_until__lt=timezone.now())
    is_due = offset == row.received < row.size
    if not is_due or not rows.filter(is_free, received=offset).update(busy_until=_busy_until()):
        raise OtherPlaceError(row)
    try:
        if part.size != min(row.part_size, row.size - offset):
            raise NoRoomError("wrong_part")
        _store(row, part)
    except BaseException:
        rows.filter(received=offset).update(busy_until=None)
        raise
    return row


def _busy_until() -> datetime:
    return timezone.now() + timedelta(seconds=PART_SECONDS)


def _reserve(session: ScriptSession, row: SessionFile) -> None:
    with transaction.atomic(using=router.db_for_write(SessionFile)):
        # Writing the session's row first makes uploads of one session take turns here.
        open_row = ScriptSession.objects.filter(pk=session.pk).exclude(state=ScriptSession.State.CLOSED)
        if not open_row.update(last_seen=timezone.now()):
            raise NoRoomError("session_gone")
        mine = SessionFile.objects.filter(session=session)
        if mine.count() >= scriptapps_settings.UPLOAD_SESSION_FILES:
            raise NoRoomError("too_many")
        if _total(mine) + row.size > scriptapps_settings.UPLOAD_SESSION_BYTES:
            raise NoRoomError("session_full")
        if _total(SessionFile.objects.all()) + row.size > scriptapps_settings.UPLOAD_TOTAL_BYTES:
            raise NoRoomError("site_full")
        row.save(force_insert=True)


def _total(rows: QuerySet[SessionFile]) -> int:
    return rows.aggregate(total=Sum("size"))["total"] or 0


def _store(row: SessionFile, part: File[bytes]) -> None:
    storage, offset = file_storage(), row.received
    name = part_name(row, offset // max(1, row.part_size))
    # Somebody may have died over it.
    storage.delete(name)
    saved = storage.save(name, part)
    if saved != name:
        storage.delete(saved)
        raise OtherPlaceError(row)
    fields = {"received": offset + part.size, "busy_until": None, "unused_since": timezone.now()}
    rows = SessionFile.objects.filter(pk=row.pk).exclude(session=None)
    if rows.filter(received=offset).update(**fields):
        row.received, row.busy_until = offset + part.size, None
    elif (now := rows.first()) is not None:
        # This one took so long that another one did it.
        raise OtherPlaceError(now)
    else:
        # The session was closed and swept while the bytes were on their way.
        storage.delete(name)
        raise NoRoomError("session_gone")


def discard(session: ScriptSession, file_id: uuid.UUID) -> bool:
    """Take away a file that no value of its session names. Returns whether there was one."""
    unused = SessionFile.objects.filter(session=session, file_id=file_id).exclude(unused_since=None)
    found = bool(unused.update(session=None))
    if found:
        delete_ownerless()
    return found
