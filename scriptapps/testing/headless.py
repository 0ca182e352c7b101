"""A viewer without a browser: speaks the wire and keeps the page as pure data.

Runs on: an event loop of the test or the benchmark. Invariant: it applies what it receives exactly as the browser does,
so a page that is wrong here would be wrong there.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any, Protocol

from scriptapps.protocol import schema
from scriptapps.protocol.codec import PROTOCOL_VERSION, SUBPROTOCOL
from scriptapps.protocol.values import Wire, from_value, to_value
from scriptapps.testing.script_tester import message_class


class Transport(Protocol):
    """Something that carries binary messages: a websocket, or Channels' communicator."""

    async def send(self, data: bytes) -> None: ...
    async def recv(self) -> bytes: ...


@dataclass
class HeadlessNode:
    """An element as the viewer holds it."""

    number: int
    kind: str
    raw: bytes
    value: Wire = None
    widget_id: str = ""
    children: list[HeadlessNode] = field(default_factory=list)
    parent: HeadlessNode | None = None

    @property
    def props(self) -> Any:
        """The element's message."""
        return message_class(self.kind).FromString(self.raw)


class HeadlessViewer:
    """One page load's view, over one socket after the other.

    ``batches`` and ``bytes_received`` count what came, ``deltas`` what the last wait brought. ``unacked`` are the
    events that the server has not finished, by number: they are sent again after a ``reconnect``.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.client_id = uuid.uuid4().hex
        self.seq = 0
        self.acked = 0
        self.unacked: dict[int, bytes] = {}
        self.nodes: dict[int, HeadlessNode] = {}
        self.roots: list[HeadlessNode] = []
        self.welcome: Any = None
        self.batches = 0
        self.bytes_received = 0
        self.deltas: list[Any] = []
        self.errors: list[Any] = []
        self.finished: list[Any] = []
        self.toasts: list[Any] = []
        self.source_status: Any = schema.SourceStatus()
        self.saved: Any = None
        self.pongs = 0
        self.observers = 0
        # Why the last run happened: told to those who watch, and under DEBUG.
        self.why = ""
        self.running = False

    async def attach(self) -> HeadlessViewer:
        """Say hello and wait for the page."""
        await self.send(attach=schema.Attach(protocol_version=PROTOCOL_VERSION, client_id=self.client_id))
        while self.welcome is None or not self.roots:
            await self.receive()
        return self

    async def reconnect(self, transport: Transport) -> HeadlessViewer:
        """Go on over another socket, as a page does: the same page load, everything unfinished again, in order."""
        session_id = self.welcome.session_id if self.welcome is not None else ""
        self.transport = transport
        self.welcome, self.roots, self.running = None, [], False
        self.finished.clear()
        await self.attach()
        if session_id not in ("", self.welcome.session_id):
            # Another session: what was meant for the old one is void.
            self.unacked.clear()
        for data in list(self.unacked.values()):
            await self.transport.send(data)
        return self

    async def send(self, *, event: bool = False, **kind: Any) -> int:
        """Send one message; an event gets the next number, which is returned."""
        if event:
            self.seq += 1
        seq = self.seq if event else 0
        data: bytes = schema.ClientMessage(seq=seq, **kind).SerializeToString()
        if event:
            # Kept before it is sent: a socket may break in the middle.
            self.unacked[seq] = data
        await self.transport.send(data)
        return seq

    async def set_value(self, node: HeadlessNode, wire: Wire) -> int:
        """What a person does to a widget. Returns the event's number."""
        events = schema.WidgetEvents(events=[schema.WidgetEvent(widget_id=node.widget_id, value=to_value(wire))])
        return await self.send(event=True, widget_events=events)

    async def click(self, node: HeadlessNode) -> int:
        """Click a button. Returns the event's number."""
        value = schema.Value(trigger=True)
        events = schema.WidgetEvents(events=[schema.WidgetEvent(widget_id=node.widget_id, value=value)])
        return await self.send(event=True, widget_events=events)

    async def receive(self) -> Any:
        """Wait for one message, apply and acknowledge it."""
        data = await self.transport.recv()
        self.bytes_received += len(data)
        self.batches += 1
        message = schema.ServerMessage.FromString(data)
        if message.deflated:
            message = schema.ServerMessage.FromString(zlib.decompress(message.deflated))
        self.apply(message)
        if message.batch:
            await self.send(ack=schema.Ack(batch=message.batch))
        return message

    async def until(self, condition: Callable[[], Any]) -> None:
        """Receive until the condition holds."""
        while not condition():
            await self.receive()

    async def settled(self, seq: int = 0) -> None:
        """Receive until nothing runs and events up to ``seq`` (default: all) are acknowledged."""
        self.deltas.clear()
        wanted = seq or self.seq
        await self.until(lambda: not self.running and self.finished and self.acked >= wanted)

    # -- the page --------------------------------------------------------------------------------------------------

    def apply(self, message: Any) -> None:
        """Apply one ServerMessage."""
        self.acked = max(self.acked, message.acked_seq)
        for seq in [seq for seq in self.unacked if seq <= self.acked]:
            del self.unacked[seq]
        if message.HasField("welcome"):
            self.welcome = message.welcome
        if message.HasField("snapshot"):
            self.nodes.clear()
            self.roots = [self._build(root, None) for root in message.snapshot.roots]
            self.running = message.snapshot.running
            if message.snapshot.run_id and not self.running:
                self.finished.append(schema.RunFinished(run_id=message.snapshot.run_id))
        started = message.run_started.run_id
        for delta in message.deltas:
            self.deltas.append(delta)
            self._apply_delta(delta)
        self._apply_notes(message)
        if started:
            self.running = True
        if message.HasField("run_finished"):
            self.finished.append(message.run_finished)
            self.running = bool(started) and started != message.run_finished.run_id

    def _apply_notes(self, message: Any) -> None:
        self.errors.extend(message.errors)
        self.toasts.extend(message.toasts)
        if message.HasField("source_status"):
            self.source_status = message.source_status
        if message.HasField("snapshot_saved"):
            self.saved = message.snapshot_saved
        if why := message.run_started.trigger:
            self.why = f"{why}: {message.run_started.detail}" if message.run_started.detail else why
        if message.HasField("observers"):
            self.observers = message.observers.count
        self.pongs += message.HasField("pong")

    def _apply_delta(self, delta: Any) -> None:
        change = delta.WhichOneof("change")
        if change == "set":
            node = self.nodes[delta.set.node]
            if delta.set.HasField("props"):
                node.raw = delta.set.props
            if delta.set.HasField("value"):
                node.value = from_value(delta.set.value)
        elif change == "insert":
            parent = self.nodes[delta.insert.parent]
            parent.children.insert(delta.insert.index, self._build(delta.insert.node, parent))
        else:
            node = self.nodes[delta.remove.node]
            if node.parent is not None:
                node.parent.children.remove(node)
            self._forget(node)

    def _build(self, message: Any, parent: HeadlessNode | None) -> HeadlessNode:
        value = from_value(message.value) if message.HasField("value") else None
        node = HeadlessNode(message.number, message.kind, message.props, value, message.widget_id, parent=parent)
        self.nodes[node.number] = node
        node.children = [self._build(child, node) for child in message.children]
        return node

    def _forget(self, node: HeadlessNode) -> None:
        self.nodes.pop(node.number, None)
        for child in node.children:
            self._forget(child)

    def walk(self) -> Iterator[HeadlessNode]:
        """All elements in reading order."""
        stack = list(reversed(self.roots))
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def find(self, kind: str) -> list[HeadlessNode]:
        """All elements of a kind."""
        return [node for node in self.walk() if node.kind == kind]

    def widget(self, label: str) -> HeadlessNode:
        """The widget with this label. Raises LookupError."""
        for node in self.walk():
            if node.widget_id and node.props.field.label == label:
                return node
        raise LookupError(f"No widget {label!r} on the page.")

    def texts(self) -> list[str]:
        """What the text elements and metrics say, without markup."""
        found = []
        for node in self.walk():
            if node.kind in ("markdown", "heading"):
                found.append(re.sub(r"<[^>]+>", "", node.props.html).strip())
            elif node.kind == "text":
                found.append(node.props.body)
            elif node.kind == "metric":
                found.append(f"{node.props.label}: {node.props.value}")
        return found


