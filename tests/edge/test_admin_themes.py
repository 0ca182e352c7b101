"""The admin's pages of ours under other admin themes: they open, and what one works with is in them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["unfold", "jazzmin"])
def test_pages_under_another_theme(theme: str) -> None:
    environment = {**os.environ, "THEME": theme, "DJANGO_SETTINGS_MODULE": "tests.site.themed"}
    command = [sys.executable, "-m", "tests.site.themed"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = json.loads(done.stdout)
    assert {address: page for address, page in pages.items() if page != [200, []]} == {}
    assert len(pages) == 11
