"""Uploaded files in the storage: who may read them, who shares them, and when they go."""

import logging
import uuid
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from scriptapps import stored_files
from scriptapps.errors import UploadedFileGoneError
from scriptapps.file_intake import begin, go_on
from scriptapps.models import ScriptApp, ScriptSession, SessionFile
from scriptapps.stored_files import StoredFiles, copy_files, delete_forgotten, delete_ownerless, note_unused
from scriptapps.sweep import SweepReport, sweep

pytestmark = pytest.mark.django_db

WIDGET = "file_uploader-0123456789abcdef01"
UNUSED = 3600


class AtOnce(Executor):
    """Does what is submitted before it returns."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    settings.SCRIPTAPPS = {"UPLOAD_ROOT": tmp_path, "UPLOAD_UNUSED_SECONDS": UNUSED, "IDLE_CULL_SECONDS": 3600}
    return tmp_path


@pytest.fixture
def row() -> ScriptApp:
    return ScriptApp.objects.create(slug="orders")


@pytest.fixture
def session(row) -> ScriptSession:
    return ScriptSession.objects.create(script_app=row)


@pytest.fixture
def other(row) -> ScriptSession:
    return ScriptSession.objects.create(script_app=row)


@pytest.fixture
def files() -> StoredFiles:
    return StoredFiles(AtOnce())


def upload(
    session: ScriptSession, content: bytes = b"abc", *, unused_for: float | None = None, part: int | None = None
) -> str:
    """A file of the session, in use unless it has been unused for some seconds. Returns its id.

    It comes by parts of this size, or as a whole.
    """
    step = part or max(1, len(content))
    row = begin(session, WIDGET, "a.csv", "text/csv", len(content), ContentFile(content[:step]))
    for place in range(step, len(content), step):
        go_on(session, row.file_id, place, ContentFile(content[place : place + step]))
    since = None if unused_for is None else timezone.now() - timedelta(seconds=unused_for)
    SessionFile.objects.filter(pk=row.pk).update(unused_since=since)
    return str(row.file_id)


def stored(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def close(session: ScriptSession) -> None:
    ScriptSession.objects.filter(pk=session.pk).update(state="closed", closed_at=timezone.now())


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_session_reads_its_own_files_only(files, session, other):
    file_id = upload(session)
    mine, theirs = str(session.pk), str(other.pk)
    assert files.claim(mine, [file_id, str(uuid.uuid4())]).keys() == {file_id}
    assert files.claim(theirs, [file_id]) == {}
    with files.open(mine, file_id) as content:
        assert content.read() == b"abc"
    for session_id, asked in ((theirs, file_id), (mine, str(uuid.uuid4()))):
        with pytest.raises(UploadedFileGoneError):
            files.open(session_id, asked)


def test_bytes_that_somebody_deleted_are_told(files, session, uploads):
    file_id = upload(session)
    for path in uploads.rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(UploadedFileGoneError, match=r"a\.csv"):
        files.open(str(session.pk), file_id)


def test_a_claimed_file_is_in_use(files, session):
    file_id = upload(session, unused_for=UNUSED + 60)
    info = files.claim(str(session.pk), [file_id])[file_id]
    assert (info.name, info.size, info.content_type) == ("a.csv", 3, "text/csv")
    assert delete_forgotten() == (0, 0)
    assert SessionFile.objects.get().unused_since is None


PART = 65_536
LONG = b"".join(number.to_bytes(4) for number in range(50_001))


def test_a_file_of_several_parts_is_read_as_one(files, session, uploads):
    file_id = upload(session, LONG, part=PART)
    assert stored(uploads) == 4
    with files.open(str(session.pk), file_id) as content:
        assert content.read() == LONG
        for place in (0, 1, PART - 1, PART, PART + 1, 3 * PART - 2, len(LONG) - 1, len(LONG), len(LONG) + 10):
            assert content.seek(place) == content.tell() == place
            assert content.read(5) == LONG[place : place + 5]
        assert content.seek(-3, 2) == len(LONG) - 3
        assert content.read() == LONG[-3:]
        content.seek(PART - 2)
        assert (content.read(1), content.seek(2, 1), content.read(1)) == (
            LONG[PART - 2 : PART - 1],
            PART + 1,
            LONG[PART + 1 : PART + 2],
        )
        with pytest.raises(ValueError, match="negative"):
            content.seek(-1)
    files.let_go(str(session.pk), {file_id})
    assert stored(uploads) == 0


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART])
def test_files_of_every_size(files, session, uploads, size):
    file_id = upload(session, LONG[:size], part=PART)
    assert stored(uploads) == max(1, -(-size // PART))
    with files.open(str(session.pk), file_id) as content:
        assert content.read() == LONG[:size]


def test_a_part_that_somebody_deleted_is_told(files, session, uploads):
    file_id = upload(session, LONG, part=PART)
    [second] = uploads.rglob("*.1")
    with files.open(str(session.pk), file_id) as content:
        assert content.read(PART) == LONG[:PART]
        second.unlink()
        with pytest.raises(UploadedFileGoneError):
            content.read()
        second.write_bytes(b"")
        content.seek(PART)
        with pytest.raises(UploadedFileGoneError):
            content.read()


def test_a_file_whose_parts_are_not_all_there_is_not_given_to_the_script(files, session, uploads):
    row = begin(session, WIDGET, "a.csv", "", len(LONG), ContentFile(LONG[:PART]))
    assert files.claim(str(session.pk), [str(row.file_id)]) == {}
    SessionFile.objects.update(unused_since=timezone.now() - timedelta(seconds=UNUSED + 60))
    assert sweep() == SweepReport(files=1, file_bytes=len(LONG))
    assert stored(uploads) == 0


# -- going -------------------------------------------------------------------------------------------------------------


def test_what_is_let_go_is_deleted(files, session, other, uploads):
    kept, gone, theirs = upload(session), upload(session), upload(other)
    files.let_go(str(session.pk), {gone, theirs})
    assert {str(key) for key in SessionFile.objects.values_list("file_id", flat=True)} == {kept, theirs}
    assert stored(uploads) == 2
    with pytest.raises(UploadedFileGoneError):
        files.open(str(session.pk), gone)


def test_files_go_with_their_session(session, other, uploads):
    upload(session), upload(session, b"12345", unused_for=1)
    kept = upload(other)
    close(session)
    assert sweep() == SweepReport(files=2, file_bytes=8)
    assert [str(row.file_id) for row in SessionFile.objects.all()] == [kept]
    assert stored(uploads) == 1
    assert sweep() == SweepReport()


def test_files_of_a_session_that_is_deleted_are_found(session, uploads):
    upload(session)
    session.delete()
    assert SessionFile.objects.get().session is None
    assert sweep() == SweepReport(files=1, file_bytes=3)
    assert stored(uploads) == 0


def test_files_that_nobody_came_to_use_go_after_their_time(session, uploads):
    upload(session, unused_for=UNUSED + 60)
    upload(session, unused_for=UNUSED - 60)
    upload(session)
    assert sweep() == SweepReport(files=1, file_bytes=3)
    assert stored(uploads) == 2


def test_a_dry_run_counts_and_keeps(session, other, uploads):
    upload(session, unused_for=UNUSED + 60)
    long_ago = timezone.now() - timedelta(seconds=4000)
    ScriptSession.objects.filter(pk=other.pk).update(node="", last_seen=long_ago, beat=long_ago)
    upload(other)
    # It was seen now, because it uploaded.
    ScriptSession.objects.filter(pk=other.pk).update(last_seen=long_ago)
    assert sweep(dry_run=True) == SweepReport(closed=1, files=2, file_bytes=6)
    assert stored(uploads) == 2
    assert sweep() == SweepReport(closed=1, files=2, file_bytes=6)
    assert stored(uploads) == 0


def test_the_sweep_is_limited(session, uploads):
    for _ in range(3):
        upload(session, unused_for=UNUSED + 60)
    assert sweep(limit=2).files == 2
    assert stored(uploads) == 1


def test_a_storage_that_fails_is_asked_again(session, uploads, monkeypatch, caplog):
    upload(session, unused_for=UNUSED + 60)

    def fail(storage: Any, name: str) -> None:
        raise OSError("the storage is away")

    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR, "scriptapps.files"):
        broken.setattr("django.core.files.storage.FileSystemStorage.delete", fail)
        broken.setattr(logging.getLogger("scriptapps"), "propagate", True)
        assert sweep().files == 0
    assert "could not be deleted" in caplog.text
    assert SessionFile.objects.get().session is None
    assert sweep() == SweepReport(files=1, file_bytes=3)
    assert stored(uploads) == 0


def test_bytes_that_are_gone_already_are_no_reason_to_keep_the_row(session, uploads):
    upload(session, unused_for=UNUSED + 60)
    for path in uploads.rglob("*"):
        if path.is_file():
            path.unlink()
    assert sweep().files == 1
    assert not SessionFile.objects.exists()


# -- copies and restored sessions --------------------------------------------------------------------------------------


def test_a_copy_has_the_files_and_either_may_go_first(files, row, uploads):
    for first in (0, 1):
        pair = [ScriptSession.objects.create(script_app=row) for _ in range(2)]
        file_id = upload(pair[0])
        upload(pair[0], unused_for=1)
        copy_files(str(pair[0].pk), str(pair[1].pk))
        assert list(pair[1].files.values_list("file_id", flat=True)) == [uuid.UUID(file_id)]
        close(pair[first])
        sweep()
        left = pair[1 - first]
        with files.open(str(left.pk), file_id) as content:
            assert content.read() == b"abc"
        files.let_go(str(left.pk), {file_id})
        assert not SessionFile.objects.filter(file_id=file_id).exists()
        delete_forgotten()
        SessionFile.objects.update(session=None)
        delete_ownerless()
        assert stored(uploads) == 0


def test_a_copy_does_not_get_what_the_original_loses_meanwhile(session, other, monkeypatch, uploads):
    upload(session)
    create = SessionFile.objects.bulk_create

    def lose(rows: list[SessionFile]) -> list[SessionFile]:
        SessionFile.objects.update(session=None)
        delete_ownerless()
        return create(rows)

    monkeypatch.setattr(SessionFile.objects, "bulk_create", lose)
    copy_files(str(session.pk), str(other.pk))
    assert not other.files.exists()
    delete_ownerless()
    assert not SessionFile.objects.exists()


def test_what_a_restored_session_does_not_name_is_swept_later(session, uploads):
    shown, kept, lost = upload(session), upload(session), upload(session)
    values = {("w", WIDGET): f'["{shown}"]'.encode(), ("s", "file"): f'{{"v":["{kept}"]}}'.encode()}
    note_unused(str(session.pk), values)
    assert {str(row.file_id) for row in SessionFile.objects.exclude(unused_since=None)} == {lost}
    assert sweep().files == 0
    SessionFile.objects.exclude(unused_since=None).update(unused_since=timezone.now() - timedelta(seconds=UNUSED + 60))
    assert sweep().files == 1
    assert stored(uploads) == 2


def test_without_a_storage_of_the_site_it_is_a_folder_beside_the_project(settings):
    settings.SCRIPTAPPS = {}
    assert stored_files.upload_root() == Path(settings.BASE_DIR) / "scriptapps_files"
    settings.SCRIPTAPPS = {"UPLOAD_ROOT": "/srv/files"}
    assert stored_files.upload_root() == Path("/srv/files")
