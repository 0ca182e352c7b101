"""A live site in the test's own process: real node, real consumer, real handshake, HTTP by Django's test client.

Runs on: pytest's event loop; database work on threads. Invariant: a wait ends by its condition; the limit only keeps a
failing test from hanging.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db import connections
from django.test import Client

from scriptapps import consumers, identity
from scriptapps.models import ScriptSession
from scriptapps.node import get_node, running_node, stop_node
from scriptapps.protocol.codec import SUBPROTOCOL
from scriptapps.routing import with_script_apps
from scriptapps.testing import HeadlessViewer
from tests.site.fixtures import ScriptFolder

LIMIT = 20.0
ORIGIN = b"http://testserver"
PAGE = "# access: signed-in\nfrom scriptapps import st\nst.text(f'heat {st.slider(\"Heat\", 0, 10, 1)}')\n"


class SocketClosed(Exception):
    """The server ended the socket. ``code`` is its close code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Socket:
    """A browser's end of one websocket."""

    def __init__(self, application: Any, scope: dict[str, Any]) -> None:
        self.communicator = ApplicationCommunicator(application, scope)
        self.refused: int | None = None

    async def open(self) -> Socket:
        """Knock. Afterwards ``refused`` is the HTTP status of a refusal, or None."""
        await self.communicator.send_input({"type": "websocket.connect"})
        answer = await self.communicator.receive_output(LIMIT)
        if answer["type"] == "websocket.http.response.start":
            self.refused = answer["status"]
            await self.communicator.receive_output(LIMIT)
        elif answer["type"] == "websocket.close":
            self.refused = 403
        else:
            assert answer == {"type": "websocket.accept", "subprotocol": SUBPROTOCOL}
        return self

    async def send(self, data: bytes) -> None:
        """One binary message."""
        await self.communicator.send_input({"type": "websocket.receive", "bytes": data})

    async def send_text(self, text: str) -> None:
        """One text message."""
        await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def recv(self) -> bytes:
        """The next binary message. Raises SocketClosed."""
        message = await self.communicator.receive_output(LIMIT)
        if message["type"] == "websocket.close":
            await self.leave(message.get("code", 1000))
            raise SocketClosed(message.get("code", 1000))
        data: bytes = message["bytes"]
        return data

    async def closed(self) -> int:
        """Read on until the server ends the socket; its close code."""
        while True:
            try:
                await self.recv()
            except SocketClosed as ended:
                return ended.code

    async def leave(self, code: int = 1001) -> None:
        """Go away, as a browser does that closes its tab."""
        if not self.communicator.future.done():
            await self.communicator.send_input({"type": "websocket.disconnect", "code": code})
        await self.communicator.wait(LIMIT)


@dataclass
class Browser:
    """One browser: cookies, pages, sockets."""

    site: Site
    user: User | None = None
    client: Client = field(default_factory=Client)

    async def page(self, slug: str = "page") -> dict[str, str]:
        """The attributes of the page's element."""
        response = await sync_to_async(self.client.get)(f"/apps/{slug}/")
        tag = re.search(r"<script-app([^>]*)>", response.content.decode())
        assert tag, response
        return {name: html.unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag[1])}

    async def binding(self) -> str:
        """The random id that pages left in this browser's session."""
        return await sync_to_async(lambda: self.client.session[identity.BINDING_KEY])()

    async def status(self, slug: str = "page", session: str = "") -> dict[str, Any]:
        """What the status address says."""
        response = await sync_to_async(self.client.get)(f"/apps/{slug}/status/", {"session": session})
        document: dict[str, Any] = response.json()
        return document

    async def knock(
        self,
        slug: str = "page",
        *,
        token: str = "",
        session: str = "",
        origin: bytes | None = ORIGIN,
        offers: list[str] | None = None,
        cookie: str | None = None,
        **scope: Any,
    ) -> Socket:
        """Ask for a socket; it may be refused."""
        jar = "; ".join(f"{name}={morsel.value}" for name, morsel in self.client.cookies.items())
        headers = [(b"host", b"testserver"), (b"cookie", (jar if cookie is None else cookie).encode())]
        headers += [] if origin is None else [(b"origin", origin)]
        wanted = [SUBPROTOCOL, f"token.{token}", *([f"session.{session}"] if session else [])]
        socket = Socket(
            self.site.application,
            {
                "type": "websocket",
                "path": f"/apps/{slug}/ws/",
                "headers": headers,
                "scheme": "ws",
                "client": ("127.0.0.1", 1),
                "subprotocols": wanted if offers is None else offers,
                "extensions": {"websocket.http.response": {}},
                **scope,
            },
        )
        self.site.sockets.append(socket)
        return await socket.open()

    async def open(self, slug: str = "page", *, session: str | None = None, settle: bool = True) -> Viewer:
        """Open the page and its socket; wait for the page."""
        attributes = await self.page(slug)
        wanted = attributes["session"] if session is None else session
        socket = await self.knock(slug, token=attributes["token"], session=wanted)
        assert socket.refused is None, socket.refused
        viewer = Viewer(socket)
        await viewer.attach()
        if settle:
            await viewer.settled()
        return viewer


class Viewer(HeadlessViewer):
    """A viewer whose socket is at hand."""

    def __init__(self, socket: Socket) -> None:
        super().__init__(socket)
        self.socket = socket

    @property
    def session_id(self) -> str:
        """The script session that it shows."""
        session_id: str = self.welcome.session_id
        return session_id

    async def leave(self) -> None:
        """Close the tab."""
        await self.socket.leave()


class Site:
    """The application, its people and its node."""

    def __init__(self, folder: ScriptFolder) -> None:
        self.application = with_script_apps(get_asgi_application())
        self.folder = folder
        self.sockets: list[Socket] = []

    @property
    def node(self) -> Any:
        """The node of this process."""
        return get_node()

    async def browser(self, user: User | None = None) -> Browser:
        """A browser in which this user is signed in."""
        browser = Browser(self, user)
        if user is not None:
            await sync_to_async(browser.client.force_login)(user)
        return browser

    def session(self, viewer: Viewer) -> Any:
        """The live session behind a viewer."""
        return self.node.sessions[viewer.session_id]

    async def row(self, viewer: Viewer) -> ScriptSession:
        """The row of a viewer's session as it is now."""
        return await ScriptSession.objects.aget(pk=viewer.session_id)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Look until the condition holds; it may query."""
        async with asyncio.timeout(LIMIT):
            while not await sync_to_async(condition)():  # noqa: ASYNC110
                # Rows are written by a thread that tells nobody.
                await asyncio.sleep(0.005)

    async def until_row(self, viewer: Viewer, **wanted: Any) -> ScriptSession:
        """Look until the viewer's row has these values."""
        await self.until(lambda: ScriptSession.objects.filter(pk=viewer.session_id, **wanted).exists())
        return await self.row(viewer)

    async def leave(self) -> None:
        """Close every socket."""
        for socket in self.sockets:
            await socket.leave()


@pytest.fixture
def site(folder: ScriptFolder, settings: Any, transactional_db: None) -> Iterator[Site]:
    """A site with the script app `page` for everybody who is signed in; beats and re-validation are quick."""
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "BEAT_SECONDS": 0.2, "REVALIDATE_SECONDS": 0.5}
    folder.write("page.py", PAGE)
    stop_node(0)
    consumers.budget.__init__()  # type: ignore[misc]
    live = Site(folder)
    yield live
    if running_node() is not None:
        stop_node(0)
    connections.close_all()
