"""How a node hears hints: over the channel layer, and at a port of its own from processes of the same host.

Runs on: the server's event loop listens to the channel layer, all else on any thread. Invariant: a hint may be lost and
nothing is lost with it: the truth is in rows, and every beat looks at them. Whatever the channel layer does, listening
goes on and no socket notices.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from scriptapps.hint_port import HintPort
from scriptapps.hints import ANSWER_SECONDS, GROUP, MESSAGE_TYPE, layer_link, listen_here, stop_listening, tell

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

RETRY_SECONDS = 1.0


class NodeBus:
    """One channel per process, in one group of all nodes; and one port."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        # Guards the start of the listener.
        self._lock = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._channel = ""
        self._renewing = False
        self.port = HintPort(node.name, self._heard)

    def open(self) -> None:
        """Begin to hear what is told in this process, and in others of this host."""
        listen_here(self.node.name, self._heard)
        self.port.open()

    def close(self) -> None:
        """Hear nothing of it any more."""
        stop_listening(self.node.name)
        self.port.close()

    def tell_others(self, kind: str, ids: list[str]) -> None:
        """Send a hint to all other nodes. Returns at once; failures are logged."""
        tell(kind, ids, here=False)

    def _heard(self, kind: str, ids: list[str]) -> None:
        if not self.node.draining:
            self.node.beat.heard(kind, ids)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Begin to hear hints, on the event loop that calls. Calling it again does nothing."""
        if self._is_listening():
            return
        with self._lock:
            layer = layer_link.layer()
            if layer is None or self._is_listening():
                return
            layer_link.loop = asyncio.get_running_loop()
            self._task = layer_link.loop.create_task(self._listen(layer))

    def _is_listening(self) -> bool:
        task = self._task
        return task is not None and not task.done() and not task.get_loop().is_closed()

    async def _listen(self, layer: Any) -> None:
        while True:
            try:
                if not self._channel:
                    self._channel = await layer.new_channel("scriptapps")
                await layer.group_add(GROUP, self._channel)
                while True:
                    message = await layer.receive(self._channel)
                    layer_link.answered()
                    self._pass_on(message)
            except asyncio.CancelledError:
                # Only who cancels this very task ends it; a layer may let its own cancellations out.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                layer_link.no_answer(RuntimeError("the channel layer gave up receiving"))
            except Exception as error:
                layer_link.no_answer(error)
            await asyncio.sleep(RETRY_SECONDS)

    def _pass_on(self, message: Any) -> None:
        try:
            if message.get("type") == MESSAGE_TYPE and message.get("from") != self.node.name:
                self._heard(str(message.get("kind")), [str(key) for key in message.get("ids", [])])
        except Exception:
            logger.exception("A hint of another node could not be followed; the next beat makes it good")

    # -- staying ---------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Join the group again: groups expire, and a restarted channel layer remembers nothing."""
        layer = layer_link.layer()
        if layer is None or not self._channel or self._renewing:
            return
        self._renewing = True
        if not layer_link.on_loop(self._rejoin(layer)):
            self._renewing = False

    async def _rejoin(self, layer: Any) -> None:
        began = time.monotonic()
        try:
            await asyncio.wait_for(layer.group_add(GROUP, self._channel), ANSWER_SECONDS)
            layer_link.answered()
        except Exception as error:
            layer_link.no_answer(error, began)
        finally:
            self._renewing = False
