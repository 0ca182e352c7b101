"""A page frozen into a row, to be shown without running anything.

Runs on: the database executor. Invariant: what is kept is what was shown.
"""

from __future__ import annotations

import zlib

from scriptapps.handshake import Admitted
from scriptapps.models import SavedSnapshot
from scriptapps.protocol import schema
from scriptapps.runtime.live_session import LiveSession


def save_snapshot(session: LiveSession, admitted: Admitted, title: str, page_path: str) -> schema.SnapshotSaved:
    """Freeze the page. ``page_path``: the page's own address, below which the saved one stands."""
    title = title.strip()[:200] or session.page_config.title or admitted.effective.title
    row = SavedSnapshot.objects.create(
        script_app=admitted.row,
        user_id=session.visitor.user_id,
        title=title,
        payload=zlib.compress(session.snapshot().SerializeToString(), 6),
    )
    return schema.SnapshotSaved(url=f"{page_path}saved/{row.pk}/", title=title)
