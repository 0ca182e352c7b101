"""The hot path: what changed is shown before it is stored, nothing is written for nothing, no query on the event loop.

Runs on: pytest; a live node with the real consumer. Invariant: every statement of every thread is seen where Django
hands it to the driver.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.core.exceptions import SynchronousOnlyOperation
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from scriptapps import consumers
from scriptapps.models import SavedSnapshot, ScriptSession, SessionValue
from scriptapps.protocol import schema
from scriptapps.runtime import outbox
from scriptapps.runtime.run_queue import RerunRequest
from tests.live import LIMIT, Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = """# access: signed-in
from scriptapps import st

st.session_state.setdefault("kept", {"a": [1, 2, 3]})
if st.button("Count"):
    st.session_state.n = st.session_state.get("n", 0) + 1
st.button("Idle")
name = st.text_input("Name", key="name")
st.text(f"{name} {st.session_state.get('n', 0)} {st.user.get_username()}")
"""
READS = ("SELECT", "PRAGMA", "BEGIN", "SAVEPOINT", "RELEASE")
STATE_COLUMNS = ("seqs", "state_keys", "state_bytes", "state_ref", "not_durable")
VALUES = SessionValue._meta.db_table


@dataclass(frozen=True)
class Statement:
    """What was sent to the database, and by which thread."""

    thread: int
    name: str
    sql: str

    @property
    def writes(self) -> bool:
        return not self.sql.lstrip().upper().startswith(READS)

    @property
    def writes_state(self) -> bool:
        """Of values, or of what the session's row says about them. The rest of that row is for the admin: written
        once a second at most, on a thread of its own, as is the lease.
        """
        return self.writes and (VALUES in self.sql or any(f'"{name}" =' in self.sql for name in STATE_COLUMNS))


@dataclass
class Statements:
    """Everything since the last ``clear``, of all threads."""

    seen: list[Statement] = field(default_factory=list)

    def note(self, sql: str) -> None:
        thread = threading.current_thread()
        self.seen.append(Statement(threading.get_ident(), thread.name, sql))

    def clear(self) -> None:
        self.seen.clear()

    @property
    def of_scripts(self) -> list[Statement]:
        return [each for each in self.seen if each.name.startswith("scriptapps-run")]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """Listens below Django's wrappers, to every connection of every thread."""
    found = Statements()

    def listen(owner: type, name: str, say: Any) -> None:
        original = getattr(owner, name)

        def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
            found.note(say(args))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, noting)

    for name in ("_execute", "_executemany"):
        listen(CursorWrapper, name, lambda args: str(args[0]))
    for name, sql in {"connect": "SELECT connect", "_commit": "BEGIN commit", "_rollback": "BEGIN rollback"}.items():
        listen(BaseDatabaseWrapper, name, lambda _, sql=sql: sql)
    return found


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", PAGE)
    yield await site.browser(alice)
    await site.leave()


async def stored(viewer: Viewer) -> Any:
    """Everything that is durable of the viewer's session."""

    def read() -> Any:
        values = SessionValue.objects.filter(session=UUID(viewer.session_id))
        row = ScriptSession.objects.filter(pk=viewer.session_id).values(*STATE_COLUMNS).get()
        return row, {(value.pk, value.space, value.name, bytes(value.payload)) for value in values}

    return await sync_to_async(read)()


def has_run(session: Any, times: int) -> bool:
    return bool(session.runs >= times and session.state_of_life == "idle")


async def run_again(site: Site, viewer: Viewer, times: int = 1) -> None:
    """Runs that nobody's event caused."""
    session = site.session(viewer)
    for _ in range(times):
        wanted = session.runs + 1
        session.request_rerun(RerunRequest("test"))
        await site.until(partial(has_run, session, wanted))


async def test_a_run_that_changed_no_state_writes_nothing(site: Site, browser: Browser, statements: Statements) -> None:
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.click(viewer.widget("Count"))
    await viewer.settled()
    assert any(each.writes_state for each in statements.of_scripts)
    before = await stored(viewer)
    # The row for the admin is up to date too, so whatever is written now is written for these runs.
    await site.until_row(viewer, state="idle", runs=site.session(viewer).runs)
    statements.clear()
    await run_again(site, viewer, 5)
    assert not [each for each in statements.of_scripts if each.writes]
    assert not [each for each in statements.seen if each.writes_state]
    assert await stored(viewer) == before
    assert viewer.texts() == ["Ada 1 alice"]


