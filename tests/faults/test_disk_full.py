"""No room for what has to be stored: people are told, work on, and have everything when there is room again.

Runs on: pytest, real servers. SQLite's "database or disk is full" is its own: the file may have no more pages. A quota
that is used up is the system's: no file of the server grows any more. PostgreSQL's is what a client gets to see of it,
raised by a trigger.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import cluster_environment, database
from tests.faults.farm import Node, Nodes, sqlite_site
from tests.faults.load import Busy, everybody, open_all, start_all
from tests.faults.services import Quota

pytestmark = pytest.mark.faults

PEOPLE = 6
SPARE, BALLAST = 60, 600
"""Pages that the database may still get, and pages that somebody can do without."""
TRACEBACKS = 40
"""More than one of each kind that may be in the log, however long it lasts."""


class SmallDisk:
    """A SQLite file that may get ``SPARE`` pages more, and no others until somebody clears up."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._do(
            "CREATE TABLE ballast (data)",
            f"INSERT INTO ballast VALUES (zeroblob({BALLAST} * (SELECT page_size FROM pragma_page_size)))",
        )
        with closing(sqlite3.connect(path)) as connection:
            [(pages,)] = connection.execute("PRAGMA page_count")
        self.pages = pages + SPARE

    def clear_up(self) -> None:
        """Throw the ballast away."""
        self._do("DROP TABLE ballast")

    def _do(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def site(empty_site: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    with sqlite_site(empty_site, tmp_path) as made:
        yield made


async def works_on(people: list[Busy]) -> None:
    """Everybody is told, presses, and sees what comes of it."""
    await everybody(people, lambda one: "not_saved" in one.told)
    for one in people:
        await one.press("Up", "n")
    await everybody(people, lambda one: one.works_in_memory)


async def has_everything(node: Node, people: list[Busy]) -> None:
    """There is room again: what was not saved is, without a press; then a new process knows it too."""
    await asyncio.gather(*(one.rest() for one in people))
    for one in people:
        one.check()
        assert not one.page.codes
        assert len(one.page.viewer.toasts) == len(one.told) >= 1
    assert node.text().count("Traceback") < TRACEBACKS
    node.kill()
    await asyncio.gather(*(one.page.again() for one in people))
    for one in people:
        one.check()
    await asyncio.gather(*(one.round() for one in people))
    for one in people:
        one.check()


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_sqlite_has_no_room(site: dict[str, str], tmp_path: Path, kind: str) -> None:
    disk = SmallDisk(site["SQLITE_PATH"])
    with Nodes(site, tmp_path) as nodes:
        node = nodes(kind, SQLITE_PAGES=str(disk.pages))
        people = await open_all(node.url, PEOPLE, "growing")
        await start_all(people)
        await works_on(people)
        assert "database or disk is full" in node.text()
        await asyncio.to_thread(disk.clear_up)
        await has_everything(node, people)


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_no_file_grows_any_more(site: dict[str, str], tmp_path: Path, kind: str) -> None:
    with Nodes(site, tmp_path) as nodes:
        node = nodes(kind)
        people = await open_all(node.url, PEOPLE, "growing")
        await start_all(people, rounds=2)
        largest = (await asyncio.to_thread(Path(site["SQLITE_PATH"] + "-wal").stat)).st_size
        assert len(node.text()) < largest / 2, "no room for what the server says"
        quota = Quota(node.pid, largest)
        await works_on(people)
        assert "disk I/O error" in node.text()
        quota.lift()
        await has_everything(node, people)


TABLES = ("scriptapps_sessionvalue", "scriptapps_scriptsession")
NO_ROOM = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$
"""


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_postgres_has_no_room(empty_cluster: str, tmp_path: Path, kind: str) -> None:
    import psycopg

    with database(empty_cluster) as name, Nodes(cluster_environment(name), tmp_path) as nodes:
        site = nodes.site
        node = nodes(kind)
        people = await open_all(node.url, PEOPLE, "growing")
        await start_all(people)
        address = f"host={site['PGHOST']} port={site['PGPORT']} user={site['PGUSER']} dbname={site['PGDATABASE']}"
        with psycopg.connect(address, password=site["PGPASSWORD"], autocommit=True) as connection:
            await asyncio.to_thread(connection.execute, NO_ROOM)
            for table in TABLES:
                trigger = f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION no_room()"
                await asyncio.to_thread(connection.execute, trigger)
            await works_on(people)
            assert "No space left on device" in node.text()
            for table in TABLES:
                await asyncio.to_thread(connection.execute, f"DROP TRIGGER no_room ON {table}")
        await has_everything(node, people)
