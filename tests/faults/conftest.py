"""Sites for real servers: SQLite in a file, or PostgreSQL and Redis. Runs on: pytest."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
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


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[MakeServer]:
    """Like `servers`, on PostgreSQL and Redis."""
    import psycopg

    address = urlsplit(os.environ["SCRIPTAPPS_TEST_POSTGRES"])
    name = f"scriptapps_faults_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    site = environment(
        DATABASE="postgres",
        PGHOST=address.hostname or "127.0.0.1",
        PGPORT=str(address.port or 5432),
        PGUSER=address.username or "postgres",
        PGPASSWORD=address.password or "",
        PGDATABASE=name,
        REDIS_URL=os.environ["SCRIPTAPPS_TEST_REDIS"],
    )
    prepare(site)
    yield from _servers(site, tmp_path)
    with psycopg.connect(os.environ["SCRIPTAPPS_TEST_POSTGRES"], autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def _servers(site: dict[str, str], folder: Path) -> Iterator[Any]:
    made: list[Server] = []

    def make(kind: str) -> Server:
        made.append(Server(kind, site, folder))
        return made[-1].start()

    yield make
    for server in made:
        server.end()
        # Shown by pytest with a test that failed.
        print(f"--- {server.kind} at {server.port}\n{server.text()}")
