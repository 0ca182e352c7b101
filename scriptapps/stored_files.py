"""Uploaded files in the site's storage, each with its row.

Runs on: script threads (reading), the database executor and the command line (deleting).
Invariant: a row is there before the bytes and goes after them; who reads a file has named the session that has it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models import F, QuerySet
from django.utils import timezone

from scriptapps.conf import scriptapps_settings
from scriptapps.errors import UploadedFileGoneError
from scriptapps.file_parts import open_parts, part_names
from scriptapps.models import ScriptSession, SessionFile
from scriptapps.runtime.state_journal import Name
from scriptapps.runtime.uploaded_files import FileInfo

logger = logging.getLogger("scriptapps.files")

STORAGE_ALIAS = "scriptapps"
CHUNK = 500
"""Rows of one statement: below the variable limit of every database."""


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

    @property
    def part_bytes(self) -> int:
        """The largest part of a file that comes by one request."""
        return scriptapps_settings.UPLOAD_PART_BYTES

    def claim(self, session_id: str, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        """What is known of those of these files that are the session's; from now on they are in use."""
        rows = files_of(session_id).filter(file_id__in=list(file_ids), received=F("size"))
        # First this: a sweep takes only what is not in use, and what it took has no session any more.
        rows.exclude(unused_since=None).update(unused_since=None)
        return {str(row.file_id): info_of(row) for row in rows}

    def open(self, session_id: str, file_id: str) -> BinaryIO:
        """The file's bytes. Raises UploadedFileGoneError when the session has no such file."""
        row = files_of(session_id).filter(file_id=file_id).first()
        if row is None:
            raise UploadedFileGoneError("This uploaded file was removed.")
        return open_parts(file_storage(), row)

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
                for name in part_names(row):
                    storage.delete(name)
            except Exception:
                logger.exception(
                    "The bytes of uploaded file %s could not be deleted; the next sweep tries again", row.pk
                )
                continue
        row.delete()
        count, size = count + 1, size + row.size
    return count, size
