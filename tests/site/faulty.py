"""The demo site with the scripts and the store of the fault tests. Runs on: servers of the fault tests.

The environment sets BEAT_SECONDS, LEASE_SECONDS, DRAIN_SECONDS, HEARTBEAT_SECONDS, DETACHED_TTL, REVALIDATE_SECONDS,
SQLITE_TIMEOUT (seconds) and SQLITE_PAGES, which is all that the database file may have.
"""

import os
from pathlib import Path
from typing import Any

from project.settings import *  # noqa: F403
from project.settings import DATABASES
from project.settings import INSTALLED_APPS as APPS
from project.settings import SCRIPTAPPS as DEMO

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"]["timeout"] = float(os.environ.get("SQLITE_TIMEOUT", "20"))
    if "SQLITE_PAGES" in os.environ:
        DATABASES["default"]["OPTIONS"]["init_command"] += f"; PRAGMA max_page_count={int(os.environ['SQLITE_PAGES'])}"
# daphne's app makes an event loop when it is imported, which no two processes may share.
INSTALLED_APPS = [name for name in APPS if name != "daphne"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
_CHANGED: dict[str, Any] = {
    "DIRS": [Path(__file__).parent / "scripts"],
    "STATE_STORE": {"BACKEND": "tests.site.faulty_store.DyingStateStore"},
    "BEAT_SECONDS": float(os.environ.get("BEAT_SECONDS", "0.5")),
    "REVALIDATE_SECONDS": float(os.environ.get("REVALIDATE_SECONDS", "60")),
    "LEASE_SECONDS": float(os.environ.get("LEASE_SECONDS", "30")),
    "DRAIN_SECONDS": float(os.environ.get("DRAIN_SECONDS", "10")),
    "HEARTBEAT_SECONDS": float(os.environ.get("HEARTBEAT_SECONDS", "15")),
    "DETACHED_TTL": float(os.environ.get("DETACHED_TTL", "600")),
    "SCRIPT_STOP_GRACE": 0.5,
    "SOCKETS_PER_USER": 500,
    "SOCKETS_PER_ADDRESS": 500,
    "MESSAGES_PER_SECOND": 10_000,
    "MESSAGE_BURST": 10_000,
}
SCRIPTAPPS = {**DEMO, **_CHANGED}
