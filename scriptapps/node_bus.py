"""Hints from node to node over the channel layer.

Runs on: ``tell_others`` on any thread, ``listen`` on the server's event loop. Invariant: a hint may be lost and nothing
is lost with it: the truth is in rows, and every beat looks at them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

GROUP = "scriptapps.nodes"
MESSAGE_TYPE = "scriptapps.hint"
RETRY_SECONDS = 1.0


class NodeBus:
    """One channel per process, in one group of all nodes."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        # Guards the start of the listener.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._channel = ""
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="scriptapps-bus")

    @staticmethod
    def _layer() -> Any:
        layer = get_channel_layer()
        # An in-memory layer reaches this process only, which needs no hints.
        return None if layer is None or isinstance(layer, InMemoryChannelLayer) else layer

    def tell_others(self, kind: str, ids: list[str]) -> None:
        """Send a hint to all other nodes. Returns at once; failures are logged."""
        if self._layer() is not None:
            self._sender.submit(self._send, {"type": MESSAGE_TYPE, "from": self.node.name, "kind": kind, "ids": ids})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            async_to_sync(self._layer().group_send)(GROUP, message)
        except Exception as error:
            logger.warning("A hint to other nodes was not sent (%s); their next beat makes it good", error)

    def listen(self) -> None:
        """Begin to hear hints, on the event loop that calls. Calling it again does nothing."""
        if self._task is not None and not self._task.done():
            return
        with self._lock:
            layer = self._layer()
            if layer is None or (self._task is not None and not self._task.done()):
                return
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._listen(layer))

    async def _listen(self, layer: Any) -> None:
        while True:
            try:
                self._channel = await layer.new_channel("scriptapps")
                await layer.group_add(GROUP, self._channel)
                while True:
                    message = await layer.receive(self._channel)
                    if message.get("type") == MESSAGE_TYPE and message.get("from") != self.node.name:
                        self.node.beat.heard(str(message.get("kind")), [str(key) for key in message.get("ids", [])])
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("The channel layer does not answer (%s); trying again", error)
                await asyncio.sleep(RETRY_SECONDS)

    def renew(self) -> None:
        """Join the group again: groups expire, and a restarted channel layer remembers nothing."""
        layer, loop = self._layer(), self._loop
        if layer is None or loop is None or not self._channel or loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._rejoin(layer), loop)

    async def _rejoin(self, layer: Any) -> None:
        try:
            await layer.group_add(GROUP, self._channel)
        except Exception as error:
            logger.warning("The node could not join its group (%s); the next beat tries again", error)
