"""``st.file_uploader``. Value: texts, one for each file (see ``FileInfo.to_wire``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import widget
from scriptapps.elements.field import LabelVisibility, make_field
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.errors import InvalidWidgetValueError, ScriptApiError
from scriptapps.protocol import schema
from scriptapps.protocol.values import Wire
from scriptapps.runtime.run_context import RunContext
from scriptapps.runtime.uploaded_files import FileInfo, SessionFiles, UploadedFile
from scriptapps.runtime.widgets import add_widget

MEGABYTE = 1024 * 1024
# Two ways to write one type: who allows one of them means both.
SAME_TYPE = ({".jpg", ".jpeg"}, {".tif", ".tiff"}, {".htm", ".html"}, {".mpg", ".mpeg"}, {".yml", ".yaml"})


@widget("file_uploader")
def file_uploader(
    container: Container,
    label: str,
    type: str | Sequence[str] | None = None,
    accept_multiple_files: bool = False,
    key: str | int | None = None,
    help: str | None = None,
    on_change: Callable[..., Any] | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    max_upload_size: float | None = None,
    disabled: bool = False,
    label_visibility: LabelVisibility = "visible",
    width: Width = "stretch",
) -> Any:
    """Let people upload a file, and return it: an UploadedFile, or None while there is none.

    ``type`` is the extension or the extensions that are allowed, such as ``["csv", "xlsx"]``. With
    ``accept_multiple_files`` the value is a list of UploadedFile. ``max_upload_size`` is in megabytes of 1024 * 1024
    bytes; the site's UPLOAD_MAX_BYTES holds as well. Raises ScriptApiError for a type or size that cannot be.
    """
    files = cast(RunContext, container.run).session.files
    rules = FileRules(
        label, extensions(label, type), bool(accept_multiple_files), _limit(label, max_upload_size, files)
    )
    uploads = Uploads(rules, files)
    return add_widget(
        container,
        "file_uploader",
        schema.FileUploader(
            field=make_field(label, help, disabled, label_visibility),
            types=rules.types,
            multiple=rules.multiple,
            max_bytes=rules.max_bytes,
            part_bytes=files.part_bytes,
        ),
        identity=(label, help, rules.types, rules.multiple, max_upload_size),
        keyed_identity=(rules.types, rules.multiple, max_upload_size),
        default=[],
        deserialize=uploads.read,
        serialize=uploads.write,
        settle=uploads.settle,
        key=key,
        on_change=on_change,
        args=args,
        kwargs=kwargs,
        width=wire_width(width),
    )


@dataclass(frozen=True, slots=True)
class FileRules:
    """Which files an uploader takes. ``types`` are extensions such as ".csv", none for every type."""

    label: str
    types: tuple[str, ...]
    multiple: bool
    max_bytes: int

    def check(self, file: FileInfo) -> None:
        """Raises InvalidWidgetValueError for a file that is too large or of another type."""
        if file.size > self.max_bytes:
            raise InvalidWidgetValueError(
                f"{self.label!r} takes files of at most {self.max_bytes:,} bytes; {file.name!r} has {file.size:,}."
            )
        if self.types and not file.name.lower().endswith(self.types):
            raise InvalidWidgetValueError(f"{self.label!r} takes {', '.join(self.types)}, not {file.name!r}.")

    def is_met(self, file: FileInfo) -> bool:
        """Whether the file may be given to the script."""
        try:
            self.check(file)
        except InvalidWidgetValueError:
            return False
        return True


class Uploads:
    """How uploaded files travel."""

    def __init__(self, rules: FileRules, files: SessionFiles) -> None:
        self.rules = rules
        self.files = files

    def read(self, wire: Wire) -> UploadedFile | list[UploadedFile] | None:
        """The files that the texts stand for. Asks nobody. Raises InvalidWidgetValueError."""
        found = self._infos(wire)
        if len(found) > 1 and not self.rules.multiple:
            raise InvalidWidgetValueError(f"{self.rules.label!r} takes one file, not {len(found)}.")
        for info in found:
            self.rules.check(info)
        uploaded = [UploadedFile(info, self.files.open) for info in found]
        if self.rules.multiple:
            return uploaded
        return uploaded[0] if uploaded else None

    def settle(self, wire: Wire) -> Wire:
        """The value with the files that are this session's, as the host knows them."""
        infos = self._infos(wire)
        if not infos:
            return wire
        known = self.files.claim([info.file_id for info in infos])
        found = [known[info.file_id] for info in infos if info.file_id in known]
        return [info.to_wire() for info in found if self.rules.is_met(info)]

    def write(self, value: Any) -> Wire:
        """The texts for one file, several or none. Raises InvalidWidgetValueError."""
        items = [] if value is None else value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(item, UploadedFile) for item in items):
            raise InvalidWidgetValueError(f"{self.rules.label!r} takes files that were uploaded in this session.")
        wire: Wire = [item.info.to_wire() for item in items]
        self.read(wire)
        return wire

    def _infos(self, wire: Wire) -> list[FileInfo]:
        if not isinstance(wire, list):
            raise InvalidWidgetValueError(f"{self.rules.label!r} takes a list of uploaded files, not {wire!r}.")
        try:
            infos = [FileInfo.from_wire(text) for text in wire]
        except ValueError as error:
            raise InvalidWidgetValueError(f"{self.rules.label!r} takes uploaded files only ({error}).") from error
        if len({info.file_id for info in infos}) != len(infos):
            raise InvalidWidgetValueError(f"{self.rules.label!r} takes each file once.")
        return infos


def extensions(label: str, type: str | Sequence[str] | None) -> tuple[str, ...]:
    """Extensions in lower case, each with its dot, sorted. Raises ScriptApiError."""
    given = [] if type is None else [type] if isinstance(type, str) else list(type)
    found: set[str] = set()
    for item in given:
        name = item.strip().lower().lstrip(".") if isinstance(item, str) else ""
        if not name or not name.replace(".", "").replace("_", "").replace("-", "").isalnum():
            raise ScriptApiError(f'type of {label!r} must hold extensions such as "csv", not {item!r}.')
        found.add("." + name)
    for same in SAME_TYPE:
        if found & same:
            found |= same
    return tuple(sorted(found))


def _limit(label: str, megabytes: float | None, files: SessionFiles) -> int:
    if megabytes is None:
        return files.max_bytes
    if isinstance(megabytes, bool) or not isinstance(megabytes, int | float) or not 0 < megabytes < 1e9:
        raise ScriptApiError(f"max_upload_size of {label!r} must be a number of megabytes above 0, not {megabytes!r}.")
    return min(int(megabytes * MEGABYTE), files.max_bytes)
