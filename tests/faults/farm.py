"""Servers that die and come back at once, and pages that behave as a browser's do.

Runs on: pytest. Invariant: nothing outlives its test; a wait ends by its condition, its limit only ends a failing test.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from scriptapps.testing import HeadlessBrowser, HeadlessViewer
from tests.faults.conftest import environment
from tests.faults.servers import LIMIT, ROOT, Wire, prepare
from tests.site.faults import VARIABLE

LOST = (ConnectionClosed, ConnectionError, InvalidHandshake, OSError, EOFError)
FRAME_LIMIT = 30.0


class Node:
    """One server of a site; ``pid`` is that of its current life, ``ends`` the exit statuses of its former ones."""

    def __init__(self, kind: str, environment: dict[str, str], folder: Path) -> None:
        self.kind = kind
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.fault_file = folder / f"fault-{self.listening.getsockname()[1]}"
        self.log = folder / f"{kind}-{self.listening.getsockname()[1]}.log"
        self.pid = 0
        self.births = 0
        self.ends: list[int] = []
        self._changed = threading.Condition()
        descriptor = self.listening.fileno()
        with self.log.open("ab") as log:
            self.parent = subprocess.Popen(
                [sys.executable, "-m", "tests.site.faulty_server", kind, str(descriptor)],
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "tests.site.faulty", VARIABLE: str(self.fault_file)},
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(lambda: self.births)

    def _read(self) -> None:
        assert self.parent.stdout is not None
        for line in self.parent.stdout:
            word, *numbers = line.split()
            with self._changed:
                if word == b"born":
                    self.pid, self.births = int(numbers[0]), self.births + 1
                elif word == b"ended":
                    self.ends.append(int(numbers[1]))
                self._changed.notify_all()

    def until(self, condition: Callable[[], Any], limit: float = LIMIT) -> None:
        """Wait until the condition on lives and deaths holds."""
        with self._changed:
            assert self._changed.wait_for(condition, limit), f"{self.kind} did not do it:\n{self.text()}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the current life."""
        os.kill(self.pid, number)

    @property
    def is_frozen(self) -> bool:
        """Whether no thread of the current life goes on."""
        try:
            stats = [task.read_text() for task in Path(f"/proc/{self.pid}/task").glob("*/stat")]
        except (FileNotFoundError, ProcessLookupError):
            # A thread ended just now, so the process is not stopped yet.
            return False
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    def kill(self) -> None:
        """End this life without a word; the next one begins."""
        births = self.births
        self.signal(signal.SIGKILL)
        self.until(lambda: self.births > births)

    def text(self) -> str:
        """Its log."""
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        """Whatever happened, it is gone afterwards."""
        if self.parent.poll() is None:
            if not self.ends or len(self.ends) < self.births:
                # A life that is stopped cannot be waited for.
                os.kill(self.pid, signal.SIGCONT)
            self.parent.terminate()
        self.parent.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self.parent.stdout is not None
        self.parent.stdout.close()
        self.listening.close()


