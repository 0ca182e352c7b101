"""What a live session does with each kind of ClientMessage.

Runs on: the viewer's event loop; nothing in here blocks. Invariant: an event that was seen before has no effect; an
unknown message is logged by name, answered with an error, and the socket lives on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from scriptapps.protocol import schema
from scriptapps.protocol.codec import unknown_kind
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.viewer import Viewer

logger = logging.getLogger("scriptapps.protocol")

Handler = Callable[[LiveSession, Viewer, schema.ClientMessage], None]


def handle_message(session: LiveSession, viewer: Viewer, message: schema.ClientMessage, *, debug: bool) -> None:
    """Act on one message. ``debug`` allows what only developers may do. Safe to call from the event loop."""
    kind = message.WhichOneof("kind")
    handler = HANDLERS.get(kind or "")
    if kind in STEERING and viewer.read_only:
        viewer.refuse("not_allowed", "This page is only being watched.", seq=message.seq)
        return
    if handler is None:
        name = kind or unknown_kind(message)
        logger.warning("Session %s: unknown message %s", session.session_id, name)
        viewer.refuse("unknown_message", f"This server does not know the message {name}.", seq=message.seq)
        return
    if kind == "close" and not debug:
        logger.warning("Session %s: close was ignored, it is accepted under DEBUG only", session.session_id)
        return
    if message.seq and session.hold(lambda: _handle_once(handler, session, viewer, message)):
        return
    _handle_once(handler, session, viewer, message)


def _handle_once(handler: Handler, session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    if viewer.dismissed:
        return
    # A widget's event is noted together with its value.
    if handler is _widget_events or session.is_new(viewer, message.seq):
        handler(session, viewer, message)


def _widget_events(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.receive_events(viewer, message.widget_events, message.seq)


def _rerun(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.request_rerun(RerunRequest("rerun", detail="asked on the page"))


def _stop(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.request_stop()


def _clear_cache(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.clear_state()


def _set_run_on_save(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.set_run_on_save(message.set_run_on_save.enabled)
    session.acknowledge_idle()


def _request_snapshot(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    viewer.outbox.post_snapshot(session.snapshot)


def _ack(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    viewer.outbox.acknowledge(message.ack.batch)


def _visibility(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.set_hidden(viewer, message.visibility.hidden)


def _ping(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    viewer.outbox.post(urgent=True, pong=schema.Pong(number=message.ping.number))


def _close(session: LiveSession, viewer: Viewer, message: schema.ClientMessage) -> None:
    session.close(4001, "closed from the page")


HANDLERS: dict[str, Handler] = {
    "widget_events": _widget_events,
    "rerun": _rerun,
    "stop": _stop,
    "clear_cache": _clear_cache,
    "set_run_on_save": _set_run_on_save,
    "request_snapshot": _request_snapshot,
    "ack": _ack,
    "ping": _ping,
    "visibility": _visibility,
    "close": _close,
}
STEERING = (frozenset(HANDLERS) - {"request_snapshot", "ack", "ping", "visibility"}) | {"save_snapshot"}
