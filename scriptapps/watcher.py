"""SourceWatcher: a saved script file makes open pages run again, or offers it.

Runs on: watchdog's thread collects, one thread of its own acts. Invariant: an editor's save, however it is done (in
place, in pieces, by renaming), counts once; what does not compile changes no page.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import autoreload
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

from scriptapps import signals
from scriptapps.conf import scriptapps_settings
from scriptapps.errors import ScriptCompileError
from scriptapps.node import ServerNode
from scriptapps.registry import registry
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.modules import forget_modules, imported_files, loaded_modules
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.runtime.script import Script

logger = logging.getLogger("scriptapps.watcher")

SETTLE_SECONDS = 0.1
"""Quiet time after the last event before a change counts."""


class SourceWatcher(FileSystemEventHandler):
    """Watches the script roots for one node."""

    def __init__(self, node: ServerNode) -> None:
        self.node = node
        self.roots = registry.roots()
        # Guards what changed and whether the thread is to end.
        self._condition = threading.Condition()
        self._changed: set[Path] = set()
        self._stopping = False
        self._hashes = {path: _digest(path) for root in self.roots for path in root.rglob("*.py")}
        self._thread = threading.Thread(target=self._work, name="scriptapps-watcher", daemon=True)
        self._observer: Any = None

    def start(self) -> None:
        """Begin to watch; where the system's own notices are not to be had, look once a second."""
        self._observer = self._observe(Observer) or self._observe(PollingObserver)
        self._thread.start()

    def _observe(self, kind: Any) -> Any:
        observer = kind()
        try:
            for root in self.roots:
                observer.schedule(self, str(root), recursive=True)
            observer.daemon = True
            observer.start()
        except OSError as error:
            logger.warning("Script folders cannot be watched with %s: %s", kind.__name__, error)
            return None
        return observer

    def stop(self) -> None:
        """End both threads."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(5)
        self._thread.join(5)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Watchdog tells of an event: note the files it names."""
        if event.event_type in ("opened", "closed_no_write"):
            return
        names = [name for name in (event.src_path, event.dest_path) if name]
        paths = {Path(str(name)) for name in names if str(name).endswith(".py")}
        if paths:
            with self._condition:
                self._changed |= paths
                self._condition.notify()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._changed or self._stopping)
                while not self._stopping and self._condition.wait(SETTLE_SECONDS):
                    continue
                if self._stopping:
                    return
                changed, self._changed = self._changed, set()
            digests = {path: digest for path in changed if (digest := _digest(path)) is not None}
            with self._condition:
                if self._changed:
                    # Somebody wrote while we read: what we read may be half of it.
                    self._changed |= changed
                    continue
            fresh = {path for path, digest in digests.items() if digest != self._hashes.get(path)}
            self._hashes.update(digests)
            try:
                self.files_changed(fresh)
                self.files_undone(set(digests) - fresh)
            except Exception:
                logger.exception("A change of %s could not be followed", ", ".join(map(str, changed)))

    def files_changed(self, paths: set[Path]) -> None:
        """Files under the roots have new content: run or tell the sessions they concern."""
        if not paths:
            return
        affected = [(session, hit) for session in self.node.select() if (hit := self._concerns(session, paths))]
        errors = {path: error for path in paths if (error := _compile_error(path))}

        def tell() -> None:
            for session, hit in affected:
                self._tell(session, hit, next((errors[path] for path in hit if path in errors), ""))

        importlib.invalidate_caches()
        # Runs are waited for only where a module that is loaded has changed; a script is no module.
        stale = [root for root in self.roots if not (paths - set(errors)).isdisjoint(loaded_modules(root).values())]
        if stale:
            forget_modules(*stale, meanwhile=tell)
        else:
            tell()

    def files_undone(self, paths: set[Path]) -> None:
        """Files were written and are again as they were: a run may have met a mistake in between and still show it."""
        for session in self.node.select():
            if session.source_status.error and (hit := self._concerns(session, paths)):
                self._tell(session, hit, next(filter(None, map(_compile_error, hit)), ""))

    def _tell(self, session: LiveSession, files: set[Path], error: str) -> None:
        if error:
            session.set_source_status(changed=True, error=error if self.node.options.show_tracebacks else "")
        elif session.source_status.run_on_save:
            session.request_rerun(RerunRequest("file saved", detail=", ".join(sorted(path.name for path in files))))
        else:
            session.set_source_status(changed=True)

    @staticmethod
    def _concerns(session: LiveSession, paths: set[Path]) -> set[Path]:
        source = registry.find(session.slug)
        if source is None:
            return set()
        return paths & ({source.path} | imported_files(source.path, source.root))


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _compile_error(path: Path) -> str:
    try:
        Script.from_file(path)
    except ScriptCompileError as error:
        return str(error)
    return ""


_watchers: dict[ServerNode, SourceWatcher] = {}


def _node_started(sender: Any, node: ServerNode, **_: Any) -> None:
    # Without run-on-save a changed source is still told, and may be run from the page.
    if settings.DEBUG or scriptapps_settings.RUN_ON_SAVE:
        _watchers[node] = watcher = SourceWatcher(node)
        watcher.start()


def _node_stopped(sender: Any, node: ServerNode, **_: Any) -> None:
    watcher = _watchers.pop(node, None)
    if watcher is not None:
        watcher.stop()


def _file_changed(sender: Any, file_path: Path, **_: Any) -> bool:
    # Django's autoreloader asks: True means that the change is taken care of and the server need not restart.
    return any(Path(file_path).resolve().is_relative_to(root) for root in registry.roots())


def connect() -> None:
    """Watch for every node that starts, and keep ``runserver`` from restarting for scripts."""
    signals.node_started.connect(_node_started, dispatch_uid="scriptapps.watcher.start")
    signals.node_stopped.connect(_node_stopped, dispatch_uid="scriptapps.watcher.stop")
    autoreload.file_changed.connect(_file_changed, dispatch_uid="scriptapps.watcher.autoreload")
