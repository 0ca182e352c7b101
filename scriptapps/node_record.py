"""The row of this process: how it is doing, why it takes nothing, and what the processes of this host left behind.

Runs on: the beat's thread and the database executor; while the node drains, a thread of its own. Invariant: a row says
what was true at its last beat; what staff ask of a process stands in its row, a hint only makes it quick.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import logging
import os
import platform
import socket
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.db import close_old_connections, connections
from django.db.models import F
from django.db.models.functions import Coalesce, Now

import scriptapps
from scriptapps import lease
from scriptapps.conf import scriptapps_settings
from scriptapps.models import ServerProcess
from scriptapps.recycling import HELD, resident_mb, wait_for_sockets
from scriptapps.stacks import FoundStacks, left_by_others

if TYPE_CHECKING:
    from scriptapps.node import ServerNode

logger = logging.getLogger("scriptapps.node")

KILLED = "killed"
HELD_TEXT = "a call held its interpreter, so that nothing else of it could run"
KILLED_TEXT = "it ended without a goodbye: killed, or out of memory"
STATE = ServerProcess.State
MANAGE = {"manage", "django-admin"}
LAST_WORD_SECONDS = 2.0
KEEP_SECONDS = 86_400.0
"""A dead process's file that belongs to no row here, so to another site of this user, is taken away after a day."""


