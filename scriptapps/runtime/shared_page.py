"""A page and those who look at it.

Runs on: any thread. Invariant: a viewer gets the page as it is when it joins, and every change after that.
"""

from __future__ import annotations

import time

from scriptapps.deltas.page_tree import PageTree
from scriptapps.protocol import schema
from scriptapps.runtime.outbox import compose_node
from scriptapps.runtime.viewer import Viewer


class SharedPage:
    """The page tree, its configuration, how the script's file compares with it, and the viewers.

    ``scope`` says who may look at it together: "tab" (nobody), "browser" or "user". ``shown_run_id`` names the run that
    made it. ``last_seen`` is the wall-clock time at which a viewer came or left.
    """

    def __init__(self, run_on_save: bool) -> None:
        self.tree = PageTree()
        self.scope = "tab"
        # Replaced by each join and leave, so that whoever iterates needs no lock. Changed under the tree's lock.
        self.viewers: list[Viewer] = []
        self.tells_observed = True
        self.page_config = schema.PageConfig()
        self.source_status = schema.SourceStatus(run_on_save=run_on_save)
        self.shown_run_id = ""
        # Why the page is not saved, as long as it is not. Changed under the tree's lock.
        self.unsaved: schema.Error | None = None
        self.last_seen = time.time()

    @property
    def is_shared(self) -> bool:
        """Whether several pages may look at it at once."""
        return self.scope != "tab"

    @property
    def is_running(self) -> bool:
        """Whether a run is changing the page."""
        return False

    @property
    def people(self) -> list[Viewer]:
        """Those who work in it; staff who watch are none of them."""
        return [viewer for viewer in self.viewers if not viewer.read_only]

    def tell_observed(self, changed: Viewer) -> None:
        """A viewer came or left: tell those who work in it how many watch, if that is news to them."""
        count = sum(viewer.read_only for viewer in self.viewers)
        for viewer in self.people if self.tells_observed and (changed.read_only or count) else ():
            viewer.outbox.post(observers=schema.Observers(count=count))

    def add_viewer(self, viewer: Viewer) -> None:
        """From now on the viewer gets the page and its changes."""
        viewer.open_outbox(self.tree)
        with self.tree.lock:
            self.tree.listeners.append(viewer.outbox)
            # Before the snapshot: whoever says later that the run has ended must reach a viewer that was shown it.
            self.viewers = [*self.viewers, viewer]
            viewer.outbox.post_snapshot(self.snapshot)
            viewer.outbox.post(source_status=self.source_status)
            if self.unsaved is not None:
                viewer.outbox.post(errors=self.unsaved)
            self.last_seen = time.time()

    def remove_viewer(self, viewer: Viewer) -> None:
        """The viewer has left."""
        with self.tree.lock:
            if viewer in self.viewers:
                self.tree.listeners.remove(viewer.outbox)
                self.viewers = [other for other in self.viewers if other is not viewer]
            self.last_seen = time.time()

    def snapshot(self) -> schema.Snapshot:
        """The page as it is now."""
        with self.tree.lock:
            self.tree.settle()
            snapshot = schema.Snapshot(run_id=self.shown_run_id, running=self.is_running)
            snapshot.page_config.CopyFrom(self.page_config)
            for root in (self.tree.main, self.tree.sidebar):
                compose_node(snapshot.roots.add(), root)
            return snapshot

    def broadcast(self, *, urgent: bool = False, **fields: object) -> None:
        """Say something to every viewer."""
        for viewer in self.viewers:
            viewer.outbox.post(urgent=urgent, **fields)

    def post_toast(self, toast: schema.Toast) -> None:
        """Show a message that passes."""
        self.broadcast(toasts=toast)

    def say_unsaved(self, text: str) -> None:
        """Tell each viewer once, and whoever joins, that the page is not saved."""
        with self.tree.lock:
            if self.unsaved is None:
                self.unsaved = schema.Error(code="not_saved", message=text)
                self.broadcast(errors=self.unsaved)

    def say_saved(self, text: str) -> None:
        """The page is saved; those who were told otherwise are told."""
        if self.unsaved is not None:
            with self.tree.lock:
                self.unsaved = None
                self.post_toast(schema.Toast(body_html=text, seconds=4))

    def set_page_config(self, config: schema.PageConfig) -> None:
        """Merge the fields that are set into the page's configuration."""
        before = self.page_config.SerializeToString()
        self.page_config.MergeFrom(config)
        if self.page_config.SerializeToString() != before:
            self.broadcast(page_config=self.page_config)

    def set_source_status(self, *, changed: bool = False, error: str = "") -> None:
        """Tell viewers how the script's file compares with the page."""
        status = schema.SourceStatus(changed=changed, error=error, run_on_save=self.source_status.run_on_save)
        if status != self.source_status:
            self.source_status = status
            self.broadcast(urgent=True, source_status=status)

    def set_run_on_save(self, enabled: bool) -> None:
        """Whether a saved script file makes this session run again by itself."""
        self.source_status = schema.SourceStatus(
            changed=self.source_status.changed, error=self.source_status.error, run_on_save=enabled
        )
        self.broadcast(urgent=True, source_status=self.source_status)