async def test_an_event_that_changes_no_value_writes_its_number_and_nothing_else(
    browser: Browser, statements: Statements
) -> None:
    viewer = await browser.open()
    await viewer.click(viewer.widget("Count"))
    await viewer.settled()
    row, values = await stored(viewer)
    statements.clear()
    await viewer.click(viewer.widget("Idle"))
    await viewer.settled()
    # Otherwise a click that was acknowledged could be done again by the next process.
    [update] = [each for each in statements.of_scripts if each.writes]
    assert '"seqs"' in update.sql
    assert VALUES not in update.sql
    now, values_now = await stored(viewer)
    assert now == row | {"seqs": {viewer.client_id: 2}}
    assert values_now == values


async def test_a_changed_value_writes_that_value_only(browser: Browser, statements: Statements) -> None:
    viewer = await browser.open()
    await viewer.settled()
    statements.clear()
    await viewer.click(viewer.widget("Count"))
    await viewer.settled()
    update, insert = [each for each in statements.of_scripts if each.writes]
    assert '"seqs"' in update.sql
    assert VALUES in insert.sql


async def test_what_changed_is_shown_before_it_is_stored(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = await browser.open()
    # Not by the tick after which changes leave in the middle of a run.
    for module in (outbox, consumers):
        monkeypatch.setattr(module, "TICK_SECONDS", 10 * LIMIT)
    seen, store = threading.Event(), site.node.store
    commit = store.commit

    def waiting(*args: Any) -> None:
        assert seen.wait(LIMIT), "the page did not change before the commit"
        commit(*args)

    monkeypatch.setattr(store, "commit", waiting)
    finished = len(viewer.finished)
    await viewer.click(viewer.widget("Count"))
    await viewer.until(lambda: viewer.texts() == ["1 alice"])
    assert viewer.acked == 0
    assert len(viewer.finished) == finished
    batches = viewer.batches
    seen.set()
    await viewer.settled()
    assert viewer.acked == 1
    assert viewer.batches == batches + 1
    assert (await stored(viewer))[0]["seqs"] == {viewer.client_id: 1}


async def ask(site: Site, path: str) -> int:
    """A GET request that is answered on the event loop; the status."""
    scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"host", b"testserver")]}
    communicator = ApplicationCommunicator(site.application, scope)
    await communicator.send_input({"type": "http.request"})
    answer = await communicator.receive_output(LIMIT)
    await communicator.wait(LIMIT)
    status: int = answer["status"]
    return status


async def test_the_event_loop_never_issues_a_query(
    site: Site, browser: Browser, staff: User, statements: Statements, settings: Any
) -> None:
    settings.DEBUG = True
    loop = threading.get_ident()
    # One life: opening, events of each kind, a reload, a copy, a refusal, an observer's end, closing.
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.click(viewer.widget("Count"))
    await viewer.send(event=True, rerun=schema.Rerun())
    await viewer.send(ping=schema.Ping(number=1))
    await viewer.send(request_snapshot=schema.RequestSnapshot())
    await viewer.send(event=True, set_run_on_save=schema.SetRunOnSave(enabled=False))
    await viewer.settled()
    await viewer.send(event=True, save_snapshot=schema.SaveSnapshot(title="Kept"))
    await viewer.until(lambda: viewer.saved is not None)
    await viewer.send(stop=schema.Stop())
    await viewer.send(event=True, clear_cache=schema.ClearCache())
    await viewer.settled()
    again = await browser.open(session=viewer.session_id)
    assert await viewer.socket.closed() == 4009
    assert (await browser.knock(token="wrong")).refused == 403
    other = await (await site.browser(staff)).open()
    site.node.close(site.session(other), 4001, "closed by staff")
    assert await other.socket.closed() == 4001
    assert [await ask(site, f"/apps/-/{name}/") for name in ("healthz", "ready")] == [200, 200]
    await again.click(again.widget("Count"))
    await again.settled()
    await again.send(close=schema.Close())
    assert await again.socket.closed() == 4001
    await site.until_row(again, state="closed")
    assert await sync_to_async(SavedSnapshot.objects.count)() == 1

    assert not [each for each in statements.seen if each.thread == loop]
    # It was listened to the right places: the executor's threads, script threads, and those that write rows and beat.
    names = {each.name.rstrip("0123456789_-") for each in statements.seen}
    assert {"scriptapps-db", "scriptapps-run", "scriptapps-rows", "scriptapps-beat"} <= names
    # Were there a query, Django would refuse it; that is not switched off here.
    with pytest.raises(SynchronousOnlyOperation):
        ScriptSession.objects.count()