class NodeRecord:
    """Writes the row of this process, and drains it when its row asks for that."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        # Guards writing: nothing may follow the goodbye.
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._drain_heard = False
        self._stays = False
        # Files of other processes as they were at the last look: when written, whether the process had ended.
        self._seen: dict[str, tuple[datetime, bool]] = {}

    def start(self) -> None:
        """Say goodbye when the process ends by itself, from now on."""
        atexit.register(self.end)

    def keep(self) -> None:
        """The beat has ended, the process not yet: keep the row true until ``end``."""
        threading.Thread(target=self._keep, name="scriptapps-record", daemon=True).start()

    def _keep(self) -> None:
        while not self._ended.is_set():
            close_old_connections()
            try:
                self.write()
            except Exception as error:
                self.node.outages.failed("The row of this node was not written; it is tried again", error)
            self._ended.wait(scriptapps_settings.BEAT_SECONDS)
        connections.close_all()

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """One UPDATE; an INSERT where there is no row. Begins to drain if the row asks for it."""
        with self._lock:
            if self._ended.is_set():
                return
            rows = ServerProcess.objects.filter(name=self.node.name)
            fields = self._fields()
            if rows.filter(drain_wanted=self._drain_heard).update(**fields):
                return
            _, made = ServerProcess.objects.get_or_create(name=self.node.name, defaults={**_identity(), **fields})
            if made:
                return
            self._drain_heard = True
            rows.update(**fields | {"state": STATE.DRAINING})
        if not self.node.draining:
            threading.Thread(target=self._drain, name="scriptapps-drain", daemon=True).start()

    def _fields(self) -> dict[str, Any]:
        node, dog = self.node, self.node.watchdog
        sessions = node.select()
        memory = resident_mb()
        state = STATE.NOT_READY if dog.reason else STATE.READY
        fields = {
            "beat": Now(),
            "ended_at": None,
            "state": STATE.DRAINING if node.draining else state,
            "reason": dog.reason or node.reason_not_ready,
            "reason_text": dog.explanation,
            "recycles": scriptapps_settings.RECYCLE,
            "sessions": len(sessions),
            "viewers": sum(len(session.viewers) for session in sessions),
            "threads": threading.active_count(),
            "runs_now": node.engine.running,
            "runs_waiting": node.engine.waiting,
            "run_workers": node.options.workers,
            "abandoned": node.engine.abandoned,
            "memory_bytes": None if memory is None else round(memory * 1_000_000),
            "loop_lag_ms": dog.loop_lag_ms,
            "hint_port": node.beat.bus.port.number,
        }
        return fields if dog.held_at is None else {**fields, "dump": dog.held, "dump_at": dog.held_at}

    def end(self) -> None:
        """Say goodbye in the row. Doing so again does nothing."""
        # A fork that ends is not this process.
        if self._ended.is_set() or os.getpid() != self.node.pid:
            return
        written = self._lock.acquire(timeout=LAST_WORD_SECONDS)
        try:
            self._ended.set()
            atexit.unregister(self.end)
            nothing = dict.fromkeys(("sessions", "viewers", "runs_now", "runs_waiting"), 0)
            ServerProcess.objects.filter(name=self.node.name).update(
                state=STATE.ENDED, beat=Now(), ended_at=Now(), reason=self.node.watchdog.reason, **nothing
            )
        except Exception as error:
            logger.warning("Node %s ends without a word in its row: %s", self.node.name, error)
        finally:
            if written:
                self._lock.release()

    # -- draining --------------------------------------------------------------------------------------------------

    def heard(self, names: list[str]) -> None:
        """Some processes were asked to drain: look into the row if this is one of them. Returns at once."""
        if self.node.name in names:
            self.node.database.submit(self._write_on_executor)

    def _write_on_executor(self) -> None:
        close_old_connections()
        try:
            self.write()
        except Exception:
            logger.exception("The row of node %s could not be asked; the next beat tries again", self.node.name)
        finally:
            close_old_connections()

    def _drain(self) -> None:
        try:
            logger.warning("Node %s drains, as staff asked for: %d sessions", self.node.name, len(self.node.select()))
            if scriptapps_settings.RECYCLE:
                self.node.watchdog.leave()
                return
            self._stays = True
            sessions = self.node.select()
            self.node.shut_down(scriptapps_settings.DRAIN_SECONDS)
            wait_for_sockets(sessions)
            logger.warning("Node %s has drained; it takes nothing until it is started again", self.node.name)
        except Exception:
            logger.exception("Node %s could not drain in good order", self.node.name)
        finally:
            connections.close_all()

    def node_ended(self) -> None:
        """The node has given up everything: the process follows, unless it was only asked to drain."""
        if not self._stays:
            self.end()

    # -- what others left behind -----------------------------------------------------------------------------------

    def collect(self) -> None:
        """Put what held other processes of this host into their rows: only they themselves could not."""
        seen, dead = {}, []
        for found in left_by_others(self.node.name):
            state = seen[found.node_name] = (found.written, lease.is_dead(found.node_name))
            if self._seen.get(found.node_name) == state:
                continue
            if state[1]:
                dead.append(found)
            elif stacks := found.read():
                self._note_held(found, stacks)
        for names in lease.batched((found.node_name for found in dead), lease.CHUNK):
            known = set(ServerProcess.objects.filter(name__in=names).values_list("name", flat=True))
            for found in dead:
                if found.node_name in known:
                    self._note_death(found)
                elif found.node_name in names and found.seconds_old > KEEP_SECONDS:
                    found.remove()
        # Only now: what failed is done again.
        self._seen = seen

    @staticmethod
    def _note_held(found: FoundStacks, stacks: str) -> None:
        # One that goes on again tells itself.
        silent = ServerProcess.objects.filter(name=found.node_name, beat__lt=found.written)
        if silent.update(reason=HELD, reason_text=HELD_TEXT, dump=stacks, dump_at=found.written):
            logger.error("Node %s of this host is held; its row has the stacks", found.node_name)

    @staticmethod
    def _note_death(found: FoundStacks) -> None:
        fields: dict[str, Any] = {"reason": KILLED, "reason_text": KILLED_TEXT}
        if stacks := found.read():
            fields = {"reason": HELD, "reason_text": HELD_TEXT, "dump": stacks, "dump_at": found.written}
        rows = ServerProcess.objects.filter(name=found.node_name).exclude(state=STATE.ENDED)
        if rows.update(ended_at=Coalesce(F("ended_at"), Now()), **fields):
            logger.error("Node %s of this host is gone: %s", found.node_name, fields["reason_text"])
        found.remove()


def _identity() -> dict[str, Any]:
    return {"host": socket.gethostname()[:60], "pid": os.getpid(), "versions": versions()}


def versions() -> dict[str, str]:
    """What runs in this process, by name; "server" is what it was started with."""
    return {
        "python": platform.python_version(),
        "django": django.get_version(),
        "scriptapps": scriptapps.__version__,
        "server": _server(),
    }


def _server() -> str:
    program = Path(sys.argv[0])
    word = program.parent.name if program.stem == "__main__" else program.stem
    if word in MANAGE:
        word = "runserver" if "runserver" in sys.argv[:2] else " ".join([word, *sys.argv[1:2]])
        return f"{word} (daphne)" if "daphne.management.commands.runserver" in sys.modules else word
    if not word or word.startswith("-"):
        return "python"
    try:
        return f"{word} {importlib.metadata.version(word)}"
    except importlib.metadata.PackageNotFoundError:
        return word
