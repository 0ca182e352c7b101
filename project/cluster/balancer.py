"""A balancer without stickiness: each connection goes to the next server, whoever was there before.

Runs on: an event loop. Invariant: bytes pass unchanged, so HTTP and websockets are the same to it; a server that
refuses a connection is passed over.
"""

import asyncio
from collections.abc import Sequence

PIECE = 65_536
NOBODY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"


class Balancer:
    """Listens on loopback and passes connections on to ``ports`` in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self._turn = 0
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen on ``port``, 0 for any that is free. Returns the port. Raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    def stop(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found = await self._connect()
            if found is None:
                writer.write(NOBODY)
                return
            server_reader, server_writer = found
            try:
                await asyncio.gather(pass_on(reader, server_writer), pass_on(server_reader, writer))
            finally:
                server_writer.close()
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self.ports:
            self._turn += 1
            try:
                return await asyncio.open_connection("127.0.0.1", self.ports[self._turn % len(self.ports)])
            except OSError:
                continue
        return None


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends; then the other side learns that nothing more comes."""
    try:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        # Cut off rather than ended: so is the other side.
        writer.transport.abort()
    else:
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()
