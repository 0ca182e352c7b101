"""Uploaded files in the site's storage, each with its row.

Runs on: request threads (taking one in), script threads (reading), the database executor and the command line.
Invariant: a row is there before the bytes and goes after them; who reads a file has named the session that has it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import router, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from scriptapps.conf import scriptapps_settings
from scriptapps.errors import UploadedFileGoneError
from scriptapps.models import ScriptSession, SessionFile
from scriptapps.runtime.state_journal import Name
from scriptapps.runtime.uploaded_files import FileInfo

logger = logging.getLogger("scriptapps.files")

STORAGE_ALIAS = "scriptapps"
CHUNK = 500
"""Rows of one statement: below the variable limit of every database."""


class NoRoomError(Exception):
    """The file is not taken. ``code`` says why: "session_gone", "too_many", "session_full" or "site_full"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def upload_root() -> Path:
    """The folder of the built-in storage."""
    given = scriptapps_settings.UPLOAD_ROOT
    return Path(given) if given else Path(getattr(settings, "BASE_DIR", "")).resolve() / "scriptapps_files"


def file_storage() -> Storage:
    """STORAGES["scriptapps"] of the site; without one, a folder that only this process's user can read."""
    if STORAGE_ALIAS in settings.STORAGES:
        return storages[STORAGE_ALIAS]
    return FileSystemStorage(upload_root(), file_permissions_mode=0o600, directory_permissions_mode=0o700)


def files_of(session_id: str) -> QuerySet[SessionFile]:
    """The rows of one session."""
    return SessionFile.objects.filter(session_id=uuid.UUID(session_id))


def info_of(row: SessionFile) -> FileInfo:
    """What the runtime knows of a file."""
    return FileInfo(str(row.file_id), row.name, row.size, row.content_type)


class StoredFiles:
    """The files of a node's sessions. ``executor`` deletes bytes, so that no run waits for it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def max_bytes(self) -> int:
        """The largest file that is taken."""
        return scriptapps_settings.UPLOAD_MAX_BYTES

    def claim(self, session_id: str, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        """What is known of those of these files that are the session's; from now on they are in use."""
        rows = files_of(session_id).filter(file_id__in=list(file_ids))
        # First this: a sweep takes only what is not in use, and what it took has no session any more.
        rows.exclude(unused_since=None).update(unused_since=None)
        return {str(row.file_id): info_of(row) for row in rows}

    def open(self, session_id: str, file_id: str) -> BinaryIO:
        """The file's bytes. Raises UploadedFileGoneError when the session has no such file."""
        row = files_of(session_id).filter(file_id=file_id).first()
        if row is None:
            raise UploadedFileGoneError("This uploaded file was removed.")
        try:
            return cast(BinaryIO, file_storage().open(row.path, "rb"))
        except FileNotFoundError as error:
            raise UploadedFileGoneError(f"The bytes of {row.name!r} are not in the storage any more.") from error

    def let_go(self, session_id: str, file_ids: Collection[str]) -> None:
        """Nothing of the session names these files any more: they go."""
        rows = files_of(session_id).filter(file_id__in=list(file_ids))
        if rows.update(session=None):
            self._executor.submit(_delete_soon)


def _delete_soon() -> None:
    try:
        delete_ownerless()
    except Exception:
        logger.exception("Uploaded files could not be deleted; the next sweep tries again")


# -- taking one in -----------------------------------------------------------------------------------------------------


def take_in(session: ScriptSession, widget_id: str, content: File[bytes], name: str, content_type: str) -> SessionFile:
    """Store a file of this size under a new id. Raises NoRoomError, and whatever the storage raises."""
    row = _reserve(session, widget_id, content.size, name, content_type)
    storage = file_storage()
    try:
        path = storage.save(row.path, content)
    except BaseException:
        SessionFile.objects.filter(pk=row.pk).update(session=None)
        delete_ownerless()
        raise
    if not SessionFile.objects.filter(pk=row.pk).exclude(session=None).update(path=path):
        # Its session was closed and swept while the bytes were on their way.
        storage.delete(path)
        raise NoRoomError("session_gone")
    return row


