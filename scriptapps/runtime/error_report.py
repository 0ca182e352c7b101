"""What a page shows of an exception.

Runs on: the script thread. Invariant: never raises, whatever the exception does; without ``show_details`` nothing of it
reaches the page but the reference under which the log has it.
"""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from scriptapps.protocol import schema

OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
MOST_FRAMES = 50
MOST_CAUSES = 5
LONGEST_MESSAGE = 10_000


def describe_exception(
    error: BaseException, script_dir: Path, *, show_details: bool, reference: str
) -> schema.Exception:
    """The exception as an element's message: type, text, causes, and the frames of files under ``script_dir``.

    Without ``show_details`` only that something went wrong, and ``reference``.
    """
    if not show_details:
        return schema.Exception(message="Something went wrong.", reference=reference)
    parts = [_text_of(error), *_members(error)]
    parts += [f"Caused by {_name(cause)}: {_text_of(cause)}" for cause in _causes(error)]
    frames = list(_own_frames(error, script_dir))
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(_syntax_frame(error, script_dir))
    return schema.Exception(
        type=_name(error),
        message="\n\n".join(parts)[:LONGEST_MESSAGE],
        frames=frames[-MOST_FRAMES:],
        reference=reference,
    )


def _name(error: BaseException) -> str:
    module = type(error).__module__
    name = type(error).__qualname__
    return name if module in ("builtins", "__main__") or module.startswith("scriptapps.") else f"{module}.{name}"


def _text_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg or "invalid syntax"
    try:
        text = str(error)
    except Exception as failure:
        return f"(its text cannot be shown: {type(failure).__name__})"
    # The wire takes valid Unicode only; lone surrogates come from undecodable file names.
    return text.encode("utf-8", "backslashreplace").decode()


def _members(error: BaseException) -> list[str]:
    if not isinstance(error, BaseExceptionGroup):
        return []
    told = [f"- {_name(member)}: {_text_of(member)}" for member in error.exceptions[:MOST_CAUSES]]
    more = len(error.exceptions) - len(told)
    return ["\n".join([*told, f"- and {more} more"] if more else told)]


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while len(found) < MOST_CAUSES:
        assert current is not None
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        if current is None or current is error or current in found:
            break
        found.append(current)
    return found


def _own_frames(error: BaseException, script_dir: Path) -> Iterator[schema.Exception.Frame]:
    folder = _folder(script_dir)
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if _is_own(file, folder):
            yield schema.Exception.Frame(
                file=_shown(file, folder), line=line, function=frame.f_code.co_name, source=_source(frame, line)
            )


def _source(frame: FrameType, line: int) -> str:
    return linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()


def _syntax_frame(error: SyntaxError, script_dir: Path) -> schema.Exception.Frame:
    source = (error.text or "").rstrip("\n")
    if error.offset and source:
        source = f"{source}\n{' ' * (error.offset - 1)}^"
    return schema.Exception.Frame(
        file=_shown(error.filename or "", _folder(script_dir)), line=error.lineno or 0, function="", source=source
    )


def _folder(script_dir: Path) -> str:
    return os.path.join(os.path.abspath(script_dir), "")


def _is_own(file: str, folder: str) -> bool:
    path = os.path.abspath(file)
    return (
        path.startswith(folder)
        and not path.startswith(OWN_FOLDER)
        and not any(part in path for part in INSTALLED)
        and not file.startswith("<frozen")
    )


def _shown(file: str, folder: str) -> str:
    path = os.path.abspath(file)
    return os.path.relpath(path, folder) if path.startswith(folder) else os.path.basename(file)
