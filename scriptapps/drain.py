"""Leaving in good order: SIGTERM first drains the node, then does what the server would have done.

Runs on: installed and called on the main thread, drains on threads of its own. Invariant: however draining goes, the
server's own handler runs at the end, within ``DRAIN_SECONDS`` and a little; where even draining hangs, because the
database does, the process ends soon after.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Any

from scriptapps.conf import scriptapps_settings
from scriptapps.node import running_node
from scriptapps.recycling import wait_for_sockets

logger = logging.getLogger("scriptapps.node")

OVERTIME_SECONDS = 2.0
"""What draining may take longer than ``DRAIN_SECONDS``."""
FAREWELL_SECONDS = 2.0
"""What the server may take for its own end where draining hangs: its threads would hang as well."""
ENDED_BY_SIGTERM = 143
"""The exit status of a process that SIGTERM ended, as shells tell it."""

_installed = False


def install_drain() -> None:
    """Drain at SIGTERM from now on. Does nothing when called again, or off the main thread, where Python forbids it."""
    global _installed
    if _installed or threading.current_thread() is not threading.main_thread():
        return
    _installed = True
    server_handler = signal.getsignal(signal.SIGTERM)
    if server_handler is None:
        # Installed by something that is not Python, which could not be called at the end.
        return

    def drain(signum: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, server_handler)
        threading.Thread(target=_drain, name="scriptapps-drain").start()

    signal.signal(signal.SIGTERM, drain)


def _drain() -> None:
    leaving = threading.Thread(target=_leave, name="scriptapps-leave", daemon=True)
    leaving.start()
    leaving.join(scriptapps_settings.DRAIN_SECONDS + OVERTIME_SECONDS)
    if leaving.is_alive():
        logger.error("The node could not drain in time; other processes take its sessions when they find it gone")
        last_resort = threading.Timer(FAREWELL_SECONDS, os._exit, [ENDED_BY_SIGTERM])
        last_resort.daemon = True
        last_resort.start()
    os.kill(os.getpid(), signal.SIGTERM)


def _leave() -> None:
    node = running_node()
    if node is None:
        return
    try:
        sessions = node.select()
        logger.info("Node %s drains %d sessions", node.name, len(sessions))
        # It stays the process's node, so that nothing new is admitted while the server ends.
        node.shut_down(scriptapps_settings.DRAIN_SECONDS)
        wait_for_sockets(sessions)
    except Exception:
        logger.exception("The node could not drain in good order")
