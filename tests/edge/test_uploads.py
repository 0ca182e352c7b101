"""Files come only from a page of ours, for a session of this browser, within limits; nobody can fetch one."""

import errno
import io
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from scriptapps import file_intake, identity, stored_files, upload_views
from scriptapps.file_intake import begin, discard, go_on
from scriptapps.models import ScriptSession, SessionFile
from scriptapps.registry import registry
from scriptapps.runtime.uploaded_files import FileInfo
from scriptapps.stored_files import delete_forgotten
from scriptapps.upload_views import clean_name
from tests.site.fixtures import NoteTakingNode, ScriptFolder

pytestmark = pytest.mark.django_db

ORIGIN = "http://testserver"
WIDGET = "file_uploader-0123456789abcdef01"
CONTENT = b"a,b\n1,2\n"


@dataclass
class Browser:
    """A browser that has opened the page of `slug`, and the session that it may go on with."""

    client: Client
    slug: str
    binding: str
    session: ScriptSession

    @property
    def address(self) -> str:
        """Where it sends files to."""
        return f"/apps/{self.slug}/files/{self.session.pk}/{WIDGET}/"

    def headers(self, name: str = "march.csv", **others: str) -> dict[str, str]:
        """What the page sends along."""
        token = identity.page_token(self.binding, self.slug)
        return {"Origin": ORIGIN, "X-Scriptapps-Token": token, "X-Scriptapps-Name": name, **others}

    def send(self, content: bytes = CONTENT, address: str = "", **headers: str) -> Any:
        """Upload a file."""
        kind = "application/octet-stream"
        given = self.headers() | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(address or self.address, content, content_type=kind, headers=given)


@pytest.fixture(autouse=True)
def uploads(folder: ScriptFolder, node: NoteTakingNode, settings: Any, tmp_path: Path) -> Path:
    """Where the files are."""
    folder.write("orders.py")
    folder.write("other.py")
    folder.write("open.py", "# access: public\n")
    folder.write("back.py", "# access: permission shop.view_order\n")
    settings.SCRIPTAPPS = settings.SCRIPTAPPS | {"UPLOAD_ROOT": tmp_path / "uploads"}
    return tmp_path / "uploads"


def browse(slug: str = "orders", user: Any = None) -> Browser:
    client = Client()
    if user is not None:
        client.force_login(user)
    client.get(f"/apps/{slug}/")
    source = registry.find(slug)
    assert source is not None
    binding = client.session[identity.BINDING_KEY]
    hashed = identity.binding_hash(binding)
    row = ScriptSession.objects.create(script_app=registry.script_app(source), user=user, binding=hashed)
    return Browser(client, slug, binding, row)


@pytest.fixture
def browser(alice) -> Browser:
    return browse(user=alice)


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# -- what is taken -----------------------------------------------------------------------------------------------------


def test_a_file_is_stored_under_a_name_of_ours(browser, uploads):
    answer = browser.send(X_Scriptapps_Name="M%C3%A4rz.csv", X_Scriptapps_Type="text/csv")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    info = FileInfo.from_wire(answer.json()["file"])
    assert (info.name, info.size, info.content_type) == ("März.csv", len(CONTENT), "text/csv")
    row = SessionFile.objects.get()
    assert (str(row.file_id), row.session, row.widget_id) == (info.file_id, browser.session, WIDGET)
    assert row.unused_since is not None
    [file] = stored(uploads)
    assert file.read_bytes() == CONTENT
    assert file == uploads / f"{row.path}.0"
    assert "csv" not in row.path
    assert file.stat().st_mode & 0o077 == 0


def test_an_empty_file_is_a_file(browser, uploads):
    assert browser.send(b"").status_code == 201
    assert [file.stat().st_size for file in stored(uploads)] == [0]


def test_a_guest_may_upload_where_he_may_open(uploads):
    assert browse("open").send().status_code == 201


