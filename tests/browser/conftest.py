"""Fixtures of the browser tests: a real server, a real Chromium, and people who sign in.

Runs on: pytest. Invariant: every visitor's complaints (see visitor.py) fail the test that caused them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from tests.browser.site_server import SiteServer
from tests.browser.visitor import Visitor
from tests.conftest import CHROMIUM

HERE = Path(__file__).resolve().parent
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
Visit = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteServer]:
    """The demo site on a port of its own; a test puts scripts of its own beside the demo's with `site.script`."""
    server = SiteServer(tmp_path_factory.mktemp("site"))
    server.prepare()
    server.start()
    yield server
    server.stop()


# Playwright keeps an event loop running in this thread while it is on, which tests of other folders must not meet.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module of tests."""
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def cookies() -> dict[str, StorageState]:
    """What signing in left in the browser, by account: most tests need not do it again."""
    return {}


@pytest.fixture
def visit(browser: Browser, site: SiteServer, cookies: dict[str, StorageState]) -> Iterator[Visit]:
    """`visit("alice")` is a browser in which she is signed in, `visit()` one of somebody unknown.

    With `fresh=True` the sign-in is not shared with other tests; other options are those of a browser context.
    """
    visitors: list[Visitor] = []

    def come(name: str = "", *, fresh: bool = False, **options: Any) -> Visitor:
        state = None if fresh else cookies.get(name)
        visitor = Visitor(browser, site.url, storage_state=state, **options)
        visitors.append(visitor)
        if name and state is None:
            visitor.sign_in(name)
            if not fresh:
                cookies[name] = visitor.context.storage_state()
        return visitor

    yield come
    complaints = [complaint for visitor in visitors for complaint in visitor.unexpected()]
    for visitor in visitors:
        visitor.context.close()
    assert not complaints, "\n".join(complaints)
