"""The measured server as a process of its own: started on a free port, ended with the harness.

Runs on: the harness. Invariant: nothing outlives the `with` block, neither process nor database.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = "benchmarks.site.asgi:application"
PATIENCE = 30.0
"""Seconds a server may take to answer."""


class ServerError(RuntimeError):
    """The server did not start; the text holds its log."""


@dataclass(frozen=True)
class RunningServer:
    """The server's address and process, and what another process of its site has to know."""

    url: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def cpu_seconds(self) -> float:
        """Processor time that the server used so far; not a number where the system does not tell (Linux does)."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return math.nan
        # Fields 14 and 15 of proc_pid_stat(5): user and system time in ticks.
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def command(server: str, port: int) -> list[str]:
    """The command line of a server."""
    if server == "daphne":
        return [sys.executable, "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), APPLICATION]
    deflate = ["--ws-per-message-deflate", "false"]
    quiet = ["--log-level", "warning", "--no-access-log"]
    return [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), *deflate, *quiet, APPLICATION]


@contextmanager
def fresh_database(address: str) -> Iterator[dict[str, str]]:
    """A database of its own on the PostgreSQL server at ``address``; "" stands for a SQLite file. Yields variables."""
    if not address:
        yield {}
        return
    import psycopg

    parts, name = urlsplit(address), f"scriptapps_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield {
            "BENCHMARK_POSTGRES": name,
            "PGHOST": parts.hostname or "127.0.0.1",
            "PGPORT": str(parts.port or 5432),
            "PGUSER": parts.username or "postgres",
            "PGPASSWORD": parts.password or "",
        }
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running_server(server: str, people: int, store: str = "database", database: str = "") -> Iterator[RunningServer]:
    """Start ``daphne`` or ``uvicorn`` on a fresh database; yields it. Raises ServerError.

    ``database`` is the address of a PostgreSQL server, "" stands for a SQLite file.
    """
    with tempfile.TemporaryDirectory(prefix="scriptapps-bench-") as folder, fresh_database(database) as variables:
        environment = {
            **os.environ,
            **variables,
            "DJANGO_SETTINGS_MODULE": "benchmarks.site.settings",
            "BENCHMARK_FOLDER": folder,
            "BENCHMARK_STORE": store,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        }
        prepare = [sys.executable, "-m", "benchmarks.site.prepare", str(people)]
        subprocess.run(prepare, cwd=ROOT, env=environment, check=True)
        with serving(server, environment) as running:
            yield running


@contextmanager
def serving(server: str, environment: dict[str, str]) -> Iterator[RunningServer]:
    """One server process of a site; yields it. Raises ServerError."""
    port = free_port()
    log = Path(environment["BENCHMARK_FOLDER"]) / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(server, port), cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        base_url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(base_url, process, log)
        yield RunningServer(base_url, process, environment)
    finally:
        end(process)
        sys.stderr.write(log.read_text(errors="replace"))


def wait_until_it_answers(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as the sign-in page comes. Raises ServerError when the process ends or takes too long."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit and process.poll() is None:
        try:
            urllib.request.urlopen(f"{base_url}/login/", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise ServerError(f"The server did not answer at {base_url}:\n{log.read_text(errors='replace')}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then make it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
