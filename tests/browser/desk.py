"""Desk: a tab with work in progress, the line that it hangs on, and what its servers know of it.

Runs on: the tests' thread. Invariant: what the servers know is read from their sockets and rows, never from the page.
With SCRIPTAPPS_LONG=1 times are the real ones; otherwise a socket is dead after 2.3 silent seconds instead of 35, a
lease lasts 2 instead of 30, and a session that nobody looks at leaves memory after 10 instead of 600.
"""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.browser.visitor import Visitor, metric, run_is_over
from tests.faults.conftest import environment
from tests.faults.farm import Nodes, postgres_site
from tests.faults.line import Line
from tests.faults.servers import prepare

LONG = os.environ.get("SCRIPTAPPS_LONG") == "1"
TIMES = {} if LONG else {"HEARTBEAT_SECONDS": "1", "LEASE_SECONDS": "2", "DETACHED_TTL": "1"}
SHORT_CUT = 10 if LONG else 0
LIMIT = 900 if LONG else 60

# What a browser prints while there is nobody at the other end.
GONE = ["WebSocket connection to", "net::ERR_"]
NOTE, SUBJECT = "half a note", "half a letter"


class Desk:
    """Three presses, one note that was sent, and two texts that were typed and not sent."""

    def __init__(self, browser: Browser, line: Line, site: dict[str, str]) -> None:
        self.line, self.site = line, site
        self.visitor = Visitor(browser, line.url)
        self.visitor.allowed += GONE
        self.page: Page = self.visitor.open("desk")
        self.presses = 0
        self.session = self.page.get_by_text("session: ").inner_text().removeprefix("session: ")
        for _ in range(3):
            self.press()
            self.counted()
        self.note.fill("first")
        self.note.press("Enter")
        expect(self.notes).to_have_text("notes: first")
        run_is_over(self.page)
        self.page.get_by_role("textbox", name="Subject").fill(SUBJECT)
        self.note.fill("")
        self.note.press_sequentially(NOTE)
        until(lambda: self.row["viewers"] == 1, "the servers know of the tab")

    @property
    def note(self) -> Any:
        return self.page.get_by_role("textbox", name="Note")

    @property
    def notes(self) -> Any:
        return self.page.get_by_text(re.compile("^notes:"))

    def press(self) -> None:
        """Once more; the focus stays where it was."""
        self.page.get_by_role("button", name="Up").dispatch_event("click")
        self.presses += 1

    def counted(self) -> None:
        """The page shows every press, once."""
        expect(metric(self.page, "Count")).to_have_text(f"Count{self.presses}", timeout=LIMIT * 1000)

    def tell_that_the_network_is_back(self) -> None:
        """As the system tells a browser, and the browser its pages."""
        self.visitor.context.set_offline(True)
        self.visitor.context.set_offline(False)

    def is_as_it_was(self) -> None:
        """Live, with every press counted once, the texts that were typed, and one socket at the servers."""
        expect(self.page.get_by_text("Reconnecting")).to_have_count(0, timeout=LIMIT * 1000)
        self.counted()
        run_is_over(self.page)
        expect(self.note).to_have_value(NOTE)
        expect(self.page.get_by_role("textbox", name="Subject")).to_have_value(SUBJECT)
        expect(self.notes).to_have_text("notes: first")
        expect(self.page.get_by_text(f"session: {self.session}")).to_be_visible()
        expect(self.page.get_by_role("alert")).to_have_count(0)
        until(lambda: self.line.sockets == 1, "one socket for one tab")
        until(lambda: self.row["viewers"] == 1, "one viewer for one tab")
        self.goes_on()

    def goes_on(self) -> None:
        """What is typed goes where it was, and it is sent."""
        self.press()
        self.counted()

    @property
    def row(self) -> dict[str, Any]:
        """What every process knows of the session."""
        [row] = read_rows(self.site, "SELECT node, viewers FROM scriptapps_scriptsession WHERE id = ", self.session)
        return row

    @property
    def stored_count(self) -> int:
        """The presses that the database knows of."""
        query = "SELECT payload FROM scriptapps_sessionvalue WHERE name = 'n' AND session_id = "
        [row] = read_rows(self.site, query, self.session)
        return int(bytes(row["payload"]))


@contextmanager
def desk_at(browser: Browser, nodes: Nodes) -> Iterator[Desk]:
    """A desk on a line to these servers; everything that its browser complained of has to be expected."""
    with Line(*(node.url for node in nodes.made)) as line:
        desk = Desk(browser, line, nodes.site)
        yield desk
        desk.visitor.context.close()
        assert not desk.visitor.unexpected(), desk.visitor.unexpected()


@contextmanager
def nodes_of(kinds: list[str], database: str, folder: Path) -> Iterator[Nodes]:
    """Servers of these kinds on one database."""
    if database == "postgres":
        with postgres_site() as site, Nodes(site | TIMES, folder) as made:
            for kind in kinds:
                made(kind)
            yield made
        return
    site = environment(SQLITE_PATH=str(folder / "db.sqlite3"), **TIMES)
    prepare(site)
    with Nodes(site, folder) as made:
        for kind in kinds:
            made(kind)
        yield made


def until(condition: Callable[[], Any], what: str) -> None:
    """Ask again until it holds; what is asked is another process, which tells nobody. The browser is left alone."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"after {LIMIT} s: {what}"
        time.sleep(0.02)


def read_rows(site: dict[str, str], query: str, session: str) -> list[dict[str, Any]]:
    """Rows of the site's database."""
    query += f"'{session.replace('-', '')}'"
    if site.get("DATABASE") == "postgres":
        return _read_postgres(site, query)
    with closing(sqlite3.connect(site["SQLITE_PATH"])) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def _read_postgres(site: dict[str, str], query: str) -> list[dict[str, Any]]:
    import psycopg
    from psycopg.rows import dict_row

    address = " ".join(f"{name}={site[variable]}" for name, variable in LIBPQ.items() if site[variable])
    with psycopg.connect(address, row_factory=dict_row) as connection:
        return connection.execute(query.encode()).fetchall()


LIBPQ = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
