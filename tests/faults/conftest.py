"""Sites for real servers: SQLite in a file, or PostgreSQL and Redis. Runs on: pytest."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.faults.servers import ROOT, Person, Server, prepare

MakeServer = Callable[..., Server]


def environment(**fields: str) -> dict[str, str]:
    """What a server of the test site gets to know."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.faults.site_settings",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PYTHONUNBUFFERED": "1",
        **fields,
    }


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with tables and people, made once."""
    path = tmp_path_factory.mktemp("site") / "db.sqlite3"
    prepare(environment(SQLITE_PATH=str(path)))
    return path


@pytest.fixture(autouse=True)
async def close_sockets() -> AsyncIterator[None]:
    """No socket outlives its test."""
    yield
    while Person.connections:
        await Person.connections.pop().close()


@pytest.fixture
def servers(tmp_path: Path, empty_site: Path, request: pytest.FixtureRequest) -> Iterator[MakeServer]:
    """`servers(kind)`: a server of a site that all servers of the test share."""
    path = tmp_path / "db.sqlite3"
    for file in empty_site.parent.glob("db.sqlite3*"):
        shutil.copy(file, tmp_path / file.name)
    yield from _servers(environment(SQLITE_PATH=str(path)), tmp_path)


def cluster_environment(database: str) -> dict[str, str]:
    """What a server on PostgreSQL and Redis gets to know."""
    address = urlsplit(os.environ["SCRIPTAPPS_TEST_POSTGRES"])
    return environment(
        DATABASE="postgres",
        PGHOST=address.hostname or "127.0.0.1",
        PGPORT=str(address.port or 5432),
        PGUSER=address.username or "postgres",
        PGPASSWORD=address.password or "",
        PGDATABASE=database,
        REDIS_URL=os.environ["SCRIPTAPPS_TEST_REDIS"],
    )


@contextmanager
def database(template: str = "template1") -> Iterator[str]:
    """A database of its own on the server for tests."""
    import psycopg

    name = f"scriptapps_faults_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield name
    finally:
        with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def empty_cluster() -> Iterator[str]:
    """A database with tables and people, made once."""
    with database() as name:
        prepare(cluster_environment(name))
        yield name


@pytest.fixture
def cluster(tmp_path: Path, empty_cluster: str) -> Iterator[MakeServer]:
    """Like `servers`, on PostgreSQL and Redis."""
    with database(empty_cluster) as name:
        yield from _servers(cluster_environment(name), tmp_path)


def _servers(site: dict[str, str], folder: Path) -> Iterator[Any]:
    made: list[Server] = []

    def make(kind: str) -> Server:
        made.append(Server(kind, site, folder))
        return made[-1].start()

    yield make
    for server in made:
        server.end()
        # Shown by pytest with a test that failed.
        sys.stderr.write(f"--- {server.kind} at {server.port}\n{server.text()}\n")
