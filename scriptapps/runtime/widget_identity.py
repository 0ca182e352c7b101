"""What makes a widget the same one in the next run.

Runs on: any thread. Invariant: equal input gives the equal id in every run and process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

PLAIN = (str, int, float, tuple, type(None))


def make_widget_id(kind: str, key: str | None, identity: Sequence[object]) -> str:
    """A stable id: equal for equal kind, key and identity in every run and process."""
    # What is not plain counts by its text: a repr may be a memory address, another one in each run.
    plain = [item if isinstance(item, PLAIN) else str(item) for item in identity]
    digest = hashlib.blake2b(repr((kind, key, *plain)).encode(), digest_size=9)
    return f"{kind}-{digest.hexdigest()}"
