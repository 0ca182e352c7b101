"""Files that people uploaded, as a live session and its script see them.

Runs on: ``FileInfo`` and making an ``UploadedFile`` on any thread; everything that asks the host on the script thread.
Invariant: what a browser says of a file is believed only after the host has said that it is this session's.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from uuid import UUID

from scriptapps.errors import NotDurableError, UploadedFileGoneError
from scriptapps.runtime.run_context import current_run
from scriptapps.runtime.state_codec import ValueType, encode_value, register_value_type
from scriptapps.runtime.state_journal import IMMUTABLE, Stored

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession

logger = logging.getLogger("scriptapps.runs")

MAX_NAME = 255
MAX_TEXT = 4_096
IN_MEMORY_BYTES = 1_048_576
"""Files up to this size are read as a whole at first use, so that none keeps a file of the server open."""

OpenFile = Callable[[str], BinaryIO]


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of an uploaded file. ``name`` is for people and never a path; ``size`` is in bytes."""

    file_id: str
    name: str
    size: int
    content_type: str = ""

    def to_wire(self) -> str:
        """The text that stands for the file in a widget's value."""
        fields = {"id": self.file_id, "name": self.name, "size": self.size, "type": self.content_type}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_wire(cls, text: object) -> FileInfo:
        """Raises ValueError for anything that ``to_wire`` cannot have written."""
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise ValueError("not a text of that length")
        try:
            fields = json.loads(text)
        except RecursionError as error:
            raise ValueError("too deep") from error
        if not isinstance(fields, dict) or fields.keys() != {"id", "name", "size", "type"}:
            raise ValueError("not the fields of a file")
        file_id, name, size, content_type = fields["id"], fields["name"], fields["size"], fields["type"]
        if not (isinstance(file_id, str) and str(UUID(file_id)) == file_id):
            raise ValueError("not an id")
        if not (isinstance(name, str) and isinstance(content_type, str) and 0 < len(name) <= MAX_NAME):
            raise ValueError("not a name")
        # Half a surrogate pair could not be told to anybody: this raises a ValueError.
        (name + content_type).encode()
        if type(size) is not int or size < 0:
            raise ValueError("not a size")
        return cls(file_id, name, size, content_type)