def test_the_type_is_guessed_where_the_browser_names_none_or_nonsense(browser):
    assert FileInfo.from_wire(browser.send().json()["file"]).content_type == "text/csv"
    for given in ("text/html; charset=x", "../..", "a/bX: y", "a" * 60 + "/b"):
        answer = browser.send(X_Scriptapps_Name="x.unheard-of", X_Scriptapps_Type=given)
        assert FileInfo.from_wire(answer.json()["file"]).content_type == "application/octet-stream"


def test_the_sites_own_storage_is_used(browser, settings, uploads):
    settings.STORAGES = settings.STORAGES | {"scriptapps": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    assert browser.send().status_code == 201
    storage = stored_files.file_storage()
    assert isinstance(storage, InMemoryStorage)
    with storage.open(f"{SessionFile.objects.get().path}.0") as file:
        assert file.read() == CONTENT
    assert stored(uploads) == []


NAMES = {
    "plain.csv": "plain.csv",
    "../../etc/passwd": "passwd",
    "..%2F..%2Fetc%2Fpasswd": "passwd",
    "%252e%252e%252fx.csv": "%2e%2e%2fx.csv",
    "C:\\Users\\me\\a.csv": "a.csv",
    "\\\\server\\share\\a.csv": "a.csv",
    "/absolute": "absolute",
    "": "unnamed",
    "..": "unnamed",
    "...": "unnamed",
    "folder/": "unnamed",
    " spaced .csv ": "spaced .csv",
    "a%00b%0d%0ac%1b.csv": "abc.csv",
    "invoice%E2%80%AEfdp.exe": "invoicefdp.exe",
    "u%CC%88.csv": "ü.csv",
    "%ff%fe.csv": "\ufffd\ufffd.csv",
    "%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9.png": "👨\u200d👩.png",
    ".env": ".env",
    "CON.txt": "CON.txt",
    "<img src=x onerror=alert(1)>.svg": "<img src=x onerror=alert(1)>.svg",
}


@pytest.mark.parametrize(("sent", "kept"), NAMES.items())
def test_names_are_for_people_only(browser, uploads, sent, kept):
    assert clean_name(sent) == kept
    # What no header can carry the client percent-encodes.
    answer = browser.send(X_Scriptapps_Name=sent)
    assert FileInfo.from_wire(answer.json()["file"]).name == kept
    [file] = stored(uploads)
    assert file.is_relative_to(uploads)
    assert file.name == uuid.UUID(FileInfo.from_wire(answer.json()["file"]).file_id).hex + ".0"


@pytest.mark.parametrize("stem", ["x" * 400, "ü" * 400, "👨" * 400])
def test_long_names_keep_their_extension(stem):
    name = clean_name(f"{stem}.csv")
    assert name.endswith(".csv")
    assert 240 < len(name.encode()) <= 255


# -- what is refused ---------------------------------------------------------------------------------------------------


def refused(answer: Any) -> tuple[int, str]:
    assert SessionFile.objects.count() == 0
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("token", ["", "x", "ü", "0" * 64])
def test_without_the_pages_token(browser, token):
    assert refused(browser.send(X_Scriptapps_Token=token)) == (403, "token")


def test_with_the_token_of_another_page_or_browser(browser, staff):
    assert refused(browser.send(X_Scriptapps_Token=identity.page_token(browser.binding, "other"))) == (403, "token")
    other = browse(user=staff)
    assert refused(browser.send(X_Scriptapps_Token=identity.page_token(other.binding, "orders"))) == (403, "token")


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", "https://testserver", "http://testserver:81", "http://testserver.evil"],
)
def test_from_another_origin(browser, origin):
    assert refused(browser.send(Origin=origin)) == (403, "origin")


