"""Real servers as processes of their own: started on free ports, ended by process id.

Runs on: pytest. Invariant: nothing outlives its test; a wait ends by its condition, its limit only ends a failing test.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from websockets.exceptions import ConnectionClosed

from scriptapps.testing import HeadlessBrowser, HeadlessViewer

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 60.0
ENDS_WITHIN = 30.0
"""More than a server may take for its end in good order; DRAIN_SECONDS of the test site is 3."""
KINDS = ("runserver", "uvicorn", "daphne")
MAKE_PEOPLE = """
import django
django.setup()
from django.contrib.auth.models import User
User.objects.create_superuser("admin", password="admin")
for name in ("alice", "bob"):
    User.objects.create_user(name, password=name)
"""


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """One server process on the test site."""

    kind: str
    environment: dict[str, str]
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / f"{self.kind}-{self.port}.log"

    def command(self) -> list[str]:
        """Its command line."""
        application = "project.asgi:application"
        return [
            sys.executable,
            *{
                "runserver": ["manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"],
                "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port), application],
                "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), application],
            }[self.kind],
        ]

    def start(self) -> Server:
        """Start it and wait until it serves."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        until = time.monotonic() + LIMIT
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/accounts/login/", timeout=LIMIT).close()
            except (urllib.error.URLError, ConnectionError):
                # The port is not open yet; nobody tells when it will be.
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"{self.kind} does not serve:\n{self.text()}")

    def send(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(ENDS_WITHIN)

    def kill(self) -> None:
        """End it without a word."""
        self.send(signal.SIGKILL)

    def terminate(self) -> int:
        """Ask it to end."""
        return self.send(signal.SIGTERM)

    def end(self) -> None:
        """Whatever happened, it is gone afterwards."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def text(self) -> str:
        """Its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def run(self, code: str) -> str:
        """What a shell of the site beside the server prints."""
        done = subprocess.run(
            [sys.executable, "-c", "import django\ndjango.setup()\n" + code],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def prepare(environment: dict[str, str]) -> None:
    """Tables and people."""
    for command in (["manage.py", "migrate", "--verbosity", "0"], ["-c", MAKE_PEOPLE]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, timeout=LIMIT)


class Person:
    """Somebody with a browser at a server. ``connections`` are all sockets of all people, for the test's end."""

    connections: ClassVar[list[Any]] = []

    def __init__(self, server: Server, name: str) -> None:
        self.browser = HeadlessBrowser(server.url)
        self.name = name

    async def sign_in(self) -> Person:
        """Through the site's own form."""
        await asyncio.to_thread(self.browser.sign_in, self.name)
        return self

    def goes_to(self, server: Server) -> Person:
        """The same browser at another process; cookies do not know ports."""
        self.browser.base_url = server.url
        return self

    async def open(self, session: str | None = None) -> HeadlessViewer:
        """Open the page and wait for it."""
        async with asyncio.timeout(LIMIT):
            attributes = await asyncio.to_thread(self.browser.page_attributes, "/apps/page/")
            wanted = attributes.get("session", "") if session is None else session
            connection = await self.browser.connect(attributes, session=wanted)
            self.connections.append(connection)
            viewer = HeadlessViewer(Wire(connection))
            await viewer.attach()
            await viewer.settled()
            return viewer

    async def post(self, path: str, **fields: str) -> str:
        """Send a form."""
        return await asyncio.to_thread(lambda: self.browser.post(path, **fields))


class Wire:
    """A websocket whose reads have a limit."""

    def __init__(self, connection: Any, limit: float = LIMIT) -> None:
        self.connection = connection
        self.limit = limit

    async def send(self, data: bytes) -> None:
        """Send one message."""
        await self.connection.send(data)

    async def recv(self) -> bytes:
        """The next message."""
        async with asyncio.timeout(self.limit):
            data: bytes = await self.connection.recv()
            return data


async def closed(viewer: HeadlessViewer) -> int:
    """Read on until the server ends the socket; its close code."""
    try:
        while True:
            await viewer.receive()
    except ConnectionClosed as ended:
        return ended.rcvd.code if ended.rcvd is not None else 1006


async def shows(viewer: HeadlessViewer, text: str) -> None:
    """Wait until the page shows this text."""
    await viewer.until(lambda: text in viewer.texts())


async def until(condition: Callable[[], Any]) -> None:
    """Ask again until it holds; what is asked is another process, which tells nobody."""
    async with asyncio.timeout(LIMIT):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
