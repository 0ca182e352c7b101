"""The steps of the README, read from its fenced blocks and carried out as they stand there.

Runs on: the tests' thread. Invariant: what is typed or saved is the README's text, so that the two cannot drift apart;
only what a test cannot do literally is replaced, and `StepRunner` lists it.
"""

import os
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^# (\S+\.py)(, at the end)?\n")


@dataclass(frozen=True)
class Block:
    """One fenced block. ``path`` is the file that a Python block names in its first line."""

    language: str
    text: str

    @property
    def path(self) -> str:
        """The file a Python block belongs to."""
        match = TARGET.match(self.text)
        assert match, f"a block does not name its file:\n{self.text}"
        return match[1]

    @property
    def goes_to_the_end(self) -> bool:
        """Whether the block is added to its file rather than being all of it."""
        match = TARGET.match(self.text)
        return bool(match and match[2])

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block without their comments."""
        lines = (line.partition("#")[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line]


def blocks_of(readme: Path, heading: str = "") -> list[Block]:
    """The shell and Python blocks of one section, or of what stands before the first."""
    sections = re.split(r"^## (.+)\n", readme.read_text(), flags=re.MULTILINE)
    texts = dict(zip(["", *sections[1::2]], sections[0::2], strict=True))
    return [Block(language, text) for language, text in FENCE.findall(texts[heading]) if language in {"sh", "python"}]


class StepRunner:
    """Carries blocks out in an empty folder with an environment of its own.

    Three commands are not taken literally: `pip install` gets the built wheel in place of the distribution's name,
    `createsuperuser` its answers from the environment, and `runserver` another port and a process that can be ended.
    """

    def __init__(self, folder: Path, wheel: Path, port: int) -> None:
        self.site = folder / "site"
        self.site.mkdir(parents=True)
        self.log = folder / "server.log"
        self.server: subprocess.Popen[bytes] | None = None
        self._wheel = wheel
        self._port = port
        venv.create(folder / "venv", with_pip=True)
        self._programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")

    def carry_out(self, block: Block) -> None:
        """Type the commands of a shell block, or save a Python block to its file."""
        if block.language == "sh":
            for command in block.commands:
                self.type(command)
        else:
            path = self.site / block.path
            path.parent.mkdir(exist_ok=True)
            before = path.read_text() + "\n" if block.goes_to_the_end else ""
            path.write_text(before + block.text)

    def type(self, command: str) -> None:
        """Run one command line and wait for its end; a server goes on in the background."""
        program, *arguments = command.split()
        if "install" in arguments:
            arguments = [str(self._wheel) if item == "django-scriptapps" else item for item in arguments]
        elif "createsuperuser" in arguments:
            arguments.append("--noinput")
        line = [str(self._programs / program), *arguments]
        if "runserver" in arguments:
            with self.log.open("wb") as log:
                self.server = subprocess.Popen(
                    [*line, "--noreload", f"127.0.0.1:{self._port}"],
                    cwd=self.site,
                    env=self._environment(),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            return
        done = subprocess.run(line, cwd=self.site, env=self._environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def end(self) -> None:
        """End the server, by its id."""
        if self.server is not None:
            self.server.terminate()
            try:
                self.server.wait(15)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "PYTHON", "VIRTUAL_ENV"))
        }
        return kept | {
            "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SUPERUSER_USERNAME": "ada",
            "DJANGO_SUPERUSER_PASSWORD": "only-for-this-test",
            "DJANGO_SUPERUSER_EMAIL": "ada@example.com",
        }