def test_a_trusted_origin_is_as_good(browser, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example"]
    assert browser.send(Origin="https://shop.example").status_code == 201


def test_django_s_own_csrf_check_does_not_stand_in_the_way(alice):
    browser = browse(user=alice)
    browser.client.handler.enforce_csrf_checks = True
    assert browser.send().status_code == 201


def test_into_a_session_that_is_not_this_browsers(browser, alice, staff):
    for other in (browse(user=staff), browse(user=alice)):
        answer = browser.send(address=f"/apps/orders/files/{other.session.pk}/{WIDGET}/")
        assert refused(answer) == (409, "session_gone")
    assert refused(browser.send(address=f"/apps/orders/files/{uuid.uuid4()}/{WIDGET}/")) == (409, "session_gone")


def test_into_a_session_of_another_script_app(browser):
    token = identity.page_token(browser.binding, "other")
    answer = browser.send(address=browser.address.replace("orders", "other"), X_Scriptapps_Token=token)
    assert refused(answer) == (409, "session_gone")


def test_into_a_closed_session(browser):
    ScriptSession.objects.update(state="closed")
    assert refused(browser.send()) == (409, "session_gone")


def test_without_the_right_to_open_the_page(browser, alice):
    source = registry.find("back")
    assert source is not None
    hashed = identity.binding_hash(browser.binding)
    row = ScriptSession.objects.create(script_app=registry.script_app(source), user=alice, binding=hashed)
    token = identity.page_token(browser.binding, "back")
    answer = browser.send(address=f"/apps/back/files/{row.pk}/{WIDGET}/", X_Scriptapps_Token=token)
    assert refused(answer) == (403, "not_allowed")


def test_a_page_that_is_gone_or_asks_to_sign_in(browser, folder):
    token = identity.page_token(browser.binding, "nothing")
    address = f"/apps/nothing/files/{browser.session.pk}/{WIDGET}/"
    assert refused(browser.send(address=address, X_Scriptapps_Token=token)) == (404, "not_allowed")
    guest = browse("open")
    folder.write("open.py", "# access: signed-in\n# title: Open no more\n")
    assert refused(guest.send()) == (401, "not_allowed")


def test_after_signing_out(browser):
    browser.client.logout()
    assert refused(browser.send()) == (403, "token")


@pytest.mark.parametrize("widget", ["x", "file_uploader-", f"{WIDGET}0", "FILE-0123456789abcdef01"])
def test_a_widget_that_cannot_be(browser, widget):
    answer = browser.send(address=f"/apps/orders/files/{browser.session.pk}/{widget}/")
    assert refused(answer) == (404, "no_widget")


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options", "trace"])
def test_only_post(browser, method):
    answer = getattr(browser.client, method)(browser.address, headers=browser.headers())
    assert answer.status_code == 405
    assert SessionFile.objects.count() == 0


# -- limits ------------------------------------------------------------------------------------------------------------


def limit(settings: Any, **limits: Any) -> None:
    settings.SCRIPTAPPS = settings.SCRIPTAPPS | limits


def test_too_large_by_its_own_account_is_not_read(browser, settings, uploads, monkeypatch):
    limit(settings, UPLOAD_MAX_BYTES=len(CONTENT) - 1)
    monkeypatch.setattr(upload_views, "CHUNK", None)
    assert refused(browser.send()) == (413, "too_large")


def test_too_large_without_saying_so_is_cut_off(browser, settings, uploads):
    limit(settings, UPLOAD_MAX_BYTES=100_000)
    body = io.BytesIO(b"x" * 1_000_000)
    parts = {"wsgi.input": body, "CONTENT_LENGTH": ""}
    request = browser.client.request().wsgi_request
    request.META |= parts
    request.META.pop("CONTENT_LENGTH")
    request._stream = body
    with TemporaryUploadedFile("x", "x/x", 0, None) as file, pytest.raises(upload_views.Refusal) as caught:
        upload_views._receive(request, file)
    assert (caught.value.status, caught.value.code) == (413, "too_large")
    assert body.tell() < 200_000


def test_exactly_as_large_as_is_allowed(browser, settings):
    limit(settings, UPLOAD_MAX_BYTES=len(CONTENT))
    assert browser.send().status_code == 201


def test_a_body_that_ends_too_early(browser, uploads):
    parts = {"wsgi.input": io.BytesIO(CONTENT), "CONTENT_LENGTH": str(len(CONTENT) + 1)}
    kind = "application/octet-stream"
    answer = browser.client.post(browser.address, CONTENT, content_type=kind, headers=browser.headers(), **parts)
    assert refused(answer) == (400, "incomplete")
    assert stored(uploads) == []


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("UPLOAD_SESSION_FILES", 1, (429, "too_many")),
        ("UPLOAD_SESSION_BYTES", 2 * len(CONTENT) - 1, (413, "session_full")),
        ("UPLOAD_TOTAL_BYTES", 2 * len(CONTENT) - 1, (507, "site_full")),
    ],
)
def test_no_more_than_there_is_room_for(browser, settings, uploads, setting, value, expected):
    limit(settings, **{setting: value})
    assert browser.send().status_code == 201
    answer = browser.send()
    assert (answer.status_code, answer.json()["error"]) == expected
    assert len(stored(uploads)) == SessionFile.objects.count() == 1


