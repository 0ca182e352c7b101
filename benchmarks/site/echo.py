"""The floor: a Channels consumer that decodes a message and answers with another of the asked size.

Runs on: the event loop. Invariant: it does what no websocket application with protobuf can do without, and no more.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from scriptapps.protocol import schema

OVERHEAD = 16
"""About what the answer has besides its filling: number, acknowledgement, field keys."""


class EchoConsumer(AsyncConsumer):
    """Answers each ClientMessage with one ServerMessage; ``?bytes=`` says how long it is to be."""

    channel_layer_alias: Any = None
    filling = ""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels' own would visit the one shared database thread for every message."""
        if message["type"] == "websocket.receive":
            event = schema.ClientMessage.FromString(message["bytes"])
            answer = schema.ServerMessage(batch=event.seq, acked_seq=event.seq)
            answer.run_finished.message = self.filling
            await self.send({"type": "websocket.send", "bytes": answer.SerializeToString()})
        elif message["type"] == "websocket.connect":
            asked = parse_qs(self.scope["query_string"].decode()).get("bytes", ["0"])[0]
            self.filling = "x" * max(int(asked) - OVERHEAD, 0)
            await self.send({"type": "websocket.accept"})
        else:
            raise StopConsumer
