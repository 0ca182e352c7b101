"""What all tests share: which services are there, and the package as its users get it.

Runs on: pytest. Invariant: with SCRIPTAPPS_REQUIRE_ALL=1 (CI) nothing that needs a browser or a server is skipped.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIRE_ALL = os.environ.get("SCRIPTAPPS_REQUIRE_ALL") == "1"
CHROMIUM = os.environ.get("SCRIPTAPPS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
NEEDED = {
    "browser": (CHROMIUM, "no chromium on PATH (Debian: apt-get install chromium)"),
    "postgres": (os.environ.get("SCRIPTAPPS_TEST_POSTGRES"), "SCRIPTAPPS_TEST_POSTGRES names no server"),
    "redis": (os.environ.get("SCRIPTAPPS_TEST_REDIS"), "SCRIPTAPPS_TEST_REDIS names no server"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs something that this machine does not have; in CI such a test fails (see below)."""
    for item in items:
        for marker, (there, reason) in NEEDED.items():
            if item.get_closest_marker(marker) and not there:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything is required."""
    report = yield
    marked = any(item.get_closest_marker(marker) for marker in (*NEEDED, "faults"))
    if REQUIRE_ALL and marked and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although SCRIPTAPPS_REQUIRE_ALL=1: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself hides all its tests: not where everything is required."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped although SCRIPTAPPS_REQUIRE_ALL=1: {report.longrepr}"
    return report


def copy_sources(target: Path) -> Path:
    """A clean copy of what git holds or would add: no generated file, no installed package."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="session")
def build_python() -> Path:
    """The Python that has hatchling and the build tools; `make generate` installs it on first use."""
    subprocess.run([sys.executable, "-m", "buildsteps", "tools"], cwd=ROOT, check=True)
    return ROOT / ".build-env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as in a fresh clone; nothing is built in here."""
    return copy_sources(tmp_path_factory.mktemp("pristine"))


@pytest.fixture(scope="session")
def clean_sources(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which `built_wheel` is built."""
    return Path(shutil.copytree(pristine, tmp_path_factory.mktemp("clean") / "sources"))


@pytest.fixture
def clean_sources_again(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second clone, in a folder of another name: for what must not depend on the first."""
    return Path(shutil.copytree(pristine, tmp_path_factory.mktemp("another_place") / "checkout"))


@pytest.fixture(scope="session")
def build(build_python: Path) -> Callable[[str, Path, Path], Path]:
    """`build("wheel" or "sdist", sources, target)` returns the file that hatchling wrote into `target`."""
    return functools.partial(build_distribution, build_python)


@pytest.fixture(scope="session")
def built_wheel(build_python: Path, clean_sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from clean sources."""
    return build_distribution(build_python, "wheel", clean_sources, tmp_path_factory.mktemp("wheel"))


def build_distribution(python: Path, kind: str, sources: Path, target: Path) -> Path:
    """Run hatchling in `sources` and return the file it wrote into `target`."""
    command = [str(python), "-m", "hatchling", "build", "--target", kind, "--directory", str(target)]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [made] = (file for file in target.iterdir() if file.suffix in {".whl", ".gz"})
    return made
