"""Uploaded files of a tested script, in memory.

Runs on: the test's thread. Invariant: like a server, it knows a file only in the session that it was uploaded in.
"""

from __future__ import annotations

import io
import mimetypes
import uuid
from collections.abc import Collection, Sequence
from typing import BinaryIO

from scriptapps.errors import UploadedFileGoneError
from scriptapps.runtime.uploaded_files import FileInfo

MAX_BYTES = 209_715_200


class MemoryFiles:
    """What a node's storage is to a running page. ``contents`` are the bytes by session and file id."""

    max_bytes = part_bytes = MAX_BYTES

    def __init__(self) -> None:
        self.contents: dict[tuple[str, str], bytes] = {}
        self.infos: dict[tuple[str, str], FileInfo] = {}

    def add(self, session_id: str, name: str, content: bytes, content_type: str = "") -> FileInfo:
        """Upload a file. Its type is guessed from its name unless it is given."""
        guessed = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        info = FileInfo(str(uuid.uuid4()), name, len(content), guessed)
        place = (session_id, info.file_id)
        self.contents[place], self.infos[place] = content, info
        return info

    def claim(self, session_id: str, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        places = [(session_id, file_id) for file_id in file_ids]
        return {place[1]: self.infos[place] for place in places if place in self.infos}

    def open(self, session_id: str, file_id: str) -> BinaryIO:
        content = self.contents.get((session_id, file_id))
        if content is None:
            raise UploadedFileGoneError("This uploaded file was removed.")
        return io.BytesIO(content)

    def let_go(self, session_id: str, file_ids: Collection[str]) -> None:
        for file_id in file_ids:
            del self.contents[session_id, file_id], self.infos[session_id, file_id]
