"""Watching tables, and the page's truth table, on PostgreSQL: in a process whose site is there.

Runs on: pytest. Invariant: a test of these files that passes on SQLite only fails here.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["postgres_triggers.py", "test_truth_table.py", "test_table_watch.py", "test_table_events.py"]
)
def test_the_same_on_postgres(name: str) -> None:
    server = os.environ["SCRIPTAPPS_TEST_POSTGRES"]
    address = urlsplit(server)
    database = f"scriptapps_{os.getpid()}_{Path(name).stem}"
    environment = {
        **os.environ,
        "DATABASE": "postgres",
        "PGHOST": address.hostname or "127.0.0.1",
        "PGPORT": str(address.port or 5432),
        "PGUSER": address.username or "postgres",
        "PGPASSWORD": address.password or "",
        "PGDATABASE": database,
    }
    # Script threads keep their connections, which end with the process; so does the test's database, by our hand.
    options = ["-p", "no:cacheprovider", "-p", "no:unraisableexception", "-W", "ignore::ResourceWarning", "--reuse-db"]
    command = [sys.executable, "-m", "pytest", "-q", *options, "-c", "pyproject.toml", str(HERE / name)]
    try:
        done = subprocess.run(
            command, cwd=HERE.parent.parent, env=environment, capture_output=True, text=True, timeout=500, check=False
        )
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS test_{database} WITH (FORCE)")
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
