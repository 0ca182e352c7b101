"""What every thread was doing while something held the process: written by C, read by whoever comes next.

Runs on: the watchdog's thread; the stacks themselves are written in a signal handler of C, which needs no interpreter.
Invariant: the file is this user's alone; until something is held it says nothing but which thread is which.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

logger = logging.getLogger("scriptapps.node")

CAP = 20_000
"""Characters of stacks that are kept."""
READ_BYTES = 1_000_000
SUFFIX = ".stacks"
RUN = " in run_once\n"
"""What stands in the stack of a thread that runs a script."""
# Windows has neither; there only the standard error gets stacks.
ALARM: Any = getattr(signal, "SIGALRM", None) if hasattr(faulthandler, "register") else None
_HEAD = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-f]+)[^\n]*most recent call first[^\n]*\n", re.MULTILINE)
_NAME = re.compile(r"^0x([0-9a-f]+) (.*)$", re.MULTILINE)


class StackFile:
    """A file of this process that gets all stacks when ``arm`` is not called again in time.

    The alarm clock of the process (``SIGALRM``) is used only while nobody else has a handler for it.
    """

    def __init__(self, node_name: str) -> None:
        self.node_name = node_name
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Make the file. Where that cannot be done nothing is kept, which is logged."""
        if not _is_ours():
            return
        try:
            path = _folder() / f"{self.node_name}{SUFFIX}"
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        except OSError as error:
            logger.warning("What a held process was doing cannot be kept in a file: %s", error)
            return
        faulthandler.register(ALARM, file=self._file, all_threads=True, chain=False)

    def arm(self, seconds: float, names: Mapping[int, str]) -> None:
        """Have the stacks written in so many seconds unless armed again; ``names`` says which thread is which."""
        # A debugger that stops all threads holds the interpreter on purpose.
        if self._file is not None and _is_ours() and "pydevd" not in sys.modules:
            # First, because writing lets go of the interpreter, and may not get it back.
            signal.setitimer(signal.ITIMER_REAL, seconds)
            os.ftruncate(self._file.fileno(), 0)
            self._file.write(_name_lines(names))

    def disarm(self) -> None:
        """Nothing is to be written any more."""
        if self._file is not None and _is_ours():
            signal.setitimer(signal.ITIMER_REAL, 0)

    def take(self) -> str:
        """The stacks that have been written since it was armed, "" for none."""
        return "" if self._file is None else _tidy(os.pread(self._file.fileno(), READ_BYTES, 0))

    def close(self) -> None:
        """Take the file away."""
        if self._file is None:
            return
        self.disarm()
        if _is_ours():
            faulthandler.unregister(ALARM)
        self._file.close()
        self._file = None
        (_folder() / f"{self.node_name}{SUFFIX}").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FoundStacks:
    """The file of another process of this host, as it was when it was found."""

    node_name: str
    path: Path
    written: datetime

    @property
    def seconds_old(self) -> float:
        """How long ago it was written."""
        return (datetime.now(UTC) - self.written).total_seconds()

    def read(self) -> str:
        """The stacks, "" where nothing was held."""
        try:
            with self.path.open("rb") as file:
                return _tidy(file.read(READ_BYTES))
        except FileNotFoundError:
            # It has ended in good order meanwhile, or somebody else was quicker.
            return ""

    def remove(self) -> None:
        """Take the file away."""
        self.path.unlink(missing_ok=True)


def left_by_others(node_name: str) -> Iterator[FoundStacks]:
    """The files of all other processes of this user on this host, of those that have ended too."""
    try:
        paths = [] if ALARM is None else list(_folder().glob(f"*{SUFFIX}"))
    except OSError:
        # Whoever opens a file there is told.
        return
    for path in paths:
        name = path.name.removesuffix(SUFFIX)
        if name != node_name:
            with suppress(FileNotFoundError):
                yield FoundStacks(name, path, datetime.fromtimestamp(path.stat().st_mtime, UTC))


def stacks_now(names: Mapping[int, str]) -> str:
    """The stacks of all threads as they are now."""
    with tempfile.TemporaryFile() as file:
        file.write(_name_lines(names))
        file.flush()
        faulthandler.dump_traceback(file=file, all_threads=True)
        file.seek(0)
        return _tidy(file.read(READ_BYTES))


def _name_lines(names: Mapping[int, str]) -> bytes:
    return "".join(f"0x{ident:x} {' '.join(name.split())}\n" for ident, name in names.items()).encode(errors="replace")


def _is_ours() -> bool:
    # A handler that Python knows of is somebody else's; what faulthandler registers it does not know.
    return ALARM is not None and signal.getsignal(ALARM) is signal.SIG_DFL


def _folder() -> Path:
    """A folder for this user in the system's temporary one. Raises OSError if it is anybody else's."""
    path = Path(tempfile.gettempdir()) / f"scriptapps-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} is not a folder of this user alone")
    return path


def _tidy(content: bytes) -> str:
    """Names instead of numbers, threads that run scripts first, at most CAP characters; "" without stacks."""
    text = content.decode(errors="replace")
    heads = list(_HEAD.finditer(text))
    if not heads:
        return ""
    names = {int(ident, 16): name for ident, name in _NAME.findall(text[: heads[0].start()])}
    running: list[str] = []
    others: list[str] = []
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        ident = int(head[1], 16)
        frames = text[head.end() : following.start() if following else len(text)].rstrip()
        in_a_run = RUN in frames
        name = names.get(ident, "a script thread" if in_a_run else f"thread 0x{ident:x}")
        block = f"{name}{', in a run' if in_a_run else ''} (most recent call first):\n{frames}"
        (running if in_a_run else others).append(block)
    whole = "\n\n".join([*running, *others])
    return whole if len(whole) <= CAP else f"{whole[:CAP]}\n…"
