"""The consumer: bytes of one websocket in, bytes out.

Runs on: the event loop; never touches the ORM and never blocks, everything else happens on the node's executor.
Invariant: nothing is accepted before ``handshake`` said yes; a fault of one socket closes that socket only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings
from django.db import close_old_connections

from scriptapps import handshake, identity
from scriptapps.conf import scriptapps_settings
from scriptapps.drain import install_drain
from scriptapps.errors import LeaseLostError, ProtocolError, TooManySessionsError, WatchedElsewhereError
from scriptapps.handshake import Refused
from scriptapps.node import MOVED, SERVER_STOPS, get_node
from scriptapps.protocol import schema
from scriptapps.protocol.codec import PROTOCOL_VERSION, SUBPROTOCOL, decode_client_message, deflate_batch, to_json
from scriptapps.runtime.client_messages import handle_message
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.outbox import TICK_SECONDS
from scriptapps.runtime.viewer import Viewer
from scriptapps.snapshots import save_snapshot
from scriptapps.socket_budget import Budget, Heart, TokenBucket
from scriptapps.socket_spans import note_refusal, traced, within_span

logger = logging.getLogger("scriptapps.sockets")
protocol_logger = logging.getLogger("scriptapps.protocol")

ACK_SECONDS, ACK_LOOK_SECONDS, MAX_DELAY = 30.0, 5.0, 30.0
TAKE_OVER_TICK, TAKE_OVER_LONGEST = 0.05, 1.0
REFUSALS_ALLOWED = 20
EARLY_MESSAGES = 100
"""Messages that may wait until the page is there."""
FREE_COST = 0.05
"""What an acknowledgement or a heartbeat costs of the message budget."""
TOO_SLOW, WATCHED_ELSEWHERE, TOO_MANY, PROTOCOL_BROKEN, FAULT = 4013, 4014, 4015, 4400, 1011
CAUSES_RUN = frozenset({"widget_events", "rerun"})

budget = Budget()


class ScriptConsumer(AsyncConsumer):
    """One socket of one viewer."""

    channel_layer_alias: Any = None

    def __init__(self) -> None:
        self.session: LiveSession | None = None
        self.viewer: Viewer | None = None
        self.admitted: Any = None
        self.early: list[schema.ClientMessage] = []
        self.attaching: asyncio.Task[None] | None = None
        self.pump: asyncio.Task[None] | None = None
        self.wake = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None
        self.ticket: Any = None
        self.looks: dict[str, asyncio.TimerHandle] = {}
        self.heart = Heart()
        self.broken = 0
        self.is_closing = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One message after the other. Channels' own makes a task for each, to listen to a channel layer as well."""
        self.scope, self.base_send = scope, send
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            return
        finally:
            self.leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels' own would visit the one shared database thread for every message."""
        kind = message["type"]
        if kind == "websocket.receive":
            await self.receive(message.get("bytes"))
        elif kind == "websocket.connect":
            await self.connect()
        elif kind == "websocket.disconnect":
            self.leave()
            raise StopConsumer

    # -- opening ---------------------------------------------------------------------------------------------------

    @traced("scriptapps.handshake")
    async def connect(self) -> None:
        """Admit or refuse."""
        self.loop = asyncio.get_running_loop()
        self.slug = self.scope["url_route"]["kwargs"]["slug"]
        headers = dict(self.scope["headers"])
        self.bucket = TokenBucket(scriptapps_settings.MESSAGES_PER_SECOND, scriptapps_settings.MESSAGE_BURST)
        try:
            get_node().watchdog.watch_loop(self.loop)
            self.ticket = budget.enter((self.scope.get("client") or ("", 0))[0])
            handshake.check_origin(self.scope, headers)
            offer = handshake.read_offer(self.scope.get("subprotocols", []))
            if not get_node().admits(offer.session_id):
                raise Refused(503, f"this process takes no new sessions ({get_node().reason_not_ready})")
            cookie = identity.session_cookie(headers)
            self.admitted = await self.on_executor(handshake.admit, self.slug, cookie, offer)
            budget.add_user(self.ticket, self.admitted.identity)
        except Refused as refused:
            logger.info("Socket of %s refused: %s", self.slug, refused.why)
            self.leave()
            await self.refuse(refused.status)
            return
        except BaseException:
            self.leave()
            raise
        install_drain()
        get_node().beat.bus.listen()
        await self.send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        self.watch_heart()

    async def refuse(self, status: int) -> None:
        """Close before accepting; with the status where the server can send one."""
        note_refusal(status)
        if "websocket.http.response" in self.scope.get("extensions", {}):
            await self.send({"type": "websocket.http.response.start", "status": status, "headers": []})
            await self.send({"type": "websocket.http.response.body", "body": b""})
        else:
            await self.send({"type": "websocket.close"})
        raise StopConsumer

    async def on_executor(self, function: Any, *args: Any) -> Any:
        """Run something that uses the database."""

        def work() -> Any:
            close_old_connections()
            try:
                return function(*args)
            finally:
                close_old_connections()

        return await self.loop.run_in_executor(get_node().database, within_span(work))

    def leave(self) -> None:
        """The socket is gone: give back what it held. Losing a socket loses nothing else."""
        for task in (self.attaching, self.pump):
            # One that closes the socket itself still has to say so.
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        for look in self.looks.values():
            # They would hold the page for as long as they wait.
            look.cancel()
        self.pump = None
        if self.session is not None and self.viewer is not None:
            self.session.detach(self.viewer)
            self.session = None
        budget.leave(self.ticket)
        self.ticket = None

    # -- in --------------------------------------------------------------------------------------------------------

    async def receive(self, data: bytes | None) -> None:
        """One message of the browser."""
        self.heart.heard()
        try:
            if data is None:
                raise ProtocolError("malformed", "This socket takes binary messages.")
            message = decode_client_message(
                data,
                max_bytes=scriptapps_settings.MAX_MESSAGE_BYTES,
                max_events=scriptapps_settings.MAX_EVENTS_PER_MESSAGE,
            )
        except ProtocolError as error:
            await self.protest(error)
            return
        self.log("<-", message)
        kind = message.WhichOneof("kind")
        if not await self.may_go_on(FREE_COST if kind in ("ack", "ping") else 1.0):
            return
        if self.attaching is None:
            # Not awaited: while another process gives the session up, a socket that closes must be noticed.
            self.attaching = self.loop.create_task(self.attach_or_close(message))
        elif self.pump is None or self.session is None or self.viewer is None:
            self.early.append(message)
            if len(self.early) > EARLY_MESSAGES:
                await self.close(PROTOCOL_BROKEN)
        else:
            await self.handle(self.session, self.viewer, message)

    async def handle(self, session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
        """Act on a message of an attached socket."""
        if viewer.dismissed:
            return
        kind = message.WhichOneof("kind")
        if kind == "save_snapshot" and not viewer.read_only:
            if session.is_new(viewer, message.seq):
                page, title = self.scope["path"].removesuffix("ws/"), message.save_snapshot.title
                saved = await self.on_executor(save_snapshot, session, self.admitted, title, page)
                viewer.outbox.post(urgent=True, snapshot_saved=saved)
                session.acknowledge_idle()
            return
        if kind in CAUSES_RUN and viewer.outbox.expect():
            self.wake_after(TICK_SECONDS)
        handle_message(session, viewer, message, debug=settings.DEBUG)

    async def may_go_on(self, cost: float) -> bool:
        """Slow a flood down, so that nothing of it is lost; end one that does not end."""
        delay = self.bucket.delay(cost)
        if delay > MAX_DELAY:
            await self.close(PROTOCOL_BROKEN)
            return False
        if delay:
            await asyncio.sleep(delay)
        return True

    async def protest(self, error: ProtocolError) -> None:
        """Answer what cannot be accepted; a socket that sends nothing else is closed."""
        self.broken += 1
        if self.viewer is None or self.broken > REFUSALS_ALLOWED:
            await self.close(PROTOCOL_BROKEN)
        else:
            self.viewer.refuse(error.code, str(error))

    async def attach_or_close(self, message: schema.ClientMessage) -> None:
        """The first message of a socket: show its page, or end it with a code that says why."""
        if message.WhichOneof("kind") != "attach" or message.attach.protocol_version != PROTOCOL_VERSION:
            await self.close(PROTOCOL_BROKEN)
            return
        try:
            await self.attach(message)
        except (LeaseLostError, WatchedElsewhereError) as error:
            # The next handshake tells it to begin anew; or the balancer leads it to where the others are, in the end.
            await self.close(MOVED if isinstance(error, LeaseLostError) else WATCHED_ELSEWHERE)
        except TooManySessionsError as error:
            await self.close(TOO_MANY, str(error))
        except asyncio.CancelledError:
            # Either the socket has left, or the node has: its executor cancels what waits.
            if self.ticket is not None and get_node().draining:
                await self.close(SERVER_STOPS)
            raise
        except Exception as error:
            if not get_node().draining:
                get_node().outages.failed(f"Session of {self.slug}: the page could not be opened", error)
            await self.close(SERVER_STOPS)

    @traced("scriptapps.open")
    async def attach(self, message: schema.ClientMessage) -> None:
        """Find or make the live session and show it. Raises what ``SessionOpening.open`` raises."""
        observes = self.admitted.observes
        session = self.observed() if observes else await self.open()
        if self.ticket is None:
            return
        viewer = Viewer(
            self.wake_from_any_thread, self.close_from_any_thread, read_only=observes, visitor=self.admitted.visitor
        )
        client_id = message.attach.client_id[:64].replace("\0", "").replace("#", "")
        for other in () if observes else session.people:
            # A tab that reloads comes back before its old socket is gone. A shared session is for other pages, too.
            if not session.is_shared or other.client_id == client_id:
                other.close_socket(4009, "continued elsewhere")
        viewer.hidden = message.attach.hidden
        session.attach(viewer, client_id)
        viewer.outbox.post(
            urgent=True,
            welcome=schema.Welcome(
                protocol_version=PROTOCOL_VERSION,
                session_id=session.session_id,
                run_on_save=session.source_status.run_on_save,
                debug=settings.DEBUG,
                heartbeat_seconds=int(scriptapps_settings.HEARTBEAT_SECONDS),
                read_only=viewer.read_only,
            ),
        )
        self.session, self.viewer = session, viewer
        while self.early:
            # What comes meanwhile joins the end of the line.
            await self.handle(session, viewer, self.early.pop(0))
        if self.ticket is None:
            return
        self.pump = self.loop.create_task(self.run_pump(session, viewer))
        self.watch_acknowledgements(viewer)

    async def open(self) -> LiveSession:
        """The live session of an ordinary socket."""
        session: LiveSession | None = await self.on_executor(get_node().opening.open, self.admitted)
        pause = TAKE_OVER_TICK
        while session is None:
            # Another process still owns the session and has been asked for it.
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, TAKE_OVER_LONGEST)
            session = await self.on_executor(get_node().opening.open, self.admitted)
        return session

    def observed(self) -> LiveSession:
        """The live session that is to be watched. Raises WatchedElsewhereError while it is not in this process."""
        for session in get_node().select([self.admitted.session_id]):
            return session
        raise WatchedElsewhereError(f"Session {self.admitted.session_id} is not in this process.")

    # -- out -------------------------------------------------------------------------------------------------------

    def wake_from_any_thread(self, delay: float) -> None:
        """There is something to send in ``delay`` seconds."""
        try:
            self.loop.call_soon_threadsafe(self.wake_after, delay)
        except RuntimeError:
            # The loop has ended, and the socket with it.
            return

    def wake_after(self, delay: float) -> None:
        """Wake the pump now or later."""
        if delay <= 0:
            self.wake_now()
        elif self.timer is None:
            self.timer = self.loop.call_later(delay, self.wake_now)

    def wake_now(self) -> None:
        """Wake the pump; a later waking is not needed any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.wake.set()

    async def run_pump(self, session: LiveSession, viewer: Viewer) -> None:
        """Send batches as they become due. A fault ends the socket: a page must not look alive and stand still."""
        try:
            await self.send_batches(session, viewer)
        except Exception:
            if self.ticket is not None:
                logger.exception("Session of %s: its socket could not be served", self.slug)
                self.loop.create_task(self.close(FAULT))

    async def send_batches(self, session: LiveSession, viewer: Viewer) -> None:
        """Wait for batches and send them, for ever."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            data = viewer.outbox.drain(lambda: session.seqs(viewer))
            if data is not None:
                if protocol_logger.isEnabledFor(logging.DEBUG):
                    self.log("->", schema.ServerMessage.FromString(data))
                await self.send({"type": "websocket.send", "bytes": deflate_batch(data)})
                viewer.outbox.sent(self.loop.call_soon)

    def watch_acknowledgements(self, viewer: Viewer) -> None:
        """Close the socket of a browser that gets batches and does not apply them."""
        if self.ticket is None:
            return
        since = viewer.outbox.waiting_since
        if since is not None and time.monotonic() - since > ACK_SECONDS:
            logger.info("Session of %s: nothing acknowledged for %.0f s", self.slug, ACK_SECONDS)
            self.loop.create_task(self.close(TOO_SLOW))
        else:
            self.looks["acks"] = self.loop.call_later(ACK_LOOK_SECONDS, self.watch_acknowledgements, viewer)

    def watch_heart(self) -> None:
        """Close a socket from which nothing came for longer than two heartbeats."""
        if self.ticket is None:
            return
        pulse, next_look = self.heart.feel()
        if pulse == "none":
            logger.info("Session of %s: no heartbeat", self.slug)
            self.loop.create_task(self.close(TOO_SLOW))
            return
        if pulse == "late" and self.viewer is not None:
            # Browsers let the timers of a tab in the background sleep; what arrives is handled there all the same.
            self.viewer.outbox.ask_for_sign()
        self.looks["heart"] = self.loop.call_later(next_look, self.watch_heart)

    def close_from_any_thread(self, code: int, reason: str) -> None:
        """End the socket from outside the event loop."""
        try:
            self.loop.call_soon_threadsafe(lambda: self.loop.create_task(self.close(code)))
        except RuntimeError:
            return

    async def close(self, code: int, message: str = "") -> None:
        """End the socket with a code that the browser understands, and a message that the page shows."""
        if self.ticket is None or self.is_closing:
            return
        self.is_closing = True
        try:
            if message := message or (self.session.close_message if self.session else ""):
                # Not in the closing frame, which is short, and which not every server lets us fill.
                note = schema.Error(code="closed", message=message)
                data = schema.ServerMessage(errors=[note]).SerializeToString()
                await self.send({"type": "websocket.send", "bytes": data})
            # First the frame, then the farewell: a process that ends waits until its sockets have left.
            await self.send({"type": "websocket.close", "code": code})
        finally:
            self.leave()

    def log(self, arrow: str, message: Any) -> None:
        """Messages as JSON when the logger ``scriptapps.protocol`` is at DEBUG."""
        if protocol_logger.isEnabledFor(logging.DEBUG):
            session_id = self.session.session_id if self.session else "-"
            protocol_logger.debug("%s %s %s", session_id, arrow, to_json(message))