def test_other_sessions_have_room_of_their_own(browser, settings, alice):
    limit(settings, UPLOAD_SESSION_FILES=1)
    assert browser.send().status_code == browse(user=alice).send().status_code == 201


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind(browser, uploads, monkeypatch, number):
    def fail(storage: Any, name: str, content: Any) -> str:
        (uploads / name).parent.mkdir(parents=True)
        (uploads / name).write_bytes(b"half")
        raise OSError(number, "full")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", fail)
    assert refused(browser.send()) == (507, "site_full")
    assert stored(uploads) == []


def test_a_session_that_is_swept_while_the_bytes_come(browser, uploads, monkeypatch):
    whole = FileSystemStorage._save  # type: ignore[attr-defined]

    def save(storage: Any, name: str, content: Any) -> str:
        ScriptSession.objects.update(state="closed", closed_at=timezone.now())
        assert delete_forgotten() == (1, len(CONTENT))
        return whole(storage, name, content)

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", save)
    assert refused(browser.send()) == (409, "session_gone")
    assert stored(uploads) == []


def test_the_bytes_are_never_in_memory_as_a_whole(browser, monkeypatch):
    seen = []

    def note(session: Any, widget_id: str, name: str, content_type: str, size: int, first: Any) -> SessionFile:
        seen.append(first.temporary_file_path())
        return begin(session, widget_id, name, content_type, size, first)

    monkeypatch.setattr(upload_views, "begin", note)
    assert browser.send(b"x" * 300_000).status_code == 201
    assert len(seen) == 1
    assert not Path(seen[0]).exists()


# -- by parts ----------------------------------------------------------------------------------------------------------

PART = 65_536
LONG = bytes(range(256)) * 700


def send_part(browser: Browser, file_id: str, place: int, size: int = PART, **headers: str) -> Any:
    given = browser.headers() | {"X-Scriptapps-Offset": str(place)}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    address, kind = f"{browser.address}{file_id}/", "application/octet-stream"
    return browser.client.patch(address, LONG[place : place + size], content_type=kind, headers=given)


@pytest.fixture
def begun(browser, settings) -> str:
    """The id of a file whose first part is there."""
    limit(settings, UPLOAD_PART_BYTES=PART)
    answer = browser.send(LONG[:PART], X_Scriptapps_Size=str(len(LONG)))
    assert answer.status_code == 202
    assert answer.json().keys() == {"id", "received"}
    assert answer.json()["received"] == PART
    return answer.json()["id"]


