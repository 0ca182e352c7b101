"""SiteServer: the demo site as a process of its own, on a database and a folder of scripts of its own.

Runs on: the tests' thread. Invariant: only the process started here is ended, by its id; it never outlives the tests.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60
POLL_SECONDS = 0.05


class SiteServer:
    """`manage.py runserver` on a free port; `start` and `stop` may be called again and keep the port."""

    def __init__(self, folder: Path) -> None:
        self.scripts = folder / "scripts"
        self.scripts.mkdir(parents=True)
        self.uploads = folder / "uploads"
        self.log = folder / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._database = folder / "site.sqlite3"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the database with the demo accounts and a small shop."""
        for command in (["migrate", "--verbosity", "0"], ["demo_data", "--customers", "60", "--orders", "900"]):
            self.manage(*command)

    def manage(self, *arguments: str, source: str = "") -> str:
        """Run one management command on the site's database and return what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment(), input=source, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, *statements: str) -> None:
        """Run statements in a process that has the site's models; `User` is Django's."""
        self.manage("shell", source="\n".join(("from django.contrib.auth.models import User", *statements)))

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, f"the server does not answer:\n{self.log.read_text()}"
            if self.ended_within(POLL_SECONDS):
                raise AssertionError(f"the server ended at once:\n{self.log.read_text()}")

    def stop(self, *, with_signal: int = signal.SIGTERM) -> None:
        """End the process by its id and wait until it is gone."""
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        if not self.ended_within(15):
            self._process.kill()
            self._process.wait()
        self._process = None

    def ended_within(self, seconds: float) -> bool:
        """Whether the process ends within this time; returns as soon as it does."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def answers(self) -> bool:
        """Whether the landing page comes."""
        try:
            with urllib.request.urlopen(f"{self.url}/", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def script(self, slug: str, source: str) -> Path:
        """Write a script the way an editor saves: a whole new file takes the old one's place."""
        path = self.scripts / f"{slug}.py"
        fresh = path.with_suffix(".new")
        fresh.write_text(source)
        fresh.replace(path)
        return path

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PG", "DATABASE"))}
        return kept | {
            "DEBUG": "1",
            "SQLITE_PATH": str(self._database),
            "SCRIPTAPPS_DIRS": str(self.scripts),
            "UPLOAD_ROOT": str(self.uploads),
            "PYTHONUNBUFFERED": "1",
        }


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