class FileHost(Protocol):
    """Where the bytes are. All methods are called on script threads."""

    @property
    def max_bytes(self) -> int:
        """The largest file that is taken."""

    @property
    def part_bytes(self) -> int:
        """The largest part of a file that comes by one request."""

    def claim(self, session_id: str, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        """What is known of those of these files that are the session's; from now on they are in use."""

    def open(self, session_id: str, file_id: str) -> BinaryIO:
        """The file's bytes. Raises UploadedFileGoneError when the session has no such file."""

    def let_go(self, session_id: str, file_ids: Collection[str]) -> None:
        """Nothing of the session names these files any more."""


class NoFiles:
    """For a host that keeps no files: nobody can have uploaded one."""

    max_bytes = part_bytes = 0

    def claim(self, session_id: str, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        return {}

    def open(self, session_id: str, file_id: str) -> BinaryIO:
        raise UploadedFileGoneError("This server keeps no uploaded files.")

    def let_go(self, session_id: str, file_ids: Collection[str]) -> None:
        return None


class UploadedFile(io.BufferedIOBase):
    """A file that a person uploaded: a binary file to read, with ``name``, ``type``, ``size`` and ``file_id``.

    Its bytes are fetched when they are first asked for; UploadedFileGoneError is raised when they are no longer there.
    Two of them are equal when they are the same upload.
    """

    def __init__(self, info: FileInfo, open_file: OpenFile) -> None:
        super().__init__()
        self.file_id = info.file_id
        self.name = info.name
        self.size = info.size
        self.type = info.content_type
        self._open_file = open_file
        self._bytes: BinaryIO | None = None

    @property
    def info(self) -> FileInfo:
        """The same without the bytes."""
        return FileInfo(self.file_id, self.name, self.size, self.type)

    def _source(self) -> BinaryIO:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if self._bytes is None:
            source = self._open_file(self.file_id)
            if self.size <= IN_MEMORY_BYTES:
                with source:
                    source = io.BytesIO(source.read())
            self._bytes = source
        return self._bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._source().read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        # The inherited one reads byte by byte.
        return self._source().readline(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._source().seek(offset, whence)

    def tell(self) -> int:
        return 0 if self._bytes is None and not self.closed else self._source().tell()

    def getvalue(self) -> bytes:
        """All bytes, wherever reading has come to."""
        place = self.tell()
        self.seek(0)
        try:
            return self.read()
        finally:
            self.seek(place)

    def getbuffer(self) -> memoryview:
        """All bytes as a view that cannot be written to."""
        return memoryview(self.getvalue())

    def close(self) -> None:
        if self._bytes is not None:
            self._bytes.close()
        super().close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UploadedFile) and other.file_id == self.file_id

    def __hash__(self) -> int:
        return hash(self.file_id)

    def __repr__(self) -> str:
        return f"<UploadedFile {self.name!r}, {self.size:,} bytes>"


class SessionFiles:
    """The uploaded files of one live session."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        # Claimed by this process. The host knows of others that came before it.
        self._in_use: dict[str, FileInfo] = {}
        # By file id: the key of st.session_state that held it when it was last looked for.
        self._holders: dict[str, str] = {}

    @property
    def max_bytes(self) -> int:
        """The largest file that the host takes."""
        return self._session.options.files.max_bytes

    @property
    def part_bytes(self) -> int:
        """The largest part of a file that the host takes at once."""
        return self._session.options.files.part_bytes

    def claim(self, file_ids: Sequence[str]) -> dict[str, FileInfo]:
        """What the host knows of those of these files that are the session's; it is asked once for each."""
        unknown = [file_id for file_id in file_ids if file_id not in self._in_use]
        if unknown:
            self._in_use |= self._session.options.files.claim(self._session.session_id, unknown)
        return {file_id: self._in_use[file_id] for file_id in file_ids if file_id in self._in_use}

    def open(self, file_id: str) -> BinaryIO:
        """Raises UploadedFileGoneError."""
        return self._session.options.files.open(self._session.session_id, file_id)

    def let_go_of_unused(self) -> None:
        """After a run whose changes are stored: give up the files that no value names any more."""
        if not self._in_use:
            return
        widgets = self._session.widgets
        shown = [*list(widgets.current.values()), *list(widgets.incoming.values())]
        texts = [text for wire in shown if isinstance(wire, list) for text in wire if isinstance(text, str)]
        unused = {file_id for file_id in self._in_use if not any(file_id in text for text in texts)}
        unused = {file_id for file_id in unused if not self._is_in_state(file_id)}
        if not unused:
            return
        try:
            self._session.options.files.let_go(self._session.session_id, unused)
        except Exception:
            logger.exception("Files of session %s could not be given up; they go with it", self._session.session_id)
        for file_id in unused:
            del self._in_use[file_id]

    def _is_in_state(self, file_id: str) -> bool:
        values = self._session.state.stored_values()
        # It is mostly where it was the last time, and looking into a value may take a while.
        holder = self._holders.pop(file_id, "")
        for key in sorted(values, key=lambda key: key != holder):
            if _may_hold(values[key], file_id.encode()):
                self._holders[file_id] = key
                return True
        return False


def _may_hold(value: Any, file_id: bytes) -> bool:
    """Whether a value of ``st.session_state`` holds the file; True where it cannot be known."""
    if type(value) in IMMUTABLE:
        return False
    try:
        return file_id in (value.data if type(value) is Stored else encode_value(value))
    except NotDurableError:
        return True


def _decode(fields: list[Any]) -> UploadedFile:
    run = current_run.get(None)
    return UploadedFile(FileInfo(*fields), run.session.files.open if run is not None else _open_in_a_run)


def _open_in_a_run(file_id: str) -> BinaryIO:
    run = current_run.get(None)
    if run is None:
        raise UploadedFileGoneError("An uploaded file can be read only while a script of its session runs.")
    return run.session.files.open(file_id)


register_value_type(
    ValueType(
        "uploaded file",
        lambda value: isinstance(value, UploadedFile),
        lambda file: [file.file_id, file.name, file.size, file.type],
        _decode,
    )
)