def test_a_large_file_comes_by_parts(browser, begun, uploads):
    assert send_part(browser, begun, PART).status_code == 202
    answer = send_part(browser, begun, 2 * PART)
    assert answer.status_code == 201
    info = FileInfo.from_wire(answer.json()["file"])
    assert (info.file_id, info.size) == (begun, len(LONG))
    assert b"".join(path.read_bytes() for path in sorted(stored(uploads))) == LONG


def test_a_part_that_is_sent_twice_counts_once(browser, begun, uploads):
    # The first answers were lost.
    for _ in range(2):
        send_part(browser, begun, PART)
    answer = send_part(browser, begun, PART)
    assert (answer.status_code, answer.json()) == (409, {"id": begun, "received": 2 * PART})
    send_part(browser, begun, 2 * PART)
    answer = send_part(browser, begun, 2 * PART)
    assert answer.status_code == 409
    assert FileInfo.from_wire(answer.json()["file"]).file_id == begun
    assert b"".join(path.read_bytes() for path in sorted(stored(uploads))) == LONG


def test_parts_come_in_order_and_whole(browser, begun, uploads):
    for place in (0, 2 * PART, PART - 1, 10**17):
        assert send_part(browser, begun, place).json()["received"] == PART
    for size in (0, 1, PART - 1):
        answer = send_part(browser, begun, PART, size)
        assert (answer.status_code, answer.json()["error"]) == (400, "wrong_part")
    for text in ("", "-1", "x", "1.5", "٣", "9" * 30):
        answer = send_part(browser, begun, PART, X_Scriptapps_Offset=text)
        assert (answer.status_code, answer.json()["error"]) == (400, "wrong_part")
    assert len(stored(uploads)) == 1
    assert send_part(browser, begun, PART).status_code == 202


def test_while_a_part_is_being_stored_another_request_waits(browser, begun):
    SessionFile.objects.update(busy_until=timezone.now() + timedelta(seconds=50))
    answer = send_part(browser, begun, PART)
    assert (answer.status_code, answer.json()["received"]) == (409, PART)
    # Whoever stored it is gone.
    SessionFile.objects.update(busy_until=timezone.now() - timedelta(seconds=1))
    assert send_part(browser, begun, PART).status_code == 202


def test_what_somebody_died_over_is_stored_anew(browser, begun, uploads):
    row = SessionFile.objects.get()
    (uploads / f"{row.path}.1").write_bytes(b"half")
    assert send_part(browser, begun, PART).status_code == 202
    assert (uploads / f"{row.path}.1").read_bytes() == LONG[PART : 2 * PART]


def test_a_storage_that_fails_takes_the_part_at_the_next_attempt(browser, begun, monkeypatch):
    def fail(storage: Any, name: str, content: Any) -> str:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as broken:
        broken.setattr("django.core.files.storage.FileSystemStorage._save", fail)
        assert send_part(browser, begun, PART).status_code == 507
    assert send_part(browser, begun, PART).status_code == 202


def test_one_that_another_overtook_does_no_harm(browser, begun, uploads, monkeypatch):
    whole = FileSystemStorage._save  # type: ignore[attr-defined]

    def overtaken(storage: Any, name: str, content: Any) -> str:
        saved = whole(storage, name, content)
        SessionFile.objects.update(received=2 * PART, busy_until=None)
        return saved

    with monkeypatch.context() as slow:
        slow.setattr("django.core.files.storage.FileSystemStorage._save", overtaken)
        assert send_part(browser, begun, PART).json()["received"] == 2 * PART
    assert send_part(browser, begun, 2 * PART).status_code == 201
    assert b"".join(path.read_bytes() for path in sorted(stored(uploads))) == LONG


def test_a_file_that_was_swept_between_two_parts(browser, begun, uploads):
    SessionFile.objects.update(session=None)
    answer = send_part(browser, begun, PART)
    assert (answer.status_code, answer.json()["error"]) == (409, "session_gone")


