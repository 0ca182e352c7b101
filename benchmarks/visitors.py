"""Visitors in a closed loop: each sends something, waits for the answer, perhaps pauses, and sends the next.

Runs on: the harness's event loop, in callbacks. Invariant: a visitor never has more than one event on the way, so its
latency is the server's and not a queue's.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
import zlib
from dataclasses import dataclass, field

from benchmarks.socket_client import SocketClient, opening_request
from scriptapps.protocol import schema
from scriptapps.protocol.codec import PROTOCOL_VERSION, SUBPROTOCOL


@dataclass
class Tally:
    """What visitors saw while they were measured. Seconds from an event to its first change and to its answer's end.

    ``gaps`` are the seconds between the two.
    """

    shown: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    messages: int = 0
    bytes: int = 0
    deltas: int = 0
    server_ms: float = 0.0
    per_second: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Door:
    """Where a visitor enters: the host, a path, and what proves that he may."""

    host: str
    path: str
    cookie: str = ""
    subprotocols: tuple[str, ...] = ()


class Visitor:
    """What all visitors do; a subclass says what is sent and when an answer is complete.

    ``pause``: the mean of the seconds that pass between an answer and the next event.
    """

    def __init__(self, door: Door, pause: float = 0.0) -> None:
        self.door = door
        self.pause = pause
        self.pausing: asyncio.TimerHandle | None = None
        self.seq = 0
        self.sent_at = self.shown_at = 0.0
        self.is_shown = True
        self.tally: Tally | None = None
        self.problem = ""
        self.resting: asyncio.Future[None] | None = None
        self.socket: SocketClient

    async def enter(self) -> None:
        """Open the socket. Raises RefusedError."""
        door = self.door
        request = opening_request(door.host, door.path, cookie=door.cookie, subprotocols=door.subprotocols)
        host, port = door.host.split(":")
        loop = asyncio.get_running_loop()
        _, self.socket = await loop.create_connection(
            lambda: SocketClient(request, self.on_message, self.on_close), host, int(port)
        )
        await self.socket.opened

    def go(self, tally: Tally) -> None:
        """Begin the loop; ``tally`` gets what happens from now on."""
        self.tally = tally
        self.send_next()

    async def rest(self) -> None:
        """End the loop after the answer that is on its way. Raises ConnectionError if the socket was lost."""
        if self.problem:
            raise ConnectionError(self.problem)
        if self.pausing is not None:
            self.pausing.cancel()
            self.pausing = None
            return
        self.resting = asyncio.get_running_loop().create_future()
        await self.resting
        self.resting = None

    def on_close(self, why: str) -> None:
        """The server ended the socket, which nobody asked for."""
        self.problem = why
        if self.resting is not None and not self.resting.done():
            self.resting.set_exception(ConnectionError(why))

    def answered(self) -> None:
        """The answer is complete: note it, and send the next event or rest."""
        assert self.tally is not None
        now = time.perf_counter()
        self.changed()
        self.tally.latencies.append(now - self.sent_at)
        self.tally.gaps.append(max(now - self.shown_at, 0.0))
        if self.resting is not None:
            if not self.resting.done():
                self.resting.set_result(None)
        elif self.pause:
            pause = self.pause * random.uniform(0.5, 1.5)
            self.pausing = asyncio.get_running_loop().call_later(pause, self.send_next)
        else:
            self.send_next()

    def changed(self) -> None:
        """The page shows something of the answer; only the first time counts."""
        if not self.is_shown and self.tally is not None:
            self.is_shown = True
            self.shown_at = time.perf_counter()
            self.tally.shown.append(self.shown_at - self.sent_at)

    def send_next(self) -> None:
        """Send one event."""
        self.pausing = None
        self.seq += 1
        self.is_shown = False
        payload = self.event()
        self.sent_at = time.perf_counter()
        self.socket.send(payload)

    def event(self) -> bytes:
        """The bytes of the next event."""
        raise NotImplementedError

    def on_message(self, data: bytes) -> None:
        """Something came."""
        raise NotImplementedError


class SliderVisitor(Visitor):
    """Somebody who moves the page's first slider, again and again."""

    def __init__(self, door: Door, pause: float = 0.0) -> None:
        super().__init__(door, pause)
        self.widget_id = ""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def enter(self) -> None:
        """Open the socket and wait for the end of the page's first run."""
        await super().enter()
        attach = schema.Attach(protocol_version=PROTOCOL_VERSION, client_id=uuid.uuid4().hex)
        self.socket.send(schema.ClientMessage(attach=attach).SerializeToString())
        await self.ready

    def on_close(self, why: str) -> None:
        super().on_close(why)
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))

    def on_message(self, data: bytes) -> None:
        message = schema.ServerMessage.FromString(data)
        if message.deflated:
            message = schema.ServerMessage.FromString(zlib.decompress(message.deflated))
        if message.batch:
            self.socket.send(schema.ClientMessage(ack=schema.Ack(batch=message.batch)).SerializeToString())
        if self.tally is None:
            self._first_page(message)
            return
        self.tally.messages += 1
        self.tally.bytes += len(data)
        self.tally.deltas += len(message.deltas)
        if message.deltas:
            self.changed()
        if message.acked_seq >= self.seq and message.HasField("run_finished"):
            self.tally.server_ms += message.run_finished.duration_ms
            self.answered()

    def _first_page(self, message: schema.ServerMessage) -> None:
        """Find the slider, in the snapshot or in what the first run adds to it."""
        nodes = [*message.snapshot.roots, *(delta.insert.node for delta in message.deltas)]
        while nodes:
            node = nodes.pop()
            if node.kind == "slider":
                self.widget_id = node.widget_id
            nodes.extend(node.children)
        is_over = message.HasField("run_finished") or (message.snapshot.run_id and not message.snapshot.running)
        if is_over and not self.ready.done():
            if self.widget_id:
                self.ready.set_result(None)
            else:
                self.ready.set_exception(LookupError(f"the page {self.door.path} has no slider"))

    def event(self) -> bytes:
        return slider_event(self.seq, self.widget_id)


class EchoVisitor(Visitor):
    """The floor: sends what a slider sends and gets an answer as long as a rerun's."""

    def __init__(self, host: str, answer_bytes: int, widget_id: str) -> None:
        super().__init__(Door(host, f"/echo/?bytes={answer_bytes}"))
        self.widget_id = widget_id

    def event(self) -> bytes:
        return slider_event(self.seq, self.widget_id)

    def on_message(self, data: bytes) -> None:
        message = schema.ServerMessage.FromString(data)
        if self.tally is not None and message.acked_seq >= self.seq:
            self.tally.messages += 1
            self.tally.bytes += len(data)
            self.answered()


def slider_event(seq: int, widget_id: str) -> bytes:
    """What a browser sends for a slider that was moved: to another value each time."""
    value = schema.Value(numbers=schema.Numbers(items=[float(seq % 101)]))
    events = schema.WidgetEvents(events=[schema.WidgetEvent(widget_id=widget_id, value=value)])
    return schema.ClientMessage(seq=seq, widget_events=events).SerializeToString()


def page_door(host: str, attributes: dict[str, str], cookie: str) -> Door:
    """The door of a script app's page, from the attributes of its custom element."""
    return Door(host, attributes["socket-url"], cookie, (SUBPROTOCOL, f"token.{attributes['token']}"))
