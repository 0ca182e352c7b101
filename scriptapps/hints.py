"""Hints: there is something to look at in the rows. Told from any process of the site to all that serve it.

Runs on: any thread of any process; over the channel layer on the server's event loop, or on one thread of its own where
no loop runs. Invariant: telling never fails and never waits; a hint may be lost and nothing is lost with it, because
every beat looks at the rows.

Two ways, both taken: the channel layer, if it reaches other processes; and a signed datagram over the loopback to each
server process of this host, which needs no service beside the database.
"""

from __future__ import annotations

import asyncio
import contextvars
import hmac
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.db import connections
from django.utils.crypto import salted_hmac

from scriptapps import signals
from scriptapps.models import ServerProcess

logger = logging.getLogger("scriptapps.hints")

GROUP = "scriptapps.nodes"
MESSAGE_TYPE = "scriptapps.hint"
ANSWER_SECONDS = 5.0
"""A channel layer that takes longer than this for one hint is as good as gone."""
MAX_WAITING = 100
"""Hints on their way at once; more are dropped, a paused channel layer must not fill the memory."""
MAX_DATAGRAM = 60_000
"""Bytes; the hint about more sessions than fit names none, which means all."""
MAX_AGE_SECONDS = 10.0
SALT = "scriptapps.hints"
LOOPBACK = "127.0.0.1"

Heard = Callable[[str, list[str]], None]


def connect() -> None:
    """Tell what is asked of sessions, in every process that loads the app. Called once by the AppConfig."""
    signals.steering_requested.connect(_steering_requested, dispatch_uid="scriptapps.hints.steering")
    signals.drain_requested.connect(_drain_requested, dispatch_uid="scriptapps.hints.drain")


def _steering_requested(sender: Any, ids: Iterable[Any], **_: Any) -> None:
    tell("wanted", ids)


def _drain_requested(sender: Any, names: Iterable[str], **_: Any) -> None:
    tell("drain", names)


def tell(kind: str, ids: Iterable[Any], *, here: bool = True) -> None:
    """Say that these (sessions, processes, tables; by ``kind``) are to be looked at. No ids: all of them.

    ``here=False`` leaves out this process's own node. Returns at once; failures are logged.
    """
    texts = [str(key) for key in ids]
    name, heard = _listener
    if here and heard is not None:
        heard(kind, texts)
    layer_link.send(kind, texts, name)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _tell_neighbours(kind, texts, name)
    else:
        # An event loop must not wait for the database.
        layer_link.submit(lambda: _tell_neighbours_apart(kind, texts, name))


_listener: tuple[str, Heard | None] = ("", None)


def listen_here(name: str, heard: Heard) -> None:
    """The node of this process: its name, and who hears what is told in this process."""
    global _listener
    _listener = (name, heard)


def stop_listening(name: str) -> None:
    """The node has ended."""
    global _listener
    if _listener[0] == name:
        _listener = ("", None)


# -- the channel layer -------------------------------------------------------------------------------------------------