def test_no_part_without_the_right_to_it(browser, begun, staff, alice):
    assert send_part(browser, begun, PART, X_Scriptapps_Token="x").status_code == 403
    assert send_part(browser, begun, PART, Origin="http://evil.example").status_code == 403
    for other in (browse(user=staff), browse(user=alice)):
        assert send_part(other, begun, PART).json() == {"error": "session_gone", "message": "This session was closed."}
        other.session = browser.session
        assert send_part(other, begun, PART).status_code == 409
    assert SessionFile.objects.get().received == PART


def test_the_whole_counts_from_the_first_part_on(browser, settings):
    limit(settings, UPLOAD_MAX_BYTES=len(LONG) - 1, UPLOAD_PART_BYTES=PART)
    assert refused(browser.send(LONG[:PART], X_Scriptapps_Size=str(len(LONG)))) == (413, "too_large")
    limit(settings, UPLOAD_MAX_BYTES=len(LONG), UPLOAD_SESSION_BYTES=len(LONG) - 1)
    assert refused(browser.send(LONG[:PART], X_Scriptapps_Size=str(len(LONG)))) == (413, "session_full")
    limit(settings, UPLOAD_SESSION_BYTES=10**9)
    assert refused(browser.send(LONG[: PART + 1], X_Scriptapps_Size=str(len(LONG)))) == (413, "too_large")


@pytest.mark.parametrize(("first", "size"), [(PART - 1, len(LONG)), (0, 1), (10, 9), (1, 0)])
def test_first_parts_that_do_not_fit(browser, first, size):
    assert refused(browser.send(LONG[:first], X_Scriptapps_Size=str(size))) == (400, "wrong_part")


def test_part_by_part_without_a_browser(browser, begun):
    row = go_on(browser.session, uuid.UUID(begun), PART, ContentFile(LONG[PART : 2 * PART]))
    assert not file_intake.is_complete(row)
    with pytest.raises(file_intake.OtherPlaceError, match=f"{2 * PART} of {len(LONG)}"):
        go_on(browser.session, uuid.UUID(begun), PART, ContentFile(LONG[PART : 2 * PART]))


# -- taking back -------------------------------------------------------------------------------------------------------


def back(browser: Browser, file_id: Any, **headers: str) -> int:
    given = browser.headers() | {name.replace("_", "-"): value for name, value in headers.items()}
    status: int = browser.client.delete(f"{browser.address}{file_id}/", headers=given).status_code
    return status


def test_what_was_not_used_can_be_taken_back(browser, uploads):
    file_id = json.loads(browser.send().json()["file"])["id"]
    assert back(browser, file_id) == 204
    assert SessionFile.objects.count() == 0
    assert stored(uploads) == []
    assert back(browser, file_id) == 204


def test_what_the_script_has_stays(browser, uploads):
    file_id = json.loads(browser.send().json()["file"])["id"]
    SessionFile.objects.update(unused_since=None)
    assert back(browser, file_id) == 204
    assert len(stored(uploads)) == 1
    assert not discard(browser.session, uuid.UUID(file_id))


def test_nobody_else_can_take_it_back(browser, staff, alice, uploads):
    file_id = json.loads(browser.send().json()["file"])["id"]
    for other in (browse(user=staff), browse(user=alice)):
        assert back(other, file_id) == 204
        other.session = browser.session
        assert back(other, file_id) == 409
    assert back(browser, file_id, X_Scriptapps_Token="x") == 403
    assert back(browser, file_id, Origin="http://evil.example") == 403
    assert len(stored(uploads)) == 1


def test_there_is_no_address_to_fetch_a_file_from(browser):
    file_id = json.loads(browser.send().json()["file"])["id"]
    assert browser.client.get(f"{browser.address}{file_id}/", headers=browser.headers()).status_code == 405
    names = {name for name in get_resolver("scriptapps.urls").reverse_dict if isinstance(name, str)}
    assert {name for name in names if "file" in name or "upload" in name} == {"upload", "one_file"}