class HeadlessBrowser:
    """Signs in over HTTP, opens pages and their sockets: cookies, tokens and all."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> str:
        """The text of a page. Raises urllib.error.HTTPError."""
        with self._opener.open(self.base_url + path, timeout=30) as response:
            text: str = response.read().decode()
            return text

    def post(self, path: str, **fields: str) -> str:
        """Post a form with the CSRF token of the page it stands on."""
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "") or ""
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        request = urllib.request.Request(self.base_url + path, body, {"Referer": self.base_url + path})
        with self._opener.open(request, timeout=30) as response:
            text: str = response.read().decode()
            return text

    def sign_in(self, name: str, login_path: str = "/accounts/login/") -> None:
        """Sign in with a password equal to the name."""
        self.get(login_path)
        self.post(login_path, username=name, password=name)

    def page_attributes(self, path: str) -> dict[str, str]:
        """The attributes of the page's ``<script-app>``. Raises LookupError if it has none."""
        tag = re.search(r"<script-app([^>]*)>", self.get(path))
        if tag is None:
            raise LookupError(f"{path} has no <script-app>.")
        return dict(re.findall(r'([\w-]+)="([^"]*)"', tag.group(1)))

    def upload(self, attributes: dict[str, str], viewer: HeadlessViewer, label: str, name: str, content: bytes) -> str:
        """Send a file that a file uploader of the viewer's page is to get. Returns what stands for it in the value.

        Raises urllib.error.HTTPError when it is refused.
        """
        widget = viewer.widget(label)
        page = attributes["socket-url"].removesuffix("ws/")
        address = f"{page}files/{viewer.welcome.session_id}/{widget.widget_id}/"
        step = int(widget.props.part_bytes)
        headers = {"X-Scriptapps-Name": urllib.parse.quote(name), "X-Scriptapps-Size": str(len(content))}
        answer = self._send_part("POST", address, attributes, content[:step], headers)
        while "file" not in answer:
            place = answer["received"]
            headers = {"X-Scriptapps-Offset": str(place)}
            part = content[place : place + step]
            answer = self._send_part("PATCH", f"{address}{answer['id']}/", attributes, part, headers)
        wire: str = answer["file"]
        return wire

    def _send_part(
        self, method: str, path: str, attributes: dict[str, str], content: bytes, headers: dict[str, str]
    ) -> dict[str, Any]:
        proof = {"Origin": self.base_url, "X-Scriptapps-Token": attributes["token"]}
        kind = {"Content-Type": "application/octet-stream"}
        address = self.base_url + path
        request = urllib.request.Request(address, content, {**headers, **proof, **kind}, method=method)
        with self._opener.open(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def cookie_header(self) -> str:
        """What this browser sends as Cookie."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    async def connect(
        self, attributes: dict[str, str], *, session: str | None = None, origin: str | None = None, **options: Any
    ) -> Any:
        """Open the page's socket. ``session`` defaults to the one that waits for the page.

        ``options`` are more of those that ``websockets`` takes. Raises websockets.exceptions.InvalidStatus when it is
        refused. Needs the package websockets.
        """
        from websockets.asyncio.client import connect

        offers = [SUBPROTOCOL, "token." + attributes["token"]]
        wanted = attributes.get("session", "") if session is None else session
        if wanted:
            offers.append("session." + wanted)
        return await connect(
            self.base_url.replace("http", "ws", 1) + attributes["socket-url"],
            subprotocols=offers,  # type: ignore[arg-type]
            origin=self.base_url if origin is None else origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": self.cookie_header()},
            max_size=None,
            compression=None,
            **options,
        )

    async def open(self, path: str, *, session: str | None = None) -> HeadlessViewer:
        """Open a page and its socket, wait for the page's first run."""
        viewer = HeadlessViewer(await self.connect(self.page_attributes(path), session=session))
        await viewer.attach()
        await viewer.settled()
        return viewer
