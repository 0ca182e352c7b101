"""One uploaded file in the storage: parts of one size, the last one shorter, read as if they were one file.

Runs on: script threads (reading), any thread that stores or deletes. Invariant: the names follow from the row alone, so
that whoever has the row finds every part that may exist.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from django.core.files.storage import Storage

from scriptapps.errors import UploadedFileGoneError
from scriptapps.models import SessionFile

BUFFER_BYTES = 65_536


def part_name(row: SessionFile, number: int) -> str:
    """Where a part is in the storage."""
    return f"{row.path}.{number}"


def part_names(row: SessionFile) -> list[str]:
    """All parts of a file, stored or still to come; an empty file is one empty part."""
    count = max(1, -(-row.size // max(1, row.part_size)))
    return [part_name(row, number) for number in range(count)]


def open_parts(storage: Storage, row: SessionFile) -> BinaryIO:
    """The file to read. Raises UploadedFileGoneError, also later, for a part that is not in the storage any more."""
    parts = _Parts(storage, row)
    parts.open_part(0)
    return cast(BinaryIO, io.BufferedReader(parts, BUFFER_BYTES))


class _Parts(io.RawIOBase):
    """Keeps one part open at a time."""

    def __init__(self, storage: Storage, row: SessionFile) -> None:
        super().__init__()
        self._storage, self._row = storage, row
        self._place = 0
        self._number = -1
        self._part: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._row.size}[whence]
        if origin + offset < 0:
            raise ValueError(f"negative seek position {origin + offset}")
        self._place = origin + offset
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        if self._place >= self._row.size:
            return 0
        number, offset = divmod(self._place, self._row.part_size)
        part = self.open_part(number)
        if part.tell() != offset:
            part.seek(offset)
        wanted = min(len(buffer), self._row.part_size - offset, self._row.size - self._place)
        data = part.read(wanted)
        if not data:
            raise UploadedFileGoneError(f"The bytes of {self._row.name!r} are not all in the storage any more.")
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def open_part(self, number: int) -> Any:
        """The part, at wherever it was read to. Raises UploadedFileGoneError."""
        if number != self._number:
            self._close_part()
            try:
                self._part = self._storage.open(part_name(self._row, number), "rb")
            except FileNotFoundError as error:
                text = f"The bytes of {self._row.name!r} are not in the storage any more."
                raise UploadedFileGoneError(text) from error
            self._number = number
        return self._part

    def _close_part(self) -> None:
        part, self._part, self._number = self._part, None, -1
        if part is not None:
            part.close()

    def close(self) -> None:
        if not self.closed:
            self._close_part()
        super().close()
