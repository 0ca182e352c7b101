"""PostgreSQL and Redis for one afternoon: their data lives in a folder that is thrown away.

Runs on: the command line. Uses the programs that the machine's packages bring; PostgreSQL refuses to run as root and is
started as the user `postgres` then.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

START_SECONDS = 30
END_SECONDS = 20
POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # What is thrown away need not survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class NotInstalledError(Exception):
    """A program is missing; the message says which, and how to get it."""


def free_port() -> int:
    """A port of loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A program that listens on a port of loopback; `start` returns when it answers."""

    name = ""
    end_signal = signal.SIGTERM
    user: str | None = None
    """Who runs it; None: whoever runs us."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log = folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it does its work."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError with its log when it does not."""
        with self.log.open("ab") as log:
            # A process group of its own: Ctrl-C reaches us alone, and we end everything in order.
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
            )
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{self.name} did not start; its log:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End this very process and wait for its end."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.end_signal)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def environment(self) -> dict[str, str]:
        """What the site needs to find it."""
        raise NotImplementedError


class Postgres(Service):
    """A new PostgreSQL server with an empty database `scriptapps`."""

    name = "postgres"
    # "Fast": do not wait for those who are still connected.
    end_signal = signal.SIGINT

    def command(self) -> list[str]:
        options = [part for name, value in POSTGRES_OPTIONS.items() for part in ("-c", f"{name}={value}")]
        return [find_postgres("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options]

    def start(self) -> None:
        """Make the data folder, start, and make the database."""
        data = self.folder / "data"
        data.mkdir()
        if os.geteuid() == 0:
            self.user = "postgres"
            shutil.chown(data, self.user, self.user)
        command = [find_postgres("initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8"]
        done = subprocess.run(
            [*command, "--locale=C.UTF-8"],
            cwd=data,
            capture_output=True,
            text=True,
            check=False,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")
        super().start()
        with self._connect("postgres") as connection:
            connection.autocommit = True
            connection.execute("CREATE DATABASE scriptapps")

    def answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, connect_timeout=5)

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE": "postgres",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": "scriptapps",
        }


class Redis(Service):
    """A Redis that keeps nothing on disk."""

    name = "redis"

    def command(self) -> list[str]:
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return [find("redis-server", "redis-server"), *place, "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": f"redis://127.0.0.1:{self.port}/0"}


def find(program: str, package: str, places: Callable[[], list[Path]] = list) -> str:
    """Where a program is. Raises NotInstalledError."""
    found = [str(place / program) for place in places() if (place / program).exists()]
    path = found[-1] if found else shutil.which(program)
    if path is None:
        raise NotInstalledError(f"{program} is not installed (Debian: apt-get install {package})")
    return path


def find_postgres(program: str) -> str:
    """Where a program of the newest PostgreSQL is; Debian keeps them off the PATH. Raises NotInstalledError."""

    def places() -> list[Path]:
        return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))

    return find(program, "postgresql", places)
