"""When a process counts as alive: by its last sign of life, never by what a row says of itself.

Runs on: any thread. Invariant: one border for sessions and processes alike.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from scriptapps.conf import scriptapps_settings

# A node is believed alive for this many of its beats: one may be lost, one may be late.
BEATS_UNTIL_GONE = 3


def live_since(now: datetime | None = None) -> datetime:
    """The moment after which a node must have beaten for its sessions to count as live."""
    return (now or timezone.now()) - timedelta(seconds=BEATS_UNTIL_GONE * scriptapps_settings.BEAT_SECONDS)
