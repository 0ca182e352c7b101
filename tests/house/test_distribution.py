"""What people install: built twice it is the same to the byte, it is complete, and it is built from the sdist alone.

Runs on: pytest with the build tools of .build-env/, no database.
"""

import os
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Build = Callable[[str, Path, Path], Path]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def names(built_wheel: Path) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(built_wheel) as wheel:
        return set(wheel.namelist())


def test_two_builds_are_byte_identical(
    built_wheel: Path, clean_sources_again: Path, build: Build, tmp_path: Path
) -> None:
    assert build("wheel", clean_sources_again, tmp_path).read_bytes() == built_wheel.read_bytes()


def test_the_wheel_carries_what_git_does_not(names: set[str]) -> None:
    generated = {
        "scriptapps/static/scriptapps/app.js",
        "scriptapps/protocol/descriptors.pb",
        "scriptapps/protocol/schema.pyi",
        "scriptapps/st.pyi",
        "scriptapps/deltas/element_methods.pyi",
    }
    assert generated <= names
    assert any(name.startswith("scriptapps/static/scriptapps/elements/") for name in names)


def test_the_wheel_carries_every_file_of_the_package_and_nothing_else(names: set[str], clean_sources: Path) -> None:
    package = clean_sources / "scriptapps"
    files = {file.relative_to(clean_sources).as_posix() for file in package.rglob("*") if file.is_file()}
    assert {name for name in files if "__pycache__" not in name} == {n for n in names if n.startswith("scriptapps/")}
    assert {"scriptapps/py.typed", "scriptapps/migrations/0001_initial.py"} <= names
    assert any(name.startswith("scriptapps/templates/scriptapps/") for name in names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"scriptapps", "django_scriptapps"}


def test_the_metadata_is_what_the_manifest_says(built_wheel: Path, names: set[str]) -> None:
    [metadata_name] = (name for name in names if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(built_wheel) as wheel:
        metadata = Parser().parsestr(wheel.read(metadata_name).decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["Name"] == project["name"]
    assert metadata["Requires-Python"] == project["requires-python"]
    assert set(metadata.get_all("Provides-Extra", [])) == project["optional-dependencies"].keys()
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_a_wheel_from_the_sdist_needs_no_generator(
    built_wheel: Path, clean_sources: Path, build: Build, tmp_path: Path
) -> None:
    (tmp_path / "sdist").mkdir()
    (tmp_path / "wheel").mkdir()
    archive = build("sdist", clean_sources, tmp_path / "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    [sources] = (tmp_path / "unpacked").iterdir()
    assert not (sources / "frontend/node_modules").exists()
    again = build("wheel", sources, tmp_path / "wheel")
    assert not (sources / "frontend/node_modules").exists()
    assert again.read_bytes() == built_wheel.read_bytes()


def test_a_prebuilt_client_is_taken_as_it_is(build_python: Path, clean_sources_again: Path, tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("// built elsewhere\n")
    code = "from pathlib import Path; from buildsteps import client; client.make(Path.cwd())"
    environment = os.environ | {"SCRIPTAPPS_PREBUILT": str(tmp_path)}
    subprocess.run([build_python, "-c", code], cwd=clean_sources_again, env=environment, check=True)
    assert (clean_sources_again / "scriptapps/static/scriptapps/app.js").read_text() == "// built elsewhere\n"
