"""What docs/deployment.md tells to type and to expect is what the code and the servers know."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scriptapps import health, recycling
from scriptapps.conf import DEFAULTS
from scriptapps.node import SERVER_STOPS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "deployment.md").read_text()


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
def test_the_options_of_the_servers_exist(server):
    known = subprocess.run([sys.executable, "-m", server, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(rf"(?<=[`/\[\"]){server}\b([^`\n]*)", TEXT)
    options = {option for command in commands for option in re.findall(r"--[\w-]+", command)} - {"--workers"}
    options |= {"--proxy-headers"}
    assert options
    assert not [option for option in options if option not in known]


def test_the_words_of_the_ready_address():
    table = TEXT.partition("| word | means |")[2].partition("\n\n")[0]
    words = {recycling.STALLED, recycling.ABANDONED, recycling.MEMORY, health.DATABASE, "draining"}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == words


def test_defaults_that_are_quoted():
    quoted = re.findall(r"`([A-Z][A-Z_]+)` \((\d+)\)", TEXT)
    assert quoted
    assert {(name, str(DEFAULTS[name])) for name, _ in quoted} == set(quoted)


def test_codes_that_are_quoted():
    assert f"code {SERVER_STOPS}" in TEXT
    assert f"exit code {recycling.EXIT_CODE}" in TEXT
    assert int(re.findall(r"TimeoutStopSec=(\d+)", TEXT)[0]) > DEFAULTS["DRAIN_SECONDS"] + recycling.SERVER_SECONDS


def test_uvicorn_lets_every_allowed_message_through():
    sizes = {int(size) for size in re.findall(r'--ws-max-size"?,? "?(\d+)', TEXT)}
    assert sizes
    assert min(sizes) > DEFAULTS["MAX_MESSAGE_BYTES"]
