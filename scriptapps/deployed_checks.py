"""System checks of a deployed site: what is handy while developing, and slow, open or forgetful in production.

Runs on: `manage.py check --deploy`. Asks no database and no network.
Invariant: as in `checks`; all but the versions are silent while DEBUG is on.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.core.files.storage import FileSystemStorage
from google.protobuf.internal import api_implementation

from scriptapps.conf import SETTINGS_NAME, scriptapps_settings
from scriptapps.registry import registry
from scriptapps.stored_files import file_storage

CACHE_STORE = "scriptapps.store.CacheStateStore"
FORGETFUL_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
TOKEN_CHARS = 20
KNOWN_BAD = {
    "daphne": ((4, 2, 2), "it takes websocket messages of any size, and headers that a proxy did not mean"),
    "asgiref": ((3, 12, 0), "a cancelled request can make the server stop answering"),
}
"""Versions before these, and what is wrong with them."""


def register_deployed_checks() -> None:
    """Called once, with the other checks."""
    register(check_hosts, Tags.security, deploy=True)
    register(check_connections, Tags.database, deploy=True)
    register(check_cached_state, Tags.caches, deploy=True)
    register(check_cookies, Tags.security, deploy=True)
    register(check_versions, Tags.compatibility, deploy=True)
    register(check_protobuf, Tags.compatibility, deploy=True)
    register(check_openness, Tags.security, deploy=True)
    register(check_writable, Tags.files, deploy=True)
    register(check_metrics_token, Tags.security, deploy=True)


def check_hosts(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W016: any host name is taken, so the Origin of a websocket proves nothing."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts of this site in ALLOWED_HOSTS; pages of other sites can open sockets otherwise."
    return [Warning('ALLOWED_HOSTS has "*".', hint=hint, id="scriptapps.W016")]


def check_connections(app_configs: Any = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W017: connections are kept by threads that end with their request."""
    hint = (
        "Leave CONN_MAX_AGE at 0: under ASGI each request has a thread of its own. Script threads keep theirs anyway."
    )
    return [
        Warning(f"DATABASES[{alias!r}] has a CONN_MAX_AGE.", hint=hint, id="scriptapps.W017")
        for alias, database in settings.DATABASES.items()
        if not settings.DEBUG and database.get("CONN_MAX_AGE", 0) != 0
    ]


def check_cached_state(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W018: stored state is kept in a cache that other processes do not see and a restart empties."""
    store = scriptapps_settings.STATE_STORE
    alias = store.get("OPTIONS", {}).get("ALIAS", "default")
    backend = settings.CACHES.get(alias, {}).get("BACKEND", "")
    if settings.DEBUG or store["BACKEND"] != CACHE_STORE or not backend.endswith(FORGETFUL_CACHES):
        return []
    hint = f'Use a shared cache for CACHES[{alias!r}], or "scriptapps.store.DatabaseStateStore".'
    return [Warning(f"Session state is kept in {backend}.", hint=hint, id="scriptapps.W018")]


def check_cookies(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W019: pages of other sites send the session's cookie along."""
    given = settings.SESSION_COOKIE_SAMESITE
    if settings.DEBUG or str(given).lower() not in ("none", "false", ""):
        return []
    hint = 'Set SESSION_COOKIE_SAMESITE = "Lax" unless other sites show your pages in frames.'
    return [Warning(f"SESSION_COOKIE_SAMESITE is {given!r}.", hint=hint, id="scriptapps.W019")]


def check_versions(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W020: a package in a version with a known fault that concerns open sockets."""
    return [
        Warning(
            f"{name} {text}: {fault}.",
            hint=f'Install "{name}>={".".join(map(str, good))}".',
            id="scriptapps.W020",
        )
        for name, (good, fault) in KNOWN_BAD.items()
        if (text := version_of(name)) and _numbers(text) < good
    ]


def check_protobuf(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W021: protobuf without its compiled part."""
    if settings.DEBUG or api_implementation.Type() != "python":
        return []
    hint = "Install a wheel of protobuf for this platform, and leave PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION unset."
    return [Warning("protobuf runs in plain Python, many times slower.", hint=hint, id="scriptapps.W021")]


def check_openness(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W022: tracebacks for everybody. W023: saving reruns. W024: frames anywhere. W025: open unless said otherwise."""
    if settings.DEBUG:
        return []
    given = scriptapps_settings
    findings = [
        (given.SHOW_TRACEBACKS, "SHOW_TRACEBACKS", "visitors are shown frames of the source", "W022"),
        (given.RUN_ON_SAVE, "RUN_ON_SAVE", "a deploy reruns every open page while files are being replaced", "W023"),
        ({"*", "http:", "https:"} & {*given.FRAME_ANCESTORS}, "FRAME_ANCESTORS", "any site may frame pages", "W024"),
        (given.DEFAULT_ACCESS == "public", "DEFAULT_ACCESS", "a script that says nothing is open to all", "W025"),
    ]
    return [
        Warning(
            f"{SETTINGS_NAME}[{name!r}]: {text}.",
            hint=f'Take {name} out of {SETTINGS_NAME} unless this is meant; then add "scriptapps.{number}" to '
            "SILENCED_SYSTEM_CHECKS.",
            id=f"scriptapps.{number}",
        )
        for found, name, text, number in findings
        if found
    ]


def check_writable(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W026: a folder of scripts or uploaded files in which every user of the machine may write."""
    if settings.DEBUG:
        return []
    return [
        Warning(f"Every user of this machine may write to {path}.", hint=f"chmod o-w {path}", id="scriptapps.W026")
        for path in _own_folders()
        if path.exists() and path.stat().st_mode & stat.S_IWOTH
    ]


def check_metrics_token(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W027: a token for metrics that can be guessed."""
    token = scriptapps_settings.METRICS_TOKEN
    if settings.DEBUG or scriptapps_settings.METRICS_ACCESS != "token" or not token or len(token) >= TOKEN_CHARS:
        return []
    hint = "Make a new one: python -c 'import secrets; print(secrets.token_urlsafe(32))'."
    return [Warning(f"METRICS_TOKEN has fewer than {TOKEN_CHARS} characters.", hint=hint, id="scriptapps.W027")]


def version_of(name: str) -> str:
    """The version of an installed package, "" where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _own_folders() -> Iterator[Path]:
    yield from registry.roots()
    storage = file_storage()
    if isinstance(storage, FileSystemStorage):
        yield Path(storage.location)
