"""A websocket client that costs next to nothing: the client must not be what is measured.

Runs on: the harness's event loop. Invariant: speaks RFC 6455 as far as a measured server needs it: binary messages in
one frame, pings, closing.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable

CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10
MASKED = 0x80
NO_MASK = b"\0\0\0\0"
"""A masking key that leaves the payload as it is: the protocol asks for a key, not for work."""


class RefusedError(ConnectionError):
    """The server did not open the websocket."""


class SocketClient(asyncio.Protocol):
    """One socket. ``on_message`` is called with the payload of each binary message."""

    def __init__(self, request: bytes, on_message: Callable[[bytes], None], on_close: Callable[[str], None]) -> None:
        self._request = request
        self._on_message = on_message
        self._on_close = on_close
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_over = False

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.opened.done() or self._read_response():
            self._read_frames()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(f"the connection was lost ({error})")

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read_response(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")]).decode("latin-1")
        del self._buffer[: end + 4]
        if " 101 " in status + " ":
            self.opened.set_result(None)
            return True
        self.opened.set_exception(RefusedError(status))
        return False

    def _read_frames(self) -> None:
        buffer = self._buffer
        while len(buffer) >= 2:
            length, start = buffer[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(buffer[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(buffer[2:10], "big"), 10
            if len(buffer) < start + length:
                return
            kind, payload = buffer[0] & 0x0F, bytes(buffer[start : start + length])
            del buffer[: start + length]
            self._handle(kind, payload)

    def _handle(self, kind: int, payload: bytes) -> None:
        if kind == BINARY:
            self._on_message(payload)
        elif kind == PING:
            self._write(PONG, payload)
        elif kind == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            self._end(f"the server closed with {code} {payload[2:].decode(errors='replace')}".rstrip())

    def _end(self, why: str) -> None:
        if self.is_over:
            return
        self.is_over = True
        if not self.opened.done():
            self.opened.set_exception(RefusedError(why))
        self._on_close(why)

    # -- writing ---------------------------------------------------------------------------------------------------

    def send(self, payload: bytes) -> None:
        """Send one binary message."""
        self._write(BINARY, payload)

    def close(self) -> None:
        """End the socket."""
        self.is_over = True
        self._write(CLOSE, (1000).to_bytes(2, "big"))
        if self._transport is not None:
            self._transport.close()

    def _write(self, kind: int, payload: bytes) -> None:
        if len(payload) < 126:
            head = bytes((0x80 | kind, MASKED | len(payload)))
        else:
            head = bytes((0x80 | kind, MASKED | 126)) + len(payload).to_bytes(2, "big")
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(head + NO_MASK + payload)


def opening_request(host: str, path: str, *, cookie: str = "", subprotocols: tuple[str, ...] = ()) -> bytes:
    """The HTTP request that opens a websocket, as a browser on the same site would send it."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Origin: http://{host}",
    ]
    if cookie:
        lines.append(f"Cookie: {cookie}")
    if subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
