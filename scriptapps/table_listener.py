"""Hears what a PostgreSQL database tells of writes to its tables.

Runs on: one daemon thread for each listened database of a process with a node, on a connection of its own. Invariant:
what was told while the connection was away is taken for granted when it is back: all tables with triggers count as
changed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import connections

from scriptapps.table_triggers import CHANNEL, tables_with_triggers
from scriptapps.table_watch import written_here

logger = logging.getLogger("scriptapps.tables")

LOOK_SECONDS = 5.0
"""How often the thread looks whether it is to end, should closing its connection not have told it."""
RETRY_SECONDS = 1.0

Told = Callable[[str, Any], None]


class TableListener:
    """``told`` gets a table and who wrote: a script session of this process, or None for somebody elsewhere."""

    def __init__(self, alias: str, told: Told) -> None:
        self.alias, self._told = alias, told
        self._stop = threading.Event()
        self._answers = True
        # Set while it listens.
        self.listening = threading.Event()
        self._connection: Any = None
        self._thread = threading.Thread(target=self._work, name=f"scriptapps-listen-{alias}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stop.set()
        raw = getattr(self._connection, "connection", None)
        if raw is not None:
            # Ends the wait in the other thread.
            with suppress(Exception):
                raw.close()
        self._thread.join(LOOK_SECONDS + 1)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Exception as error:
                if self._stop.is_set():
                    return
                level = logging.WARNING if self._answers else logging.DEBUG
                self._answers = False
                logger.log(level, "Writes from outside to %r are not heard (%s); it is tried again", self.alias, error)
            finally:
                self.listening.clear()
                with suppress(Exception):
                    self._connection.close()
            self._stop.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        # A connection of a pool would never go back to it.
        self._connection = connection = connections[self.alias].copy()
        connection.settings_dict["OPTIONS"] = {
            name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"
        }
        connection.inc_thread_sharing()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        for table in tables_with_triggers(connection):
            self._told(table, None)
        if not self._answers:
            self._answers = True
            logger.warning("Writes from outside to %r are heard again", self.alias)
        self.listening.set()
        while not self._stop.is_set():
            for note in connection.connection.notifies(timeout=LOOK_SECONDS):
                self._hear(note.payload, note.pid)

    def _hear(self, table: str, process: int) -> None:
        try:
            self._told(table, written_here(process, table))
        except LookupError:
            # The connection that wrote tells by itself, and knows better who did.
            return
