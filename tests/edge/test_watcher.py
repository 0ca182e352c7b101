"""Saving a script: open pages run again, once, whatever way the editor saves; what does not compile changes no page."""

import os
import threading
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import autoreload

from scriptapps import watcher
from scriptapps.node import ServerNode, get_node
from scriptapps.runtime import modules
from scriptapps.runtime.run_queue import RerunRequest
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = "from scriptapps import st\nst.session_state.setdefault('runs', 0)\nst.session_state.runs += 1\n"


def shows(text: str, extra: str = "") -> str:
    return f"{SCRIPT}{extra}st.text('{text}')\n"


@pytest.fixture
async def browser(site: Site, alice: User, settings):
    settings.DEBUG = True
    site.folder.write("page.py", shows("one"))
    yield await site.browser(alice)
    await site.leave()


def watching(node: ServerNode) -> watcher.SourceWatcher:
    return watcher._watchers[node]


class Saves:
    """Counts the changes that the watcher acts on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[set[str]] = []
        files_changed = watcher.SourceWatcher.files_changed

        def counting(own, paths):
            if paths:
                self.seen.append({path.name for path in paths})
            files_changed(own, paths)

        monkeypatch.setattr(watcher.SourceWatcher, "files_changed", counting)


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> Saves:
    return Saves(monkeypatch)


def replace_atomically(path: Path, text: str) -> None:
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text)
    os.replace(fresh, path)


def by_vim(path: Path, text: str) -> None:
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


@pytest.mark.parametrize(
    "save", [pytest.param(Path.write_text, id="in place"), replace_atomically, by_vim], ids=lambda save: save.__name__
)
async def test_a_save_runs_open_pages_again_once(site: Site, browser: Browser, saves: Saves, save):
    viewer = await browser.open()
    save(site.folder.path / "page.py", shows("two"))
    await viewer.until(lambda: viewer.texts() == ["two"])
    await viewer.settled()
    assert saves.seen == [{"page.py"}]
    assert site.session(viewer).runs == 2


async def test_a_save_in_pieces_runs_once(site: Site, browser: Browser, saves: Saves, monkeypatch):
    viewer = await browser.open()
    # Whatever the scheduler does between two pieces, they belong to one save here.
    monkeypatch.setattr(watcher, "SETTLE_SECONDS", 0.5)
    with (site.folder.path / "page.py").open("w") as file:
        for piece in shows("two").splitlines(keepends=True):
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    await viewer.until(lambda: viewer.texts() == ["two"])
    assert saves.seen == [{"page.py"}]


async def test_touching_a_file_runs_nothing(site: Site, browser: Browser, saves: Saves):
    viewer = await browser.open()
    (site.folder.path / "page.py").touch()
    site.folder.write("page.py", shows("one"))
    site.folder.write("page.py", shows("two"))
    await viewer.until(lambda: viewer.texts() == ["two"])
    await viewer.settled()
    assert saves.seen == [{"page.py"}]
    assert site.session(viewer).runs == 2


async def test_a_syntax_error_keeps_the_page_and_its_repair_goes_on(site: Site, browser: Browser):
    viewer = await browser.open()
    site.folder.write("page.py", "st.text('two'\n")
    await viewer.until(lambda: viewer.source_status.error)
    assert "page.py, line 1" in viewer.source_status.error
    assert "^" in viewer.source_status.error
    assert viewer.texts() == ["one"]
    assert site.session(viewer).runs == 1
    # Asked for by hand it does not run either, and the page stays.
    await viewer.send(event=True, rerun={})
    await viewer.settled()
    assert viewer.texts() == ["one"]
    site.folder.write("page.py", shows("two"))
    await viewer.until(lambda: viewer.texts() == ["two"] and not viewer.source_status.error)
    assert not viewer.source_status.changed


async def test_going_back_to_the_old_text_is_a_repair_too(site: Site, browser: Browser):
    viewer = await browser.open()
    site.folder.write("page.py", "st.text('two'\n")
    await viewer.until(lambda: viewer.source_status.error)
    site.folder.write("page.py", shows("one"))
    await viewer.until(lambda: not viewer.source_status.error)
    await viewer.settled()
    assert viewer.texts() == ["one"]


async def test_a_mistake_that_was_undone_before_it_was_noticed(site: Site, browser: Browser, monkeypatch):
    """A run met it, the watcher did not: it sees a file that is as it always was."""
    viewer = await browser.open()
    file = site.folder.path / "page.py"
    monkeypatch.setattr(watcher, "SETTLE_SECONDS", 60)
    file.write_text("this is no Python")
    site.session(viewer).request_rerun(RerunRequest("test"))
    await viewer.until(lambda: viewer.source_status.error)
    monkeypatch.setattr(watcher, "SETTLE_SECONDS", 0.05)
    file.write_text(shows("one"))
    await viewer.until(lambda: not viewer.source_status.error)
    assert viewer.texts() == ["one"]


async def test_a_module_beside_the_script_counts_with_those_that_import_it(site: Site, browser: Browser):
    site.folder.write("watched_inner.py", "VALUE = 'one'\n")
    site.folder.write("watched_outer.py", "from watched_inner import VALUE\n")
    site.folder.write("page.py", f"from watched_outer import VALUE\n{SCRIPT}st.text(VALUE)\n")
    site.folder.write("other.py", shows("other"))
    viewer, other = await browser.open(), await browser.open("other")
    assert viewer.texts() == ["one"]
    site.folder.write("watched_inner.py", "VALUE = 'two'\n")
    await viewer.until(lambda: viewer.texts() == ["two"])
    assert site.session(other).runs == 1


async def test_a_broken_module_keeps_the_page(site: Site, browser: Browser):
    site.folder.write("watched_broken.py", "VALUE = 'one'\n")
    site.folder.write("page.py", f"from watched_broken import VALUE\n{SCRIPT}st.text(VALUE)\n")
    viewer = await browser.open()
    site.folder.write("watched_broken.py", "VALUE = (\n")
    await viewer.until(lambda: viewer.source_status.error)
    assert "watched_broken.py" in viewer.source_status.error
    assert viewer.texts() == ["one"]
    site.folder.write("watched_broken.py", "VALUE = 'two'\n")
    await viewer.until(lambda: viewer.texts() == ["two"])


async def test_a_module_that_was_missing_is_found(site: Site, browser: Browser):
    site.folder.write("page.py", f"from watched_missing import VALUE\n{SCRIPT}st.text(VALUE)\n")
    viewer = await browser.open()
    assert viewer.find("exception")
    site.folder.write("watched_missing.py", "VALUE = 'there'\n")
    await viewer.until(lambda: viewer.texts() == ["there"])


async def test_an_endless_run_of_the_page_makes_room_for_the_changed_module(site: Site, browser: Browser, monkeypatch):
    # Nobody helps by waiting less: the run itself has to give way.
    monkeypatch.setattr(modules, "EXCLUSIVE_WAIT", 1e6)
    site.folder.write("watched_live.py", "VALUE = 'one'\nDONE = False\n")
    site.folder.write(
        "page.py",
        "import time\nfrom watched_live import VALUE, DONE\n"
        f"{SCRIPT}st.text(VALUE)\nwhile not DONE:\n    time.sleep(1000)\n",
    )
    viewer = await browser.open(settle=False)
    await viewer.until(lambda: viewer.texts() == ["one"])
    site.folder.write("watched_live.py", "VALUE = 'two'\nDONE = True\n")
    await viewer.until(lambda: viewer.texts() == ["two"] and not viewer.running)


async def test_saving_a_script_does_not_wait_for_runs_of_others(site: Site, browser: Browser, monkeypatch):
    monkeypatch.setattr(modules, "EXCLUSIVE_WAIT", 1e6)
    site.folder.write("busy.py", f"import time\n{SCRIPT}st.text('busy')\ntime.sleep(1000)\n")
    busy = await browser.open("busy", settle=False)
    await busy.until(lambda: busy.texts() == ["busy"])
    viewer = await browser.open()
    site.folder.write("page.py", shows("two"))
    await viewer.until(lambda: viewer.texts() == ["two"])


@pytest.mark.parametrize("by", ["settings", "viewer"])
async def test_without_run_on_save_the_page_says_that_the_source_changed(site: Site, browser: Browser, settings, by):
    if by == "settings":
        settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "RUN_ON_SAVE": False}
    viewer = await browser.open()
    assert viewer.welcome.run_on_save is (by == "viewer")
    if by == "viewer":
        await viewer.send(event=True, set_run_on_save={"enabled": False})
        await viewer.until(lambda: viewer.acked == 1)
    site.folder.write("page.py", shows("two"))
    await viewer.until(lambda: viewer.source_status.changed)
    assert viewer.texts() == ["one"]
    assert site.session(viewer).runs == 1
    await viewer.send(event=True, rerun={})
    await viewer.until(lambda: viewer.texts() == ["two"] and not viewer.source_status.changed)


async def test_nothing_is_watched_in_production(site: Site, alice: User, settings):
    settings.DEBUG = False
    viewer: Viewer = await (await site.browser(alice)).open()
    assert get_node() not in watcher._watchers
    assert not viewer.welcome.run_on_save
    await site.leave()


async def test_the_watcher_ends_with_its_node(site: Site, browser: Browser):
    await browser.open()
    own = watching(site.node)
    await site.leave()
    watcher._node_stopped(None, site.node)
    names = {thread.name for thread in threading.enumerate()}
    assert not own._thread.is_alive()
    assert "scriptapps-watcher" not in names


# -- runserver ---------------------------------------------------------------------------------------------------------


def asked(path: Path) -> bool:
    return any(answer for _, answer in autoreload.file_changed.send(sender=None, file_path=path))


def test_runserver_does_not_restart_for_scripts_and_modules_beside_them(site: Site):
    assert asked(site.folder.write("page.py", ""))
    assert asked(site.folder.write("_helpers.py", ""))
    assert asked(site.folder.write("package/inner.py", ""))


def test_runserver_restarts_for_everything_else(site: Site, tmp_path: Path):
    assert not asked(tmp_path / "models.py")
    assert not asked(Path(watcher.__file__))
