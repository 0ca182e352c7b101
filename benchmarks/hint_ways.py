"""`python -m benchmarks.hint_ways`: how a process can learn that another one of its host has committed to SQLite.

Runs on: the command line; the writer is a process of its own. Each way is measured alone: how late it notices a commit,
what it costs while nothing happens, and how often it wakes for commits that are no business of it.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

GAP = 0.03
"""Seconds between two commits: one of a request, one of another kind."""
POLLS = (0.01, 0.05, 0.25)
WRITER = """
import json, socket, sqlite3, sys, time
path, commits, gap, port = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
connection = sqlite3.connect(path, isolation_level=None)
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(commits):
    connection.execute("INSERT INTO request VALUES (?)", [number])
    at = time.monotonic()
    if port:
        door.sendto(b"look", ("127.0.0.1", port))
    print(json.dumps(at), flush=True)
    time.sleep(gap)
    connection.execute("INSERT INTO other VALUES (?)", [number])
    time.sleep(gap)
"""
Notice = Callable[[], None]


@dataclass
class Way:
    """``watch(path, notice)`` is a context in which ``notice`` is called for each sign; it yields a port or 0."""

    name: str
    watch: Callable[[Path, Notice], AbstractContextManager[int]]


@contextmanager
def by_datagram(path: Path, notice: Notice) -> Iterator[int]:
    """A thread asleep in a read."""
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("127.0.0.1", 0))

    def work() -> None:
        while door.recv(100) == b"look":
            notice()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield door.getsockname()[1]
    door.sendto(b"end", door.getsockname())
    thread.join()
    door.close()


def by_polling(pause: float) -> Callable[[Path, Notice], AbstractContextManager[int]]:
    """``PRAGMA data_version`` every so often."""

    @contextmanager
    def watch(path: Path, notice: Notice) -> Iterator[int]:
        ended = threading.Event()

        def work() -> None:
            connection = sqlite3.connect(path, isolation_level=None)
            known = None
            while not ended.wait(pause):
                [version] = connection.execute("PRAGMA data_version").fetchone()
                if version != known:
                    known = version
                    notice()
            connection.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield 0
        ended.set()
        thread.join()

    return watch


@contextmanager
def by_file(path: Path, notice: Notice) -> Iterator[int]:
    """The system tells of changes to the write-ahead log."""

    class Handler(FileSystemEventHandler):
        def on_modified(self, event: FileSystemEvent) -> None:
            if str(event.src_path).endswith("-wal"):
                notice()

    observer = Observer()
    observer.schedule(Handler(), str(path.parent))
    observer.start()
    yield 0
    observer.stop()
    observer.join()


WAYS = [
    Way("datagram on the loopback", by_datagram),
    *(Way(f"data_version every {round(1000 * pause)} ms", by_polling(pause)) for pause in POLLS),
    Way("watched write-ahead log", by_file),
]


@dataclass(frozen=True)
class Found:
    """Milliseconds from the commit to the look that finds it; processor time in ms for each idle second; looks."""

    median: float
    p95: float
    idle: float
    looks: float


def measure(way: Way, commits: int, idle_seconds: float) -> Found:
    """What this way comes to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "db.sqlite3"
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE request (n); CREATE TABLE other (n);")
        found: list[float] = []
        looks = 0

        def look() -> None:
            nonlocal looks
            looks += 1
            [count] = connection.execute("SELECT count(*) FROM request").fetchone()
            found.extend([time.monotonic()] * (count - len(found)))

        with way.watch(path, look) as port:
            before = time.process_time()
            time.sleep(idle_seconds)
            idle = (time.process_time() - before) / idle_seconds
            looks = 0
            command = [sys.executable, "-c", WRITER, str(path), str(commits), str(GAP), str(port)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            time.sleep(max(POLLS) * 2)
        connection.close()
    committed = [json.loads(line) for line in done.stdout.splitlines()]
    late = [1000 * (at - since) for since, at in zip(committed, found, strict=True)]
    return Found(median(late), quantiles(late, n=20)[-1], 1000 * idle, looks / commits)


def main(arguments: list[str]) -> None:
    """Measure all ways and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hint_ways", description=__doc__)
    parser.add_argument("--commits", type=int, default=100, help="requests that are committed")
    parser.add_argument("--idle", type=float, default=3.0, help="seconds in which nothing happens")
    options = parser.parse_args(arguments)
    print(f"{'':<26} {'median ms':>9} {'p95 ms':>8} {'idle cpu ms/s':>13} {'looks per request':>17}")
    for way in WAYS:
        found = measure(way, options.commits, options.idle)
        print(
            f"{way.name:<26} {found.median:>9.2f} {found.p95:>8.2f} {found.idle:>13.2f} {found.looks:>17.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
