"""A server that cannot go on, or that staff drain, leaves; its sessions go on elsewhere, and its row says why."""

import asyncio
import html
import re
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scriptapps.recycling import EXIT_CODE
from scriptapps.testing import HeadlessViewer
from tests.faults.conftest import environment
from tests.faults.servers import ENDS_WITHIN, Person, Server, closed, prepare, until

pytestmark = pytest.mark.faults

SETTINGS = """
import os
from tests.faults.site_settings import *

SCRIPTAPPS = {
    **SCRIPTAPPS,
    "DIRS": [__file__.rpartition("/")[0] + "/scripts"],
    "RECYCLE": os.environ["RECYCLES"] == "yes",
    "STALL_SECONDS": 1,
    # On a busy machine a process is late, and is not gone for that.
    "BEAT_SECONDS": 2,
    "LEASE_SECONDS": 8,
    "MAX_ABANDONED": 1,
    "SCRIPT_STOP_GRACE": 0.1,
    "MEMORY_WATERMARK_MB": 400,
}
"""
SCRIPT = """
# deadline: 0.3
import re
import threading
from scriptapps import st

st.session_state.setdefault("count", 0)
if st.button("Add"):
    st.session_state.count += 1
st.text(f"count {st.session_state.count}")
if st.button("Hang"):
    # Nothing reaches a thread that waits in C for what never comes.
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
if st.button("Backtrack"):
    re.match("(a+)+$", "a" * 60 + "b")
if st.button("Hoard"):
    # A leak: it outlives the run.
    leaking = threading.Thread(target=lambda: setattr(threading, "hoard", [b"x" * 1_000_000 for _ in range(500)]))
    leaking.start()
"""
LOGGED = """
from django.contrib.admin.models import LogEntry
print(LogEntry.objects.get().get_change_message())
"""
DRAIN = """
from scriptapps.models import ServerProcess
print(ServerProcess.objects.filter(pid={pid}).drain())
"""
LIST = "/admin/scriptapps/serverprocess/"
NOWHERE = 0.5
"""Seconds after which a probe of this test gives up."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`start(kind)`: a server of one site; `recycles=False` for one that nobody would start again."""
    (tmp_path / "recycling_settings.py").write_text(SETTINGS)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "page.py").write_text(SCRIPT.lstrip())
    (tmp_path / "tmp").mkdir()
    fields = environment(
        SQLITE_PATH=str(tmp_path / "db.sqlite3"),
        DJANGO_SETTINGS_MODULE="recycling_settings",
        RECYCLES="yes",
        TMPDIR=str(tmp_path / "tmp"),
    )
    fields["PYTHONPATH"] = f"{tmp_path}:{fields['PYTHONPATH']}"
    prepare(fields)
    made: list[Server] = []

    def start(kind: str, *, recycles: bool = True) -> Server:
        made.append(Server(kind, {**fields, "RECYCLES": "yes" if recycles else "no"}, tmp_path))
        return made[-1].start()

    yield start
    for server in made:
        server.end()
        # Shown by pytest with a test that failed.
        sys.stderr.write(f"--- {server.kind} at {server.port}\n{server.text()}\n")


def row(server: Server) -> dict[str, Any]:
    """What the row of a server says; empty for no row. Read from the file: a shell of the site takes seconds."""
    assert server.process is not None
    with closing(sqlite3.connect(server.environment["SQLITE_PATH"], timeout=20)) as connection:
        connection.row_factory = sqlite3.Row
        query = "SELECT * FROM scriptapps_serverprocess WHERE pid = ?"
        found = connection.execute(query, [server.process.pid]).fetchone()
        return dict(found) if found is not None else {}


def ready(server: Server) -> str:
    """What the readiness address says; "" for no answer in time."""
    try:
        with urllib.request.urlopen(f"{server.url}/apps/-/ready/", timeout=NOWHERE) as answer:
            word: bytes = answer.read()
    except urllib.error.HTTPError as error:
        word = error.read()
    except (TimeoutError, urllib.error.URLError):
        return ""
    return word.decode().strip()


async def counted(person: Person) -> HeadlessViewer:
    """A page on which somebody has clicked once."""
    viewer = await person.open()
    await viewer.click(viewer.widget("Add"))
    await viewer.settled()
    assert "count 1" in viewer.texts()
    return viewer


async def listed(person: Person, server: Server) -> str:
    """The line of a server in the admin's list of server processes."""
    assert server.process is not None
    page = await asyncio.to_thread(person.browser.get, LIST)
    [table] = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    texts = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", line)).split()) for line in lines]
    return next((text for text in texts if f":{server.process.pid} " in text), "")


