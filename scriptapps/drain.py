"""Leaving in good order: SIGTERM first drains the node, then does what the server would have done.

Runs on: installed and called on the main thread, drains on a thread of its own. Invariant: however draining goes, the
server's own handler runs at the end, within ``DRAIN_SECONDS`` and a little.
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
    node = running_node()
    try:
        if node is not None:
            logger.info("Node %s drains %d sessions", node.name, len(node.select()))
            sessions = node.select()
            # It stays the process's node, so that nothing new is admitted while the server ends.
            node.shut_down(scriptapps_settings.DRAIN_SECONDS)
            wait_for_sockets(sessions)
    except Exception:
        logger.exception("The node could not drain in good order")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
