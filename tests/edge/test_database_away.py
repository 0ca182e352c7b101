"""The database does not answer: what people see, what runs, and who is let in. Runs on: pytest, a live site.

How it is with a database that really goes away is in tests/faults.
"""

from __future__ import annotations

import time

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection

from scriptapps import access_watch, identity, kept_connections
from scriptapps.node import get_node
from scriptapps.protocol import schema
from scriptapps.registry import registry
from scriptapps.runtime.runner import NOT_SAVED, SAVED_AGAIN
from tests.live import Site

pytestmark = pytest.mark.django_db(transaction=True)

COUNTER = """
# access: signed-in
from scriptapps import st
st.session_state.setdefault("n", 0)
if st.button("Up"):
    st.session_state.n += 1
st.text(f"n={st.session_state.n}")
"""


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", COUNTER.lstrip())
    yield await site.browser(alice)
    await site.leave()


class Away:
    """Something that does not answer until ``is_back``."""

    def __init__(self, monkeypatch, target, name: str, error: type[Exception] = OperationalError) -> None:
        self.is_back, self.error, self.refused = False, error, 0
        original = getattr(target, name)

        def call(*args, **kwargs):
            if self.is_back:
                return original(*args, **kwargs)
            self.refused += 1
            raise self.error("the database does not answer")

        monkeypatch.setattr(target, name, call)


async def last_checked(site: Site, session, check: Away, seconds: float) -> None:
    """As if identities had last been checked so long ago; a check that was on its way has come home."""
    refused = check.refused
    await site.until(lambda: check.refused > refused)
    get_node().access._checked[session.session_id] = time.monotonic() - seconds


async def up(viewer, shown: int) -> None:
    runs = len(viewer.finished)
    await viewer.click(viewer.widget("Up"))
    await viewer.until(lambda: len(viewer.finished) > runs and f"n={shown}" in viewer.texts())


async def test_a_page_that_is_not_saved_says_so_once_and_says_when_it_is(site: Site, browser, monkeypatch):
    viewer = await browser.open()
    store = Away(monkeypatch, get_node().store, "commit")
    for number in (1, 2, 3):
        await up(viewer, number)
    assert [(error.code, error.message) for error in viewer.errors] == [("not_saved", NOT_SAVED)]
    assert viewer.unacked
    session = site.session(viewer)
    another = await browser.open(session=viewer.welcome.session_id)
    assert site.session(another) is session
    assert [error.code for error in another.errors] == ["not_saved"]
    store.is_back = True
    # The beat sees to it; nobody presses anything.
    await another.until(lambda: another.toasts)
    assert [toast.body_html for toast in another.toasts] == [SAVED_AGAIN]
    await up(another, 4)
    await another.settled()
    assert len(another.errors) == len(another.toasts) == 1
    later = await browser.open(session=viewer.welcome.session_id)
    assert not later.errors


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_runs_go_on_while_identities_cannot_be_checked(
    site: Site, browser, monkeypatch, settings, error: type[Exception]
):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "REVALIDATE_SECONDS": 0.5, "LEASE_SECONDS": 3600}
    viewer = await browser.open()
    check = Away(monkeypatch, access_watch, "revalidate", error)
    await last_checked(site, site.session(viewer), check, 60)
    await up(viewer, 1)
    await viewer.settled()
    assert not viewer.errors


async def test_a_process_that_is_cut_off_for_long_runs_nothing_more(site: Site, browser, monkeypatch, settings):
    viewer = await browser.open()
    check = Away(monkeypatch, access_watch, "revalidate")
    limit = settings.SCRIPTAPPS.get("REVALIDATE_SECONDS", 5) + settings.SCRIPTAPPS.get("LEASE_SECONDS", 30)
    await last_checked(site, site.session(viewer), check, limit + 1)
    runs = len(viewer.finished)
    await viewer.click(viewer.widget("Up"))
    await viewer.until(lambda: len(viewer.finished) > runs)
    assert viewer.finished[-1].message == access_watch.UNCHECKED
    assert "n=0" in viewer.texts()
    check.is_back = True
    await up(viewer, 1)


async def test_another_error_of_the_check_is_none_of_the_databases(site: Site, browser, monkeypatch):
    viewer = await browser.open()
    check = Away(monkeypatch, access_watch, "revalidate", ValueError)
    await last_checked(site, site.session(viewer), check, 60)
    await viewer.click(viewer.widget("Up"))
    await viewer.until(lambda: viewer.finished[-1].outcome == schema.Outcome.Value("FAILED"))


async def test_nobody_is_let_in_and_the_browser_asks_again(site: Site, browser, monkeypatch):
    attributes = await browser.page()
    loading = Away(monkeypatch, identity, "load_identity")
    assert (await browser.knock(token=attributes["token"])).refused == 503
    asking = Away(monkeypatch, registry, "script_app")
    answer = await sync_to_async(browser.client.get)("/apps/page/status/")
    assert answer.status_code == 503
    loading.is_back = asking.is_back = True
    assert (await browser.status())["state"] == "ok"
    assert (await browser.knock(token=attributes["token"])).refused is None


def test_a_connection_that_does_not_answer_is_given_up(monkeypatch):
    connection.ensure_connection()
    asked: list[bool] = []

    def is_usable() -> bool:
        asked.append(True)
        return len(asked) > 1

    monkeypatch.setattr(connection, "is_usable", is_usable)
    kept_connections.put_down()
    connection.errors_occurred = False
    kept_connections.freshen()
    assert not asked, "a connection that has just been used is not asked"
    connection.errors_occurred = True
    kept_connections.freshen()
    assert connection.connection is None
    connection.ensure_connection()
    connection.errors_occurred = True
    kept_connections.freshen()
    assert connection.connection is not None
    assert not connection.errors_occurred