def _reserve(session: ScriptSession, widget_id: str, size: int, name: str, content_type: str) -> SessionFile:
    file_id = uuid.uuid4()
    with transaction.atomic(using=router.db_for_write(SessionFile)):
        # Writing the session's row first makes uploads of one session take turns here.
        open_row = ScriptSession.objects.filter(pk=session.pk).exclude(state=ScriptSession.State.CLOSED)
        if not open_row.update(last_seen=timezone.now()):
            raise NoRoomError("session_gone")
        mine = SessionFile.objects.filter(session=session)
        if mine.count() >= scriptapps_settings.UPLOAD_SESSION_FILES:
            raise NoRoomError("too_many")
        if _total(mine) + size > scriptapps_settings.UPLOAD_SESSION_BYTES:
            raise NoRoomError("session_full")
        if _total(SessionFile.objects.all()) + size > scriptapps_settings.UPLOAD_TOTAL_BYTES:
            raise NoRoomError("site_full")
        return SessionFile.objects.create(
            session=session,
            file_id=file_id,
            widget_id=widget_id,
            name=name,
            content_type=content_type,
            size=size,
            path=f"{file_id.hex[:2]}/{file_id.hex}",
        )


def _total(rows: QuerySet[SessionFile]) -> int:
    return rows.aggregate(total=Sum("size"))["total"] or 0


def discard(session: ScriptSession, file_id: uuid.UUID) -> bool:
    """Take away a file that no value of its session names. Returns whether there was one."""
    unused = SessionFile.objects.filter(session=session, file_id=file_id).exclude(unused_since=None)
    found = bool(unused.update(session=None))
    if found:
        delete_ownerless()
    return found


# -- from one session to the next --------------------------------------------------------------------------------------


def copy_files(original: str, copy: str) -> None:
    """Give the copy of a session the same files. The bytes stay as long as one of them has the file."""
    rows = list(files_of(original).filter(unused_since=None))
    for row in rows:
        row.pk, row.session_id = None, uuid.UUID(copy)
    SessionFile.objects.bulk_create(rows)
    # What the original lost before the rows of the copy were there may be gone.
    kept = files_of(original).values("file_id")
    if rows:
        files_of(copy).exclude(file_id__in=kept).update(session=None)


def note_unused(session_id: str, values: Mapping[Name, bytes]) -> None:
    """A session is restored from these values: what they do not name was given up by a process that then ended.

    Not at once: the browser may hold an event that names it.
    """
    ids = files_of(session_id).filter(unused_since=None).values_list("file_id", flat=True)
    unused = [key for key in ids if not any(str(key).encode() in data for data in values.values())]
    if unused:
        files_of(session_id).filter(file_id__in=unused).update(unused_since=timezone.now())


# -- deleting ----------------------------------------------------------------------------------------------------------


def forgotten(ended: QuerySet[ScriptSession]) -> tuple[QuerySet[SessionFile], QuerySet[SessionFile]]:
    """Files of sessions that have ended, and files that were uploaded and then not used for too long."""
    border = timezone.now() - timedelta(seconds=scriptapps_settings.UPLOAD_UNUSED_SECONDS)
    unused = SessionFile.objects.exclude(session=None).filter(unused_since__lt=border)
    return SessionFile.objects.filter(session__in=ended.values("pk")), unused


def delete_forgotten(limit: int | None = None) -> tuple[int, int]:
    """Take away what is forgotten, at most ``limit`` of each kind. Returns how many files, and their bytes."""
    closed, unused = forgotten(ScriptSession.objects.filter(state=ScriptSession.State.CLOSED))
    for rows, due in ((closed, SessionFile.objects.all()), (unused, unused)):
        ids = list(rows.order_by().values_list("pk", flat=True)[:limit])
        for start in range(0, len(ids), CHUNK):
            # Asked again of each unused one: it may be claimed this very moment. A closed session stays closed.
            due.filter(pk__in=ids[start : start + CHUNK]).update(session=None)
    return delete_ownerless(limit)


def delete_ownerless(limit: int | None = None) -> tuple[int, int]:
    """Delete rows without a session, and bytes that no other row needs. Returns how many files, and their bytes."""
    storage, count, size = file_storage(), 0, 0
    for row in SessionFile.objects.filter(session=None).order_by("pk")[:limit]:
        if not SessionFile.objects.filter(path=row.path).exclude(session=None).exists():
            try:
                storage.delete(row.path)
            except Exception:
                logger.exception(
                    "The bytes of uploaded file %s could not be deleted; the next sweep tries again", row.pk
                )
                continue
        row.delete()
        count, size = count + 1, size + row.size
    return count, size
