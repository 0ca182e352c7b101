"""How often one actor may ask: requests in a minute, counted in the site's default cache.

Runs on: request threads. Invariant: with a cache that all processes share the limit is the site's; with one in memory
it is each process's. A cache that fails lets requests through: it guards the load, not the rights.
"""

from __future__ import annotations

import hashlib
import logging
import time

from django.core.cache import cache

from scriptapps.api.problems import Problem
from scriptapps.conf import scriptapps_settings

logger = logging.getLogger("scriptapps.api")
MINUTE = 60


def count(who: str) -> None:
    """Count one request of ``who``. Raises Problem (429) when there were too many in this minute."""
    now = time.time()
    left = MINUTE - int(now % MINUTE)
    limit = scriptapps_settings.API_RATE_PER_MINUTE
    if _requests(who, int(now // MINUTE)) > limit:
        detail = f"More than {limit} requests in a minute. Wait {left} seconds, and ask for many sessions at once."
        raise Problem(429, detail, headers={"Retry-After": str(left)})


def _requests(who: str, minute: int) -> int:
    key = f"scriptapps:api:{hashlib.sha256(who.encode()).hexdigest()[:32]}:{minute}"
    try:
        cache.add(key, 0, timeout=2 * MINUTE)
        return int(cache.incr(key))
    except ValueError:
        # Thrown out between the two: there is no room, or no cache at all.
        return 0
    except Exception:
        logger.exception("The cache does not count requests of the API")
        return 0
