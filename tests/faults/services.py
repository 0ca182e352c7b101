"""Services of a test's own, which it may kill, pause and start again: PostgreSQL, Redis, and a writer that never ends.

Runs on: pytest. Invariant: nothing outlives its test, also what was paused.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from project.cluster import services
from tests.faults.servers import LIMIT

CLOSE_WAIT = "08"
"""State of a connection whose other end has hung up, in proc_net_tcp(5)."""
HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN IMMEDIATE")
print("begun", flush=True)
time.sleep(float(sys.argv[2]))
sys.stdin.read()
connection.execute("ROLLBACK")
"""


class Postgres(services.Postgres):
    """A PostgreSQL whose acknowledged commits survive its own death."""

    def command(self) -> list[str]:
        return [*super().command(), "-c", "synchronous_commit=on"]

    @property
    def url(self) -> str:
        """Its address for who makes databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def end(self, number: signal.Signals) -> None:
        """SIGINT: in good order, without waiting for who is connected. SIGQUIT: at once, as in a crash."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(LIMIT)

    def start_again(self) -> None:
        """With what is on its disk."""
        services.Service.start(self)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query of the administrator's."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running one. Not in pytest's folder: the user `postgres` could not come in."""
    folder = Path(tempfile.mkdtemp(prefix="scriptapps-postgres-"))
    folder.chmod(0o755)
    service = Postgres(folder)
    try:
        service.start()
        yield service
    finally:
        service.stop()
        shutil.rmtree(folder)


class Redis(services.Redis):
    """A Redis that is killed and paused."""

    @property
    def url(self) -> str:
        """Its address for the channel layer."""
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT)

    def pause(self) -> None:
        """It keeps its connections and answers nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *command: str) -> Any:
        """What a client of the administrator's gets to hear."""
        with redis.Redis(port=self.port) as client:
            return client.execute_command(*command)


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    """A running one."""
    service = Redis(folder)
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.go_on()
        service.stop()


class SlowWriter:
    """Another process, which takes at least these seconds over a transaction on a SQLite file, and until it may end."""

    def __init__(self, path: str, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, path, str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        # It waits its turn like everybody else.
        assert self._process.stdout.readline() == b"begun\n"

    @property
    def is_at_it(self) -> bool:
        """Whether it still has the lock."""
        return self._process.poll() is None

    def until_done(self) -> None:
        """Let it end, and wait for that."""
        self._process.communicate(timeout=LIMIT)
        assert self._process.returncode == 0

    def end(self) -> None:
        """Whatever happened, it is gone afterwards."""
        if self.is_at_it:
            self._process.kill()
            self._process.communicate(timeout=LIMIT)


class Quota:
    """What a process may write: no file of it grows beyond ``size`` bytes, as with a quota that is used up."""

    def __init__(self, pid: int, size: int) -> None:
        self._pid = pid
        self._before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, self._before[1]))

    def lift(self) -> None:
        """There is room again."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._before)


def dead_connections(pid: int, port: int) -> int:
    """How many connections to a port of loopback a process has not let go of although the other end has."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(descriptor))
        except FileNotFoundError:
            # Closed meanwhile.
            continue
    dead = 0
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        is_to_port = int(fields[2].rpartition(":")[2], 16) == port
        dead += is_to_port and fields[3] == CLOSE_WAIT and f"socket:[{fields[9]}]" in sockets
    return dead
