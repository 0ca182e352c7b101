"""The site of the fault tests, as in production and with room for a crowd of one person. Runs on: the servers."""

from typing import Any

from tests.faults.site_settings import *  # noqa: F403
from tests.faults.site_settings import SCRIPTAPPS as GIVEN

# Under DEBUG Django keeps the last 9,000 queries of each connection, which looks like a leak for a while.
DEBUG = False
SCRIPTAPPS: dict[str, Any] = {  # type: ignore[no-redef]
    **GIVEN,
    # A process with a thousand sessions is not to be taken for dead because it beats late.
    "BEAT_SECONDS": 2,
    "LEASE_SECONDS": 30,
    "DETACHED_TTL": 1,
    "RUN_ON_SAVE": False,
    # Nobody of a crowd that is asked one by one sends a heartbeat.
    "HEARTBEAT_SECONDS": 300,
    "SOCKETS_PER_USER": 5_000,
    "SOCKETS_PER_ADDRESS": 5_000,
    "SOCKETS_TOTAL": 5_000,
}
