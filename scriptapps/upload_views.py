"""Where browsers send files, and take back those that they did not use. There is no address to fetch one from.

Runs on: request threads. Invariant: a file is taken only from a page of ours (Origin and page token), for a session
that this browser may go on with; its name is never a path, and its bytes are never in memory as a whole.
"""

from __future__ import annotations

import errno
import logging
import mimetypes
import re
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from scriptapps import identity
from scriptapps.conf import scriptapps_settings
from scriptapps.file_intake import NoRoomError, OtherPlaceError, begin, discard, go_on, is_complete
from scriptapps.handshake import Refused, check_origin, resumable_row
from scriptapps.headers import secure_data
from scriptapps.models import ScriptSession, SessionFile
from scriptapps.permissions import Decision
from scriptapps.runtime.uploaded_files import MAX_NAME
from scriptapps.stored_files import info_of
from scriptapps.views import admit

logger = logging.getLogger("scriptapps.files")

Take = Callable[[ScriptSession, TemporaryUploadedFile], SessionFile]
CHUNK = 65_536
WIDGET_ID = re.compile(r"[a-z_]+-[0-9a-f]{18}")
CONTENT_TYPE = re.compile(r"[a-z0-9][\w!#$&^.+-]{0,48}/[a-z0-9][\w!#$&^.+-]{0,49}", re.ASCII | re.IGNORECASE)
# Control characters, half surrogate pairs, and marks that turn the direction of what follows: "exe.gpj" for "jpg.exe".
UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
OF_DECISION = {Decision.SIGN_IN: 401, Decision.FORBIDDEN: 403, Decision.GONE: 404}
NO_ROOM = {
    "session_gone": (409, "This session was closed."),
    "too_many": (429, "This page holds too many files already."),
    "session_full": (413, "This page holds too much already."),
    "site_full": (507, "There is no room for more files."),
    "wrong_part": (400, "This is not the part that was to come."),
}


class Refusal(Exception):
    """The file is not taken. ``code`` is for the page, the message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


# The page's token is the proof that Django's own would be: it is bound to this browser, another site cannot read it,
# and no form can send it. A site may keep Django's where a script cannot read it.
@csrf_exempt
@transaction.non_atomic_requests
@require_http_methods(["POST"])
def upload(request: HttpRequest, slug: str, session_id: UUID, widget_id: str) -> HttpResponse:
    """Take a file, or the first part of one that has X-Scriptapps-Size bytes: the body is its bytes."""

    def take(session: ScriptSession, body: TemporaryUploadedFile) -> SessionFile:
        if not WIDGET_ID.fullmatch(widget_id):
            raise Refusal(404, "no_widget", "There is no such part of the page.")
        size = _number(request, "X-Scriptapps-Size", default=body.size)
        if size > scriptapps_settings.UPLOAD_MAX_BYTES:
            raise _too_large()
        name = clean_name(request.headers.get("X-Scriptapps-Name", ""))
        return begin(session, widget_id, name, _content_type(request, name), size, body)

    return _answer(request, slug, session_id, take)


@csrf_exempt
@transaction.non_atomic_requests
@require_http_methods(["PATCH", "DELETE"])
def one_file(request: HttpRequest, slug: str, session_id: UUID, widget_id: str, file_id: UUID) -> HttpResponse:
    """PATCH: take the part at X-Scriptapps-Offset. DELETE: forget the file unless the script has it."""
    if request.method == "PATCH":
        return _answer(
            request, slug, session_id,
            lambda session, body: go_on(session, file_id, _number(request, "X-Scriptapps-Offset"), body),
        )  # fmt: skip
    try:
        discard(_session(request, slug, session_id), file_id)
    except Refusal as refusal:
        return _refused(refusal)
    return secure_data(HttpResponse(status=204))


def _answer(request: HttpRequest, slug: str, session_id: UUID, take: Take) -> HttpResponse:
    """201 with what stands for the file in the widget's value, 202 while parts are missing, or why not."""
    try:
        session = _session(request, slug, session_id)
        with TemporaryUploadedFile("upload", "", 0, None) as body:
            _receive(request, body)
            row = take(session, body)
    except Refusal as refusal:
        return _refused(refusal)
    except NoRoomError as error:
        status, message = NO_ROOM[error.code]
        return _refused(Refusal(status, error.code, message))
    except OtherPlaceError as other:
        return _progress(other.row, 409)
    except UnreadablePostError:
        return _refused(Refusal(400, "incomplete", "The file did not come to its end."))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        logger.error("No room to store an uploaded file: %s", error)
        return _refused(Refusal(507, "site_full", NO_ROOM["site_full"][1]))
    return _progress(row, 201 if is_complete(row) else 202)


