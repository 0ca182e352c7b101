"""A server process writes its own row, and does what staff ask of it; the admin tells of it what is true now."""

import asyncio
import html
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from scriptapps import lease, stacks
from scriptapps.admin_nodes import age, count_processes
from scriptapps.models import ScriptApp, ScriptSession, ServerProcess
from scriptapps.node import stop_node
from scriptapps.node_record import NodeRecord, versions
from scriptapps.stacks import StackFile, left_by_others
from scriptapps.sweep import sweep
from tests.live import Browser, Site, SocketClosed

LIST = "/admin/scriptapps/serverprocess/"
DAY = 86_400


@pytest.fixture
def make(db: None) -> Any:
    def make(name: str = "web-1", *, beat: float = 0, **fields: Any) -> ServerProcess:
        """A process whose last beat was so many seconds ago."""
        known = {"host": name, "pid": 7, "run_workers": 8, "recycles": True, **fields}
        moment = timezone.now() - timedelta(seconds=beat)
        return ServerProcess.objects.create(name=f"{name}:7:1", beat=moment, **known)

    return make


@pytest.fixture
def root(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


@pytest.fixture
def helper(staff: User) -> Client:
    """Staff who may look at processes, nothing else."""
    staff.user_permissions.add(Permission.objects.get(codename="view_serverprocess"))
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def sessions(db: None) -> Any:
    def sessions(process: ServerProcess, *users: User | None, **fields: Any) -> None:
        """A session of each of these in the process; None for somebody anonymous."""
        app = ScriptApp.objects.get_or_create(slug="orders")[0]
        for number, user in enumerate(users):
            binding = "" if user else str(number)
            ScriptSession.objects.create(script_app=app, user=user, node=process.name, binding=binding, **fields)

    return sessions


def shown(response: Any) -> str:
    """The text of a page."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return " ".join(text.split())


def rows(client: Client, query: str = "") -> list[str]:
    """The lines of the list."""
    text = client.get(LIST + query).content.decode()
    table = re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL)
    lines = re.findall(r"<tr>(.*?)</tr>", table[0], re.DOTALL) if table else []
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", line)).split()) for line in lines]


# -- what is true now ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "liveness"),
    [
        ({}, "ready"),
        ({"state": "not_ready", "reason": "memory"}, "not_ready"),
        ({"state": "draining"}, "draining"),
        ({"drain_wanted": True}, "draining"),
        ({"beat": 60}, "gone"),
        ({"state": "not_ready", "beat": 60}, "gone"),
        ({"ended_at": timezone.now()}, "gone"),
        ({"state": "ended", "ended_at": timezone.now(), "beat": 60}, "ended"),
    ],
)
def test_liveness_is_derived_from_the_beat(make, fields, liveness):
    process = make(**fields)
    assert process.liveness == liveness
    found = {
        "live": ServerProcess.objects.live().exists(),
        "gone": ServerProcess.objects.gone().exists(),
        "ended": ServerProcess.objects.ended().exists(),
    }
    kind = liveness if liveness in found else "live"
    assert found == {name: name == kind for name in found}
    assert process.is_live is (kind == "live")
    assert count_processes() == {
        name: int(name == liveness) for name in ("ready", "not_ready", "draining", "gone", "ended")
    }


def test_only_the_living_are_asked_to_drain(make):
    here, gone = make("web-1"), make("web-2", beat=60)
    assert ServerProcess.objects.drain() == 1
    here.refresh_from_db()
    gone.refresh_from_db()
    assert (here.drain_wanted, gone.drain_wanted) == (True, False)


def test_rows_of_what_is_long_gone_are_swept(make, settings):
    settings.SCRIPTAPPS = {"CLOSED_ROWS_SECONDS": DAY}
    make("web-1")
    make("web-2", beat=DAY - 60)
    make("web-3", beat=DAY + 60)
    make("web-4", beat=DAY + 60, state="ended")
    assert sweep(dry_run=True).processes == 2
    assert sweep().processes == 2
    assert [process.host for process in ServerProcess.objects.all()] == ["web-1", "web-2"]


# -- the row of this process -----------------------------------------------------------------------------------------


@pytest.fixture
async def browser(site: Site, alice: User) -> Browser:
    return await site.browser(alice)


def this() -> ServerProcess | None:
    """The row of this process."""
    return ServerProcess.objects.filter(name=lease.node_name()).first()


async def test_a_process_tells_of_itself(site: Site, browser: Browser):
    viewer = await browser.open()
    await site.until(lambda: (row := this()) is not None and row.viewers == 1)
    row = await sync_to_async(this)()
    assert row is not None
    assert (row.state, row.reason, row.sessions, row.recycles) == ("ready", "", 1, True)
    assert (row.pid, row.run_workers, row.runs_now, row.abandoned) == (os.getpid(), 8, 0, 0)
    assert row.threads >= 4
    assert (row.memory_bytes or 0) > 20_000_000
    assert row.versions == versions()
    assert row.versions["server"].startswith("pytest")
    # The loop that serves sockets is known once a socket has come.
    await site.until(lambda: (row := this()) is not None and row.loop_lag_ms is not None)
    await viewer.leave()


async def test_one_update_for_each_beat(site: Site, browser: Browser, django_assert_num_queries):
    await browser.open()
    await site.until(this)
    record = site.node.beat.record

    def write() -> None:
        with django_assert_num_queries(1):
            record.write()

    await sync_to_async(write)()


async def test_a_row_that_was_taken_away_comes_back(site: Site, browser: Browser):
    await browser.open()
    await site.until(this)
    await ServerProcess.objects.all().adelete()
    await site.until(this)


async def test_why_a_process_takes_nothing(site: Site, browser: Browser):
    await browser.open()
    dog = site.node.watchdog
    dog.reason, dog.explanation = "memory", "900 MB resident, above 800 MB"
    await site.until(lambda: (row := this()) is not None and row.state == "not_ready")
    row = await sync_to_async(this)()
    assert row is not None
    assert (row.reason, row.reason_text) == ("memory", "900 MB resident, above 800 MB")
    dog.held, dog.held_at = "MainThread:\n  File", timezone.now()
    await site.until(lambda: (row := this()) is not None and row.dump == "MainThread:\n  File")


async def test_a_node_that_ends_says_goodbye(site: Site, browser: Browser):
    await browser.open()
    await site.until(this)
    await sync_to_async(stop_node)(0)
    row = await sync_to_async(this)()
    assert row is not None
    assert (row.liveness, row.sessions, row.ended_at is None) == ("ended", 0, False)


async def test_a_goodbye_that_cannot_be_written_stops_nothing(site: Site, browser: Browser, monkeypatch):
    await browser.open()
    await site.until(this)
    said: list[str] = []
    monkeypatch.setattr("scriptapps.node_record.logger.warning", lambda text, *values: said.append(text % values))
    monkeypatch.setattr("scriptapps.node_record.STATE", None)
    await sync_to_async(site.node.beat.record.end)()
    await sync_to_async(site.node.beat.record.end)()
    assert len(said) == 1
    assert "ends without a word in its row" in said[0]


# -- draining --------------------------------------------------------------------------------------------------------


async def test_a_process_that_is_asked_to_drain_drains_and_stays(site: Site, browser: Browser, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "RECYCLE": False}
    viewer = await browser.open()
    await site.until(this)
    node = site.node
    assert await ServerProcess.objects.adrain() == 1
    with pytest.raises(SocketClosed, match="4012"):
        await viewer.until(lambda: False)
    assert node.reason_not_ready == "draining"
    assert not node.admits("")
    await site.until(lambda: ScriptSession.objects.get().node == "")
    beat = (await sync_to_async(this)()).beat  # type: ignore[union-attr]
    # Still there, and still saying so.
    await site.until(lambda: (row := this()) is not None and row.beat > beat)
    row = await sync_to_async(this)()
    assert row is not None
    assert (row.liveness, row.state) == ("draining", "draining")
    await sync_to_async(stop_node)(0)
    row = await sync_to_async(this)()
    assert row is not None
    assert row.liveness == "ended"


async def test_a_process_that_recycles_leaves_once_it_has_drained(site: Site, browser: Browser, settings, monkeypatch):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "RECYCLE": True}
    await browser.open()
    await site.until(this)
    left = threading.Event()
    monkeypatch.setattr(site.node.watchdog, "leave", left.set)
    # A hint that was lost: only the row says it.
    await ServerProcess.objects.aupdate(drain_wanted=True)
    assert await asyncio.to_thread(left.wait, 20)


async def test_a_request_that_is_rolled_back_drains_nothing(site: Site, browser: Browser):
    await browser.open()
    await site.until(this)

    def ask_and_fail() -> None:
        with transaction.atomic():
            assert ServerProcess.objects.drain() == 1
            transaction.set_rollback(True)

    await sync_to_async(ask_and_fail)()
    await sync_to_async(site.node.beat.record.write)()
    assert not site.node.draining


# -- what held it ----------------------------------------------------------------------------------------------------

HOLD = """
import os, sys, threading, time
from scriptapps.lease import node_name
from scriptapps.stacks import StackFile

file = StackFile(node_name())
file.open()

def run_once():
    file.arm(0.01, {threading.get_ident(): "scriptapps-run-1"})
    print(node_name(), flush=True)
    # Nothing of Python is needed for the alarm.
    while not file.take():
        pass
    sys.stdin.read()

run_once()
"""


@pytest.fixture
def folder_of_stacks(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"scriptapps-{os.getuid()}"


@pytest.fixture
def held(folder_of_stacks: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose file has stacks."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import django\ndjango.setup()\n{HOLD}"],
        env={**os.environ, "TMPDIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "project.settings"},
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def record(monkeypatch) -> NodeRecord:
    """The record of a node that is not there."""
    return NodeRecord(type("Node", (), {"name": "web-1", "pid": os.getpid()})())


@pytest.mark.django_db(transaction=True)
def test_what_held_a_process_is_found_by_its_neighbours(held, folder_of_stacks, record):
    name = name_of(held)
    process = ServerProcess.objects.create(name=name, host="here", pid=held.pid, beat=timezone.now() - timedelta(60))
    wait_for_stacks(name)
    record.collect()
    process.refresh_from_db()
    assert (process.reason, process.liveness) == ("held", "gone")
    assert process.dump.startswith("scriptapps-run-1, in a run (most recent call first):\n")
    assert "in run_once" in process.dump
    assert process.dump_at is not None
    assert process.ended_at is None
    held.kill()
    held.wait()
    record.collect()
    process.refresh_from_db()
    assert (process.reason, process.ended_at is None) == ("held", False)
    assert not list(folder_of_stacks.iterdir())


@pytest.mark.django_db(transaction=True)
def test_a_process_that_was_killed_is_found_dead(held, folder_of_stacks, record):
    name = name_of(held)
    held.kill()
    held.wait()
    (folder_of_stacks / f"{name}.stacks").write_bytes(b"0x1 MainThread\n")
    process = ServerProcess.objects.create(name=name, host="here", pid=held.pid)
    assert process.is_live
    record.collect()
    process.refresh_from_db()
    assert (process.liveness, process.reason) == ("gone", "killed")
    assert not list(folder_of_stacks.iterdir())


@pytest.mark.django_db(transaction=True)
def test_files_of_other_sites_are_left_alone_for_a_day(folder_of_stacks, record, django_assert_num_queries):
    folder_of_stacks.mkdir(mode=0o700)
    host = lease.node_name().partition(":")[0]
    fresh, old = folder_of_stacks / f"{host}:999999:1.stacks", folder_of_stacks / f"{host}:999999:2.stacks"
    fresh.touch()
    old.touch()
    os.utime(old, (0, 0))
    with django_assert_num_queries(1):
        record.collect()
        # What was seen already costs nothing.
        record.collect()
    assert list(folder_of_stacks.iterdir()) == [fresh]


def wait_for_stacks(name: str) -> None:
    """Until the alarm has rung over there."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if any(found.node_name == name and found.read() for found in left_by_others("")):
            return
        # Another process writes, and tells nobody.
        time.sleep(0.01)
    raise AssertionError(f"{name} has written nothing")


def test_a_file_is_armed_taken_and_closed(folder_of_stacks):
    file = StackFile("web-1")
    file.open()
    [path] = folder_of_stacks.iterdir()
    assert path.stat().st_mode & 0o077 == 0
    file.arm(60, {threading.get_ident(): "the one\nthread"})
    assert path.read_text() == f"0x{threading.get_ident():x} the one thread\n"
    assert file.take() == ""
    file.close()
    file.close()
    assert not path.exists()


def test_somebody_elses_alarm_is_left_alone(folder_of_stacks, monkeypatch):
    import signal

    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        file = StackFile("web-1")
        file.open()
        file.arm(0.001, {})
        assert not folder_of_stacks.exists()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        file.disarm()
        file.close()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung == []


def test_a_folder_that_others_may_write_to_is_not_used(folder_of_stacks, monkeypatch):
    folder_of_stacks.mkdir()
    folder_of_stacks.chmod(0o777)
    said: list[str] = []
    monkeypatch.setattr(stacks.logger, "warning", lambda text, *values: said.append(text % values))
    file = StackFile("web-1")
    file.open()
    file.arm(60, {})
    assert file.take() == ""
    assert "is not a folder of this user alone" in said[0]
    assert list(left_by_others("")) == []


def test_stacks_are_cut():
    content = b"".join(
        b'Thread 0x%016x (most recent call first):\n  File "x.py", line 1 in f\n\n' % number for number in range(1000)
    )
    text = stacks._tidy(content)
    assert len(text) == stacks.CAP + 2
    assert text.endswith("\n…")


# -- the admin -------------------------------------------------------------------------------------------------------


def test_the_list(root, make):
    make(
        "web-1",
        sessions=12,
        viewers=9,
        runs_now=3,
        runs_waiting=2,
        abandoned=1,
        threads=31,
        memory_bytes=200_000_000,
        loop_lag_ms=3.6,
        versions={"python": "3.13.1", "django": "5.2.1", "scriptapps": "0.1.0", "server": "uvicorn 0.35.0"},
    )
    make("web-2", state="not_ready", reason="memory", reason_text="900 MB resident, above 800 MB")
    make("web-3", beat=3_700)
    make("web-4", state="draining", reason="draining")
    [first, second, third, fourth] = rows(root)
    numbers = r"12 3 / 8 \+ 2 waiting \+ 1 given up 31 190\.\d MB 4 ms"
    assert re.match(rf"web-1:7 ready \d+ s ago {numbers} ", first)
    assert first.endswith("scriptapps 0.1.0, Django 5.2.1, Python 3.13.1, uvicorn 0.35.0")
    assert second.startswith("web-2:7 not ready memory: 900 MB resident, above 800 MB")
    assert third.startswith("web-3:7 gone went silent 1 h ago")
    assert fourth.startswith("web-4:7 draining told to end")
    assert "1 ready · 1 not ready · 1 draining · 1 gone · 0 ended" in shown(root.get(LIST))


def test_the_list_leads_to_the_sessions_of_a_process(root, make, sessions, alice):
    process = make(sessions=1)
    sessions(process, alice)
    [link] = re.findall(
        r'href="(/admin/scriptapps/scriptsession/[^"]*)"', root.get(LIST + "?now=all").content.decode()
    )[-1:]
    assert "alice" in shown(root.get(html.unescape(link)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["web-1", "web-2"]),
        ("?now=live", ["web-1"]),
        ("?now=gone", ["web-2", "web-3"]),
        ("?now=ended", ["web-4"]),
        ("?now=all", ["web-1", "web-2", "web-3", "web-4"]),
        ("?q=web-2", ["web-2"]),
    ],
)
def test_filters(root, make, query, expected):
    make("web-1")
    make("web-2", beat=3_600)
    make("web-3", beat=2 * DAY)
    make("web-4", state="ended")
    assert [line.partition(":")[0] for line in rows(root, query)] == expected