async def asked_to_drain(person: Person, server: Server) -> str:
    """Staff drain a server; the question that is asked first."""
    chosen = {"action": "drain", "_selected_action": str(row(server)["id"])}
    await asyncio.to_thread(person.browser.get, LIST)
    question = await person.post(LIST, **chosen)
    await person.post(LIST, **chosen, confirmed="yes")
    return " ".join(question.split())


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_server_that_cannot_go_on_leaves_and_its_sessions_stay(kind, start):
    server = start(kind)
    alice = await Person(server, "alice").sign_in()
    viewer = await counted(alice)
    for _ in range(2):
        hanging = await alice.open("")
        await hanging.click(hanging.widget("Hang"))
    assert await closed(viewer) == 4012
    assert server.process is not None
    assert server.process.wait(ENDS_WITHIN) == EXIT_CODE, server.text()
    assert "takes no new sessions: abandoned: 2 runs could not be stopped" in server.text()
    other = start("uvicorn")
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert "count 1" in again.texts()
    told = row(server)
    assert (told["state"], told["reason"], told["sessions"]) == ("ended", "abandoned", 0)


async def test_a_server_above_its_watermark_leaves_and_its_sessions_stay(start):
    server, other = start("uvicorn"), start("uvicorn")
    alice = await Person(server, "alice").sign_in()
    viewer = await counted(alice)
    await viewer.click(viewer.widget("Hoard"))
    assert await closed(viewer) == 4012
    assert server.process is not None
    assert server.process.wait(ENDS_WITHIN) == EXIT_CODE, server.text()
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert "count 1" in again.texts()
    told = row(server)
    assert (told["state"], told["reason"]) == ("ended", "memory")
    assert told["memory_bytes"] > 400_000_000


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_held_server_is_ended_and_its_row_says_what_held_it(kind, start):
    server, other = start(kind), start("uvicorn")
    alice = await Person(server, "alice").sign_in()
    admin = await Person(other, "admin").sign_in()
    viewer = await counted(alice)
    await until(lambda: row(server).get("sessions") == 1)
    await viewer.click(viewer.widget("Backtrack"))
    assert server.process is not None
    assert server.process.wait(ENDS_WITHIN) == 1, server.text()
    assert "in match" in server.text()
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert "count 1" in again.texts()
    # The other process of this host has looked into its file.
    await until(lambda: row(server)["reason"] == "held")
    first, _, rest = row(server)["dump"].partition("\n")
    assert re.fullmatch(r"(scriptapps-run-\d+|a script thread), in a run \(most recent call first\):", first)
    assert "scripts/page.py" in rest.partition("\n\n")[0]
    assert "gone held: a call held its interpreter" in await listed(admin, server)


async def test_a_held_server_that_nobody_ends_is_not_ready_and_loses_its_sessions(start):
    server, other = start("uvicorn", recycles=False), start("uvicorn", recycles=False)
    alice = await Person(server, "alice").sign_in()
    viewer = await counted(alice)
    assert (ready(server), ready(other)) == ("ok", "ok")
    await viewer.click(viewer.widget("Backtrack"))
    # It cannot even answer: a balancer counts that as not ready.
    await until(lambda: not ready(server))
    await until(lambda: row(server)["reason"] == "held")
    assert "scripts/page.py" in row(server)["dump"]
    # Its process lives, so the session is free only when its lease has run out.
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert "count 1" in again.texts()
    server.kill()
    await until(lambda: "is gone: a call held its interpreter" in other.text())


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_staff_drain_a_server_from_another_one(kind, start):
    server, other = start(kind), start("uvicorn")
    alice, admin = await Person(server, "alice").sign_in(), await Person(other, "admin").sign_in()
    viewer = await counted(alice)
    # A node is made by the first question.
    assert ready(other) == "ok"
    await until(lambda: row(server).get("sessions") == 1 and row(other))
    question = await asked_to_drain(admin, server)
    assert "1 session moves to another process. It is 1 person's." in question
    assert "1 other server process is ready to take over" in question
    assert await closed(viewer) == 4012
    assert server.process is not None
    assert server.process.wait(ENDS_WITHIN) == EXIT_CODE, server.text()
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert "count 1" in again.texts()
    assert row(server)["state"] == "ended"
    assert other.run(LOGGED) == "Asked to drain; concerns 1 sessions of 1 people."


async def test_a_drained_server_that_nobody_would_start_again_stays_and_stays_drained(start):
    server = start("runserver", recycles=False)
    alice, admin = await Person(server, "alice").sign_in(), await Person(server, "admin").sign_in()
    viewer = await counted(alice)
    await until(lambda: row(server).get("sessions") == 1)
    question = await asked_to_drain(admin, server)
    assert "Nobody takes over: no other server process is ready." in question
    assert "does not end by itself: it stays drained until somebody starts it again" in question
    assert await closed(viewer) == 4012
    assert ready(server) == "draining"
    drained = row(server)
    # The site itself goes on, and so does the row.
    await until(lambda: row(server)["beat"] > drained["beat"])
    assert "draining asked for by staff" in await listed(admin, server)
    assert server.terminate() == 0
    assert row(server)["state"] == "ended"


@pytest.mark.postgres
@pytest.mark.redis
async def test_a_shell_beside_two_servers_drains_one(cluster):
    server, other = cluster("uvicorn"), cluster("daphne")
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    assert server.process is not None
    assert server.run(DRAIN.format(pid=server.process.pid)) == "1"
    assert await closed(viewer) == 4012
    assert ready(server) == "draining"
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert again.widget("Name").value == "Ada"