class Page:
    """A tab at a site: it connects, reconnects for ever, and counts how its sockets were closed."""

    def __init__(self, browser: HeadlessBrowser, slug: str) -> None:
        self.browser, self.slug = browser, slug
        self.codes: list[int] = []
        self.viewer: HeadlessViewer = None  # type: ignore[assignment]
        self.attributes: dict[str, str] = {}

    @property
    def session_id(self) -> str:
        """The script session."""
        found: str = self.viewer.welcome.session_id
        return found

    async def open(self, **options: Any) -> Page:
        """Load the page and wait for its first run; ``options`` are those of its websocket."""
        self.attributes = await asyncio.to_thread(self.browser.page_attributes, f"/apps/{self.slug}/")
        self.viewer = HeadlessViewer(Wire(await self.browser.connect(self.attributes, **options), FRAME_LIMIT))
        await self.viewer.attach()
        await self.viewer.settled()
        return self

    async def again(self, at: str = "") -> Page:
        """The same page load over a new socket, at this or another server; as often as it takes."""
        self.browser.base_url = at or self.browser.base_url
        session_id = self.attributes.get("kept") or self.viewer.welcome.session_id
        # A viewer forgets its welcome while it reconnects; the page does not.
        self.attributes["kept"] = session_id
        async with asyncio.timeout(LIMIT):
            await self._come_back(session_id)
        return self

    async def _come_back(self, session_id: str) -> None:
        while True:
            try:
                status = json.loads(
                    await asyncio.to_thread(self.browser.get, self.attributes["status-url"] + f"?session={session_id}")
                )
                assert status["state"] == "ok", status
                assert status["resume"], status
                self.attributes["token"] = status["token"]
                wire = Wire(await self.browser.connect(self.attributes, session=session_id), FRAME_LIMIT)
                await self.viewer.reconnect(wire)
                await self.viewer.until(lambda: self.viewer.finished and not self.viewer.running)
            except (*LOST, urllib.error.URLError) as error:
                self.note(error)
            else:
                assert self.viewer.welcome.session_id == session_id
                return

    def note(self, error: BaseException) -> None:
        """Remember how a socket ended."""
        if isinstance(error, ConnectionClosed):
            self.codes.append(error.rcvd.code if error.rcvd is not None else 1006)

    async def attempt(self, action: Callable[[], Any]) -> bool:
        """Do something; False when the socket was lost over it."""
        try:
            await action()
        except TimeoutError:
            # Nothing was lost, and nothing came either: waiting again would never end.
            raise
        except LOST as error:
            self.note(error)
            return False
        return True

    async def click(self, label: str) -> bool:
        """Press a button; False when the socket was lost over it, and the press will be sent again."""
        return await self.attempt(lambda: self.viewer.click(self.viewer.widget(label)))

    async def enter(self, label: str, value: Any) -> bool:
        """Change a widget; otherwise like ``click``."""
        return await self.attempt(lambda: self.viewer.set_value(self.viewer.widget(label), value))

    async def settled(self) -> None:
        """Every event is acknowledged, whatever it takes."""
        while not await self.attempt(self.viewer.settled):
            await self.again()

    async def until_closed(self) -> int:
        """Read on until the server ends the socket; its close code."""
        while await self.attempt(self.viewer.receive):
            continue
        return self.codes[-1]

    async def leave(self) -> None:
        """The network is cut: no close frame."""
        transport = self.viewer.transport.connection.transport  # type: ignore[attr-defined]
        transport.abort()

    async def close(self) -> None:
        """Close the socket in good order."""
        await self.viewer.transport.connection.close()  # type: ignore[attr-defined]

    def shown(self) -> dict[str, Any]:
        """What a ledger's page says."""
        texts = self.viewer.texts()
        assert texts, f"an empty page; runs: {self.viewer.finished}, errors: {self.viewer.errors}"
        found: dict[str, Any] = json.loads(texts[-1])
        return found


@contextmanager
def postgres_site() -> Iterator[dict[str, str]]:
    """A site in a new database of the PostgreSQL server, and the channel layer in Redis."""
    import psycopg

    address = urlsplit(os.environ["SCRIPTAPPS_TEST_POSTGRES"])
    name = f"scriptapps_faults_{uuid.uuid4().hex[:12]}"
    site = environment(
        DATABASE="postgres",
        PGHOST=address.hostname or "127.0.0.1",
        PGPORT=str(address.port or 5432),
        PGUSER=address.username or "postgres",
        PGPASSWORD=address.password or "",
        PGDATABASE=name,
        REDIS_URL=os.environ["SCRIPTAPPS_TEST_REDIS"],
    )
    with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        prepare(site)
        yield site
    finally:
        with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def sqlite_site(empty: Path, folder: Path, **fields: str) -> Iterator[dict[str, str]]:
    """A site in a copy of a SQLite file that has its tables."""
    for file in empty.parent.glob("db.sqlite3*"):
        shutil.copy(file, folder / file.name)
    yield environment(SQLITE_PATH=str(folder / "db.sqlite3"), **fields)


@contextmanager
def nobody_writes(site: dict[str, str]) -> Iterator[None]:
    """Meanwhile no process has SQLite's one write lock: who is stopped with it would keep everybody else waiting."""
    if "SQLITE_PATH" not in site:
        yield
        return
    with closing(sqlite3.connect(site["SQLITE_PATH"], LIMIT, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


class Nodes:
    """Servers of one site; all end with the ``with`` block, and what they said is shown with a test that failed."""

    def __init__(self, site: dict[str, str], folder: Path) -> None:
        self.site, self.folder = site, folder
        self.made: list[Node] = []

    def __call__(self, kind: str, **fields: str) -> Node:
        """Start one."""
        self.made.append(Node(kind, self.site | fields, self.folder))
        return self.made[-1]

    def freeze(self, node: Node) -> None:
        """Stop it in its tracks, but not in the middle of a write."""
        with nobody_writes(self.site):
            node.signal(signal.SIGSTOP)
            limit = time.monotonic() + LIMIT
            while not node.is_frozen:
                assert time.monotonic() < limit, f"{node.kind} cannot be stopped"
                time.sleep(0.001)

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.made:
            node.end()
        for node in self.made:
            sys.stdout.write(f"--- {node.kind} at {node.url}\n{node.text()}\n")


def ask_site(environment: dict[str, str], code: str) -> Any:
    """What a shell of the site prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", "import json, django\ndjango.setup()\n" + code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