def test_the_list_asks_few_questions(root, make, django_assert_max_num_queries):
    for number in range(20):
        make(f"web-{number}")
    with django_assert_max_num_queries(7):
        assert len(rows(root)) == 20


def test_the_detail_page_shows_what_held_it(root, make):
    process = make(dump="scriptapps-run-3, in a run (most recent call first):\n  File <x>", dump_at=timezone.now())
    text = root.get(f"{LIST}{process.pk}/change/").content.decode()
    assert "(most recent call first):\n  File &lt;x&gt;</pre>" in text
    assert f'href="{LIST}{process.pk}/drain/"' in text


def test_nothing_is_added_edited_or_deleted(root, make):
    process = make()
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(f"{LIST}{process.pk}/change/", {"host": "other"}).status_code == 403
    assert root.post(f"{LIST}{process.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Permission.objects.filter(codename__endswith="_serverprocess").count() == 2


def test_draining_is_confirmed_counted_and_logged(
    root, make, sessions, alice, superuser, django_capture_on_commit_callbacks
):
    process, other = make("web-1"), make("web-2")
    sessions(process, alice, alice, superuser, None, None)
    sessions(process, alice, state="closed")
    sessions(other, alice)
    question = root.post(LIST, {"action": "drain", "_selected_action": [process.pk]})
    text = shown(question)
    assert "web-1:7: 5 sessions move to other processes. They are 4 people's." in text
    assert "1 other server process is ready to take over." in text
    assert "web-1:7 then ends, for its supervisor to start another." in text
    assert "Nobody takes over" not in text
    process.refresh_from_db()
    assert not process.drain_wanted
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', question.content.decode()))
    done = root.post(LIST, fields, follow=True)
    assert "1 server process was asked to drain." in shown(done)
    process.refresh_from_db()
    assert process.drain_wanted
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Asked to drain; concerns 5 sessions of 4 people."
    assert (entry.user, entry.object_id) == (superuser, str(process.pk))
    assert rows(root)[0].startswith("web-1:7 draining asked for by staff")


def test_where_nobody_takes_over_the_question_says_so(root, make):
    process = make(recycles=False)
    make("web-2", state="not_ready")
    text = shown(root.get(f"{LIST}{process.pk}/drain/"))
    assert "Nobody takes over: no other server process is ready." in text
    assert "it stays drained until somebody starts it again" in text
    assert "web-1:7: no session lives there." in text


def test_what_does_not_live_is_not_drained(root, make):
    process = make(beat=60)
    asked = {"action": "drain", "_selected_action": [process.pk]}
    assert "None of the selected server processes lives any more." in shown(root.post(LIST, asked))
    assert "1 server process does not live." in shown(root.post(LIST, {**asked, "confirmed": "yes"}, follow=True))
    assert not LogEntry.objects.exists()


def test_draining_needs_its_own_permission(helper, staff, make):
    process = make()
    asked = {"action": "drain", "_selected_action": [process.pk], "confirmed": "yes"}
    assert rows(helper)
    assert helper.get(f"{LIST}{process.pk}/drain/").status_code == 403
    assert "Drain" not in shown(helper.get(f"{LIST}{process.pk}/change/"))
    helper.post(LIST, asked)
    process.refresh_from_db()
    assert not process.drain_wanted
    staff.user_permissions.add(Permission.objects.get(codename="drain_serverprocess"))
    assert helper.get(f"{LIST}{process.pk}/drain/").status_code == 200
    helper.post(LIST, asked)
    process.refresh_from_db()
    assert process.drain_wanted


def test_staff_without_permission_see_nothing(staff, make):
    client = Client()
    client.force_login(staff)
    process = make(dump="secret")
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{process.pk}/change/").status_code == 403


def test_nothing_of_ours_is_inline(root, make):
    process = make(dump="x")
    for address in (LIST, f"{LIST}{process.pk}/change/", f"{LIST}{process.pk}/drain/"):
        text = root.get(address).content.decode()
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)(?![^>]*application/json)", text), address


def test_ages_are_short():
    assert [age(seconds) for seconds in (0, 59.4, 60, 3_599, 7_200, 180_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "59 min",
        "2 h",
        "2 d",
    ]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["/usr/bin/daphne", "x:y"], r"daphne \d+\.\d.*"),
        (["/venv/uvicorn/__main__.py", "x:y"], r"uvicorn \d+\.\d.*"),
        (["manage.py", "runserver"], r"runserver( \(daphne\))?"),
        (["manage.py", "shell"], "manage shell"),
        (["-c"], "python"),
        (["/srv/serve.py"], "serve"),
    ],
)
def test_what_a_process_was_started_with(monkeypatch, argv, expected):
    monkeypatch.setattr(sys, "argv", argv)
    assert re.fullmatch(expected, versions()["server"].replace("manage shell (daphne)", "manage shell"))
