"""The demo site with scripts of its own, for servers that are started and killed. Runs on: the servers."""

from pathlib import Path
from typing import Any

from project.settings import *  # noqa: F403
from project.settings import SCRIPTAPPS as GIVEN

SCRIPTAPPS: dict[str, Any] = {  # type: ignore[no-redef]
    **GIVEN,
    "DIRS": [Path(__file__).parent / "scripts"],
    "BEAT_SECONDS": 1,
    "SCRIPT_STOP_GRACE": 0.5,
    "DRAIN_SECONDS": 3,
    "LEASE_SECONDS": 4,
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
