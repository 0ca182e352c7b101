"""Line: the network between a browser and its servers, which can go silent in one direction or both, or be cut.

Runs on: an event loop in a thread of its own; its methods on any other thread. Invariant: while the line is silent no
end learns anything, neither bytes nor a close; a connection that lost bytes never carries any again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

Direction = Literal["up", "down"]
BOTH: tuple[Direction, Direction] = ("up", "down")
CHUNK = 65_536


class Way:
    """One direction of one connection: bytes come in at one end and wait here while the line is silent."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.held: list[bytes] = []
        self.head = b""
        self.is_lost = False

    def carry(self, data: bytes, silent: bool) -> None:
        """Bytes from one end to the other; b"" is the end."""
        if silent or self.held or self.is_lost:
            self.held.append(data)
        elif data:
            self.head = self.head or data[:200]
            self.writer.write(data)
        else:
            self.writer.close()

    def deliver(self) -> None:
        """What waited goes on its way."""
        held, self.held = self.held, []
        for data in held:
            self.carry(data, silent=False)


class Connection:
    """A browser's connection and the one to the server that belongs to it."""

    def __init__(self, browser: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = browser, server
        self.ways: dict[Direction, Way] = {"up": Way(server), "down": Way(browser)}
        self.open_at_server = True

    @property
    def is_websocket(self) -> bool:
        """Whether the server has been asked for a websocket on it."""
        return b"/ws/ HTTP" in self.ways["up"].head

    def abort(self) -> None:
        """Both ends learn that it is over."""
        for writer in self.ends:
            writer.transport.abort()


class Line:
    """Listens on a port of its own and passes each connection on to one of the servers, by turns or by ``choose``."""

    def __init__(self, *servers: str) -> None:
        self.servers = list(servers)
        self.choose: Callable[[list[str]], str] = lambda servers: servers[0]
        self.silent: set[Direction] = set()
        self.is_down = False
        self.connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        self._listening: asyncio.Server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- what a test does to it ------------------------------------------------------------------------------------

    def silence(self, *directions: Direction) -> None:
        """From now on nothing arrives in these directions (both if none is named), and nobody is told."""
        self._do(lambda: self.silent.update(directions or BOTH))

    def heal(self, *, deliver: bool = True) -> None:
        """Everything passes again. What was under way arrives late, as after a short cut, or never."""
        self._do(lambda: self._heal(deliver))

    def cut(self) -> None:
        """Every connection ends at both ends, and new ones do too until ``heal``."""
        self.is_down = True
        self.drop()

    def drop(self) -> None:
        """Every connection ends at both ends; new ones are welcome."""
        self._do(self._abort_all)

    @property
    def sockets(self) -> int:
        """Websockets that are open at their server, whatever the browser knows of it."""
        return self._do(lambda: sum(each.open_at_server for each in self._websockets))

    def holds(self, direction: Direction) -> int:
        """Bytes of websockets that wait in this direction."""
        return self._do(lambda: sum(len(data) for each in self._websockets for data in each.ways[direction].held))

    def has_lost(self, text: bytes) -> bool:
        """Whether something with these bytes was sent by a browser and waits."""
        return self._do(lambda: any(text in data for each in self.connections for data in each.ways["up"].held))

    @property
    def _websockets(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_websocket]

    # -- on the loop -----------------------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _do(self, act: Callable[[], Any]) -> Any:
        async def work() -> Any:
            return act()

        return self._call(work())

    def _abort_all(self) -> None:
        for connection in self.connections:
            connection.abort()

    def _heal(self, deliver: bool) -> None:
        self.silent.clear()
        self.is_down = False
        for connection in list(self.connections):
            for way in connection.ways.values():
                if deliver and not way.is_lost:
                    way.deliver()
                way.is_lost = way.is_lost or bool(way.held)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.is_down:
                writer.transport.abort()
            else:
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self.choose(self.servers))
        server_reader, server_writer = await asyncio.open_connection(address.hostname, address.port)
        connection = Connection(writer, server_writer)
        self.connections.add(connection)
        try:
            await asyncio.gather(self._pump(connection, "up", reader), self._pump(connection, "down", server_reader))
        finally:
            self.connections.discard(connection)
            connection.abort()

    async def _pump(self, connection: Connection, direction: Direction, reader: asyncio.StreamReader) -> None:
        way, data = connection.ways[direction], b"-"
        while data:
            try:
                data = await reader.read(CHUNK)
            except ConnectionError:
                data = b""
            if direction == "down" and not data:
                connection.open_at_server = False
            way.carry(data, silent=direction in self.silent)

    async def _end(self) -> None:
        self._listening.close()
        self._abort_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)
