"""Lease and stores on PostgreSQL: their tests once more, in a process whose site is there.

Runs on: pytest. Invariant: a test of these files that passes on SQLite only fails here.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_lease.py", "test_stores.py", "../edge/test_stored_files.py"])
def test_the_same_on_postgres(name: str) -> None:
    address = urlsplit(os.environ["SCRIPTAPPS_TEST_POSTGRES"])
    environment = {
        **os.environ,
        "DATABASE": "postgres",
        "PGHOST": address.hostname or "127.0.0.1",
        "PGPORT": str(address.port or 5432),
        "PGUSER": address.username or "postgres",
        "PGPASSWORD": address.password or "",
        "PGDATABASE": f"scriptapps_{os.getpid()}",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / name)]
    done = subprocess.run(
        command, cwd=HERE.parent.parent, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
