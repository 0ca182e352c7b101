"""System checks of settings that are each right and do not fit together, or lead nowhere.

Runs on: start-up and `manage.py check`, with or without `--deploy`. Asks no database and no network.
Invariant: as in `checks`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from scriptapps import tracing
from scriptapps.conf import SETTINGS_NAME, scriptapps_settings
from scriptapps.registry import registry
from scriptapps.store import BaseStateStore

SQLITE = "django.db.backends.sqlite3"
BEATS_OF_A_LEASE = 2


def register_setting_checks() -> None:
    """Called once, with the other checks."""
    register(check_state_store, Tags.compatibility)
    register(check_leases, Tags.compatibility)
    register(check_script_places, Tags.security)
    register(check_metrics, Tags.security)
    register(check_tracing, Tags.compatibility)
    register(check_addresses, Tags.urls)
    register(check_limits, Tags.compatibility)
    register(check_app_limits, Tags.compatibility)
    register(check_memory_database, Tags.database)


def check_state_store(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E011: the state store is not there, or is none."""
    path = scriptapps_settings.STATE_STORE["BACKEND"]
    hint = f'Correct {SETTINGS_NAME}["STATE_STORE"]["BACKEND"], for example "scriptapps.store.DatabaseStateStore".'
    try:
        store = import_string(path)
    except ImportError as error:
        return [Error(f"The state store {path!r} cannot be imported: {error}.", hint=hint, id="scriptapps.E011")]
    if isinstance(store, type) and issubclass(store, BaseStateStore):
        return []
    return [Error(f"{path!r} is no subclass of BaseStateStore.", hint=hint, id="scriptapps.E011")]


def check_leases(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W028: leases run out before the next beat renews them, so that sessions are lost while all is well."""
    lease, beat = scriptapps_settings.LEASE_SECONDS, scriptapps_settings.BEAT_SECONDS
    if lease >= BEATS_OF_A_LEASE * beat:
        return []
    hint = f'Set {SETTINGS_NAME}["LEASE_SECONDS"] to {BEATS_OF_A_LEASE} times BEAT_SECONDS at least, better six times.'
    text = f"Leases last {lease:g} seconds and are renewed every {beat:g}."
    return [Warning(text, hint=hint, id="scriptapps.W028")]


def check_script_places(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E012: scripts lie where uploaded files would become pages, or where anybody can read them."""
    dangers = {"MEDIA_ROOT": "an uploaded file becomes a page", "STATIC_ROOT": "anybody can read the scripts"}
    hint = f'Move the scripts, and correct {SETTINGS_NAME}["DIRS"].'
    return [
        Error(f"Scripts are served from {folder}, which is inside {name}: {danger}.", hint=hint, id="scriptapps.E012")
        for folder in registry.roots()
        for name, danger in dangers.items()
        if (root := getattr(settings, name, "")) and folder.is_relative_to(Path(root).resolve())
    ]


def check_metrics(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E013: metrics are for whoever has a token, and there is none."""
    if scriptapps_settings.METRICS_ACCESS != "token" or scriptapps_settings.METRICS_TOKEN:
        return []
    hint = f'Set {SETTINGS_NAME}["METRICS_TOKEN"] to a long random string, or METRICS_ACCESS to "staff" or "off".'
    return [Error("METRICS_ACCESS is token, but METRICS_TOKEN is empty.", hint=hint, id="scriptapps.E013")]


def check_tracing(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E014: spans are switched on, and there is nothing that makes them."""
    if not scriptapps_settings.TRACING or tracing.package() is not None:
        return []
    hint = f'pip install "django-scriptapps[otel]", or remove {SETTINGS_NAME}["TRACING"].'
    return [Error("TRACING is on, but opentelemetry-api is not installed.", hint=hint, id="scriptapps.E014")]


def check_addresses(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W013: the site has no address for script apps."""
    try:
        reverse("scriptapps:index")
    except NoReverseMatch:
        hint = 'Add path("apps/", include("scriptapps.urls")) to the urlpatterns of ROOT_URLCONF.'
        return [Warning("Script apps have no address on this site.", hint=hint, id="scriptapps.W013")]
    return []


def check_limits(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W014: a limit of one thing is larger than that of all things, and so never reached."""
    pairs = [
        ("STATE_VALUE_BYTES", "STATE_SESSION_BYTES"),
        ("UPLOAD_MAX_BYTES", "UPLOAD_SESSION_BYTES"),
        ("UPLOAD_SESSION_BYTES", "UPLOAD_TOTAL_BYTES"),
        ("SOCKETS_PER_USER", "SOCKETS_TOTAL"),
        ("SOCKETS_PER_ADDRESS", "SOCKETS_TOTAL"),
    ]
    return [
        Warning(
            f"{SETTINGS_NAME}[{one!r}] is larger than {whole} and has no effect.",
            hint=f"Lower {one} or raise {whole}.",
            id="scriptapps.W014",
        )
        for one, whole in pairs
        if getattr(scriptapps_settings, one) > getattr(scriptapps_settings, whole)
    ]


def check_memory_database(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W015: a SQLite database in memory, of which each script thread has an empty one of its own."""
    hint = "Give it the name of a file; runs happen on other threads than requests."
    return [
        Warning(f"SQLite database {alias!r} is kept in memory.", hint=hint, id="scriptapps.W015")
        for alias, database in settings.DATABASES.items()
        if database.get("ENGINE") == SQLITE and str(database.get("NAME", "")) in ("", ":memory:")
    ]


def check_app_limits(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W029: a limit of a script app is higher than that of the process, and so never reached."""
    pairs = [("memory", "MEMORY_WATERMARK_MB"), ("sessions_per_user", "SOCKETS_PER_USER")]
    return [
        Warning(
            f"The limit {name} of script app {source.slug!r} is higher than {setting} and has no effect.",
            hint=f'Lower it, or raise {SETTINGS_NAME}["{setting}"].',
            id="scriptapps.W029",
        )
        for source in registry.all()
        for name, setting in pairs
        if (own := getattr(registry.effective(source), name)) is not None
        and (whole := getattr(scriptapps_settings, setting)) is not None
        and own > whole
    ]