class LayerLink:
    """Sends over the channel layer, and notes whether it answers. ``loop`` is the server's, if this process has one."""

    def __init__(self) -> None:
        # Guards the number of hints on their way and the making of the thread.
        self._lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.waiting = 0
        self._answers, self._answered_at = True, 0.0
        self._sender: ThreadPoolExecutor | None = None
        self._pid = 0

    @staticmethod
    def layer() -> Any:
        """The channel layer; None if it reaches this process only, which needs no hints."""
        found = get_channel_layer()
        return None if found is None or isinstance(found, InMemoryChannelLayer) else found

    def send(self, kind: str, ids: list[str], sender: str) -> None:
        """Send a hint to all nodes. Returns at once."""
        layer = self.layer()
        if layer is None:
            return
        with self._lock:
            if self.waiting >= MAX_WAITING:
                return
            self.waiting += 1
        message = {"type": MESSAGE_TYPE, "from": sender, "kind": kind, "ids": ids}
        if not self.on_loop(self._send(layer, message)):
            self.submit(lambda: async_to_sync(self._send)(layer, message))

    def submit(self, work: Callable[[], None]) -> None:
        """Do it on the one thread for this. A process that ends waits for it."""
        with self._lock:
            # A fork has the object, and not the thread.
            if self._sender is None or self._pid != os.getpid():
                self._sender, self._pid = ThreadPoolExecutor(1, thread_name_prefix="scriptapps-hints"), os.getpid()
            self._sender.submit(work)

    async def _send(self, layer: Any, message: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            await asyncio.wait_for(layer.group_send(GROUP, message), ANSWER_SECONDS)
            self.answered()
        except Exception as error:
            self.no_answer(error, began)
        finally:
            with self._lock:
                self.waiting -= 1

    def on_loop(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the server's event loop has taken this work."""
        loop = self.loop
        if loop is not None and loop.is_running():
            try:
                # Not in the context of a run: a connection that is opened now would keep its page alive.
                contextvars.Context().run(asyncio.run_coroutine_threadsafe, work, loop)
                return True
            except RuntimeError as error:
                logger.debug("The event loop has ended meanwhile: %s", error)
        work.close()
        return False

    def no_answer(self, error: Exception, began: float | None = None) -> None:
        """Say so once. What was asked (``began``) before the last answer came says nothing of now."""
        if began is not None and began < self._answered_at:
            return
        level = logging.WARNING if self._answers else logging.DEBUG
        self._answers = False
        text = str(error) or type(error).__name__
        logger.log(level, "The channel layer does not answer (%s); work goes on, beats make good what is missed", text)

    def answered(self) -> None:
        """Say so once after it did not."""
        self._answered_at = time.monotonic()
        if not self._answers:
            self._answers = True
            logger.warning("The channel layer answers again")


layer_link = LayerLink()


# -- the loopback ------------------------------------------------------------------------------------------------------


def _tell_neighbours(kind: str, ids: list[str], name: str) -> None:
    """A datagram to each other server process of this host that lives."""
    try:
        rows = ServerProcess.objects.live().filter(host=socket.gethostname()[:60], hint_port__gt=0).exclude(name=name)
        addresses = list(rows.order_by().values_list("name", "hint_port"))
        if not addresses:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.setblocking(False)
            for other, port in addresses:
                door.sendto(seal(other, kind, ids), (LOOPBACK, port))
    except Exception as error:
        logger.warning("Server processes of this host were not told (%s); their beats make it good", error)


def _tell_neighbours_apart(kind: str, ids: list[str], name: str) -> None:
    try:
        _tell_neighbours(kind, ids, name)
    finally:
        # Nobody else looks after the connections of this thread.
        connections.close_all()


def seal(to: str, kind: str, ids: list[str]) -> bytes:
    """A hint for the process of this name, with a proof that the sender knows the site's secret."""
    body = json.dumps({"to": to, "kind": kind, "ids": ids, "at": time.time()}).encode()
    if len(body) > MAX_DATAGRAM:
        body = json.dumps({"to": to, "kind": kind, "ids": [], "at": time.time()}).encode()
    return _proof(body, settings.SECRET_KEY) + body


def unseal(data: bytes, name: str) -> tuple[str, list[str]] | None:
    """(kind, ids) of a hint for the process of this name; None for what is old, for others, or proves nothing."""
    proof, body = data[:32], data[32:]
    if not any(
        hmac.compare_digest(proof, _proof(body, secret))
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ):
        return None
    hint = json.loads(body)
    if hint["to"] != name or abs(time.time() - hint["at"]) > MAX_AGE_SECONDS:
        return None
    return hint["kind"], hint["ids"]


def _proof(body: bytes, secret: str | bytes) -> bytes:
    return salted_hmac(SALT, body, secret=secret, algorithm="sha256").digest()
