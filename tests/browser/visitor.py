"""Visitor: one person's browser with its tabs, and Wire: what came over a tab's websockets.

Runs on: the tests' thread. Invariant: whatever a person would call broken - an error in the console, a refused style or
script, a request that leaves the site - is written down and fails the test at its end, unless the test said so before.
"""

import re
import time
import zlib
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket, expect

from scriptapps.protocol.schema import ClientMessage, Delta, ServerMessage

# Chromium reports what a policy refused through this event, also where it prints nothing.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


class Visitor:
    """A browser profile of its own. `open` gives tabs; `allowed` holds patterns of complaints the test expects."""

    def __init__(self, browser: Browser, site: str, **options: Any) -> None:
        self.site = site
        self.allowed: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self.context: BrowserContext = browser.new_context(base_url=site, locale="en-GB", **options)
        self.context.set_default_timeout(15_000)
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.on("page", self._watch)

    def sign_in(self, name: str) -> None:
        """Through the site's own form; the demo accounts' passwords are their names."""
        page = self.tab("/accounts/login/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(name)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile(r"/apps/$"))
        page.close()

    def tab(self, address: str = "") -> Page:
        """A new tab at this address of the site."""
        page = self.context.new_page()
        if address:
            page.goto(address)
        return page

    def open(self, slug: str) -> Page:
        """A new tab with this script app; its first run is over."""
        page = self.tab(f"/apps/{slug}/")
        run_is_over(page)
        return page

    def unexpected(self) -> list[str]:
        """The complaints that no pattern of `allowed` covers."""
        return [line for line in self.complaints if not any(re.search(pattern, line) for pattern in self.allowed)]

    def _watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or (message.type == "warning" and message.text.startswith("scriptapps:")):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((self.site, self.site.replace("http", "ws", 1), "data:", "blob:", "about:")):
            self.complaints.append(f"a request leaves the site: {request.url}")


class Wire:
    """Every message of a tab's websockets, both ways. To be made before the tab goes to its address."""

    def __init__(self, page: Page) -> None:
        self.received: list[ServerMessage] = []
        self.sent: list[ClientMessage] = []
        self.sockets = 0
        page.on("websocket", self._opened)

    @property
    def runs(self) -> int:
        """How many runs have started."""
        return sum(message.HasField("run_started") for message in self.received)

    @property
    def finished(self) -> int:
        """How many runs have finished."""
        return sum(message.HasField("run_finished") for message in self.received)

    @property
    def deltas(self) -> list[Delta]:
        """All changes of the page tree so far."""
        return [delta for message in self.received for delta in message.deltas]

    @property
    def events(self) -> list[ClientMessage]:
        """The messages that carry widget events."""
        return [message for message in self.sent if message.WhichOneof("kind") == "widget_events"]

    def forget(self) -> None:
        """Start counting anew."""
        self.received.clear()
        self.sent.clear()

    def _opened(self, socket: WebSocket) -> None:
        self.sockets += 1
        socket.on("framereceived", self._took)
        socket.on("framesent", self._gave)

    def _gave(self, payload: bytes | str) -> None:
        assert isinstance(payload, bytes)
        self.sent.append(ClientMessage.FromString(payload))

    def _took(self, payload: bytes | str) -> None:
        assert isinstance(payload, bytes)
        message = ServerMessage.FromString(payload)
        if message.deflated:
            message = ServerMessage.FromString(zlib.decompress(message.deflated))
        self.received.append(message)


def run_is_over(page: Page) -> None:
    """Wait until the page shows the end of a run: content is there, and nothing says that it is running."""
    expect(page.locator("script-app .content")).to_be_visible()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)


def eventually(page: Page, holds: Callable[[], bool], what: str, seconds: float = 15) -> None:
    """Wait until `holds()`; `page` is a tab whose events keep coming in meanwhile."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:g} s: {what}"
        # A round trip to the browser lets its events in.
        page.evaluate("new Promise((done) => requestAnimationFrame(done))")


def choose(page: Page, item: str) -> None:
    """Choose an item of the page menu."""
    page.get_by_role("button", name="Page menu").click()
    page.get_by_role("menu").get_by_text(item, exact=True).click()


def metric(page: Page, label: str) -> Locator:
    """The group in which a metric stands."""
    return page.get_by_role("group", name=label, exact=True)
