"""Hints from node to node over the channel layer.

Runs on: ``tell_others`` and ``renew`` on any thread, all else on the server's event loop, or on one thread of its
own where no loop runs. Invariant: a hint may be lost and nothing is lost with it: the truth is in rows, and every beat
looks at them. Whatever the channel layer does, listening goes on and no socket notices.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
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
ANSWER_SECONDS = 5.0
"""A channel layer that takes longer than this for one hint is as good as gone."""
MAX_WAITING = 100
"""Hints on their way at once; more are dropped, a paused channel layer must not fill the memory."""


class NodeBus:
    """One channel per process, in one group of all nodes."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        # Guards the start of the listener and the number of hints on their way.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._channel = ""
        self._waiting = 0
        self._renewing = False
        self._answers = True
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="scriptapps-bus")

    @staticmethod
    def _layer() -> Any:
        layer = get_channel_layer()
        # An in-memory layer reaches this process only, which needs no hints.
        return None if layer is None or isinstance(layer, InMemoryChannelLayer) else layer

    # -- sending ---------------------------------------------------------------------------------------------------

    def tell_others(self, kind: str, ids: list[str]) -> None:
        """Send a hint to all other nodes. Returns at once; failures are logged."""
        layer = self._layer()
        if layer is None:
            return
        with self._lock:
            if self._waiting >= MAX_WAITING:
                return
            self._waiting += 1
        message = {"type": MESSAGE_TYPE, "from": self.node.name, "kind": kind, "ids": ids}
        if not self._on_loop(self._send(layer, message)):
            # No loop in this process (a management command, a request under WSGI), or none any more.
            self._sender.submit(lambda: async_to_sync(self._send)(layer, message))

    async def _send(self, layer: Any, message: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(layer.group_send(GROUP, message), ANSWER_SECONDS)
            self._heard_from_layer()
        except Exception as error:
            self._no_answer(error)
        finally:
            with self._lock:
                self._waiting -= 1

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the server's event loop has taken this work."""
        loop = self._loop
        if loop is not None and loop.is_running():
            try:
                asyncio.run_coroutine_threadsafe(work, loop)
                return True
            except RuntimeError as error:
                logger.debug("The event loop has ended meanwhile: %s", error)
        work.close()
        return False

    # -- hearing ---------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Begin to hear hints, on the event loop that calls. Calling it again does nothing."""
        if self._is_listening():
            return
        with self._lock:
            layer = self._layer()
            if layer is None or self._is_listening():
                return
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._listen(layer))

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
                    self._heard_from_layer()
                    self._pass_on(message)
            except asyncio.CancelledError:
                # Only who cancels this very task ends it; a layer may let its own cancellations out.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                self._no_answer(RuntimeError("the channel layer gave up receiving"))
            except Exception as error:
                self._no_answer(error)
            await asyncio.sleep(RETRY_SECONDS)

    def _pass_on(self, message: Any) -> None:
        try:
            unheard = message.get("from") == self.node.name or self.node.draining
            if message.get("type") == MESSAGE_TYPE and not unheard:
                self.node.beat.heard(str(message.get("kind")), [str(key) for key in message.get("ids", [])])
        except Exception:
            logger.exception("A hint of another node could not be followed; the next beat makes it good")

    # -- staying ---------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Join the group again: groups expire, and a restarted channel layer remembers nothing."""
        layer = self._layer()
        if layer is None or not self._channel or self._renewing:
            return
        self._renewing = True
        if not self._on_loop(self._rejoin(layer)):
            self._renewing = False

    async def _rejoin(self, layer: Any) -> None:
        try:
            await asyncio.wait_for(layer.group_add(GROUP, self._channel), ANSWER_SECONDS)
            self._heard_from_layer()
        except Exception as error:
            self._no_answer(error)
        finally:
            self._renewing = False

    def _no_answer(self, error: Exception) -> None:
        level = logging.WARNING if self._answers else logging.DEBUG
        self._answers = False
        text = str(error) or type(error).__name__
        logger.log(level, "The channel layer does not answer (%s); work goes on, beats make good what is missed", text)

    def _heard_from_layer(self) -> None:
        if not self._answers:
            self._answers = True
            logger.warning("The channel layer answers again")