def _progress(row: SessionFile, status: int) -> HttpResponse:
    document: dict[str, Any] = {"id": str(row.file_id), "received": row.received}
    if is_complete(row):
        document["file"] = info_of(row).to_wire()
    return secure_data(JsonResponse(document, status=status))


def _number(request: HttpRequest, header: str, default: int | None = None) -> int:
    text = request.headers.get(header, "")
    if not text and default is not None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Refusal(400, "wrong_part", f"{header} must be a number.")
    return int(text)


def _session(request: HttpRequest, slug: str, session_id: UUID) -> ScriptSession:
    """The session that the request may act for: the same checks, in the same order, as for a socket."""
    headers = {name.lower().encode(): value.encode("latin-1", "replace") for name, value in request.headers.items()}
    headers.setdefault(b"host", request.get_host().encode())
    try:
        check_origin({"scheme": "wss" if request.is_secure() else "ws"}, headers)
    except Refused as refused:
        raise Refusal(refused.status, "origin", "This page does not belong to this site.") from refused
    binding = request.session.get(identity.BINDING_KEY, "")
    if not binding or not identity.is_page_token(request.headers.get("X-Scriptapps-Token", ""), binding, slug):
        raise Refusal(403, "token", "Reload the page.")
    admission = admit(request, slug)
    if admission.parts() is None:
        raise Refusal(OF_DECISION[admission.decision], "not_allowed", "You may not open this page.")
    row = resumable_row(str(session_id), binding, request.user, slug)
    if row is None:
        raise Refusal(409, "session_gone", NO_ROOM["session_gone"][1])
    return row


def _receive(request: HttpRequest, content: TemporaryUploadedFile) -> None:
    """Write the body to a file of the server, no more of it than is allowed."""
    limit = min(scriptapps_settings.UPLOAD_PART_BYTES, scriptapps_settings.UPLOAD_MAX_BYTES)
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large()
    size = 0
    while chunk := request.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise _too_large()
        content.write(chunk)
    if declared.isdecimal() and size != int(declared):
        raise Refusal(400, "incomplete", "The file did not come to its end.")
    content.size = size
    content.seek(0)


def _too_large() -> Refusal:
    most, part = scriptapps_settings.UPLOAD_MAX_BYTES, scriptapps_settings.UPLOAD_PART_BYTES
    return Refusal(413, "too_large", f"Files may have at most {most:,} bytes, and come by parts of at most {part:,}.")


def _content_type(request: HttpRequest, name: str) -> str:
    given = request.headers.get("X-Scriptapps-Type", "")
    if CONTENT_TYPE.fullmatch(given):
        return given
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def clean_name(encoded: str) -> str:
    """A percent-encoded name as people may see it: without folders and characters that mislead, at most 255 bytes."""
    text = unicodedata.normalize("NFC", UNWANTED.sub("", unquote(encoded, errors="replace")))
    text = re.split(r"[/\\]", text)[-1].strip()
    if text.strip(".") == "":
        return "unnamed"
    stem, dot, extension = text.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = text, "", ""
    room = MAX_NAME - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + extension


def _refused(refusal: Refusal) -> HttpResponse:
    document: dict[str, Any] = {"error": refusal.code, "message": str(refusal)}
    return secure_data(JsonResponse(document, status=refusal.status))
