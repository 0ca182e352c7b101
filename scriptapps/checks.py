"""System checks: what makes script apps fail or open a hole, found at start-up, each with the line that mends it.

Runs on: start-up and `manage.py check`. Asks no database and no network.
Invariant: ids are stable; E0xx stops the server, W0xx is shown.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.files.storage import FileSystemStorage
from django.db import connections

from scriptapps.access import NOBODY, AccessKind
from scriptapps.conf import OPTIONS, SETTINGS_NAME, scriptapps_settings
from scriptapps.deployed_checks import register_deployed_checks
from scriptapps.registry import is_package, listed, registry, settings_access
from scriptapps.setting_checks import register_setting_checks
from scriptapps.stored_files import STORAGE_ALIAS, file_storage, upload_root

SESSION_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH_MIDDLEWARE = "django.contrib.auth.middleware.AuthenticationMiddleware"
IN_MEMORY_LAYER = "channels.layers.InMemoryChannelLayer"
REDIS_LAYERS = ("channels_redis.core.RedisChannelLayer", "channels_redis.pubsub.RedisPubSubChannelLayer")
# channels_redis waits this long for a message; a socket that gives up as early is closed while merely idle.
REDIS_WAIT_SECONDS = 5
SQLITE_WAIT_SECONDS = 20

Apps = Sequence[AppConfig] | None


def register_checks() -> None:
    """Called once by the AppConfig."""
    register(check_settings, Tags.compatibility)
    register(check_asgi, Tags.compatibility)
    register(check_middleware, Tags.security)
    register(check_folders, Tags.files)
    register(check_scripts, Tags.compatibility)
    register(check_access, Tags.security)
    register(check_redis, Tags.compatibility)
    register(check_upload_storage, Tags.security)
    register(check_listening, Tags.database)
    register(check_deployed_uploads, Tags.files, deploy=True)
    register(check_deployed_layer, Tags.compatibility, deploy=True)
    register(check_deployed_sqlite, Tags.database, deploy=True)
    register(check_deployed_sessions, Tags.security, deploy=True)
    register_setting_checks()
    register_deployed_checks()


def check_settings(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E001: a key of SCRIPTAPPS is unknown, mistyped or out of range."""
    return [
        Error(
            f"{SETTINGS_NAME}[{name!r}] {problem}." if name else f"{SETTINGS_NAME} {problem}.",
            hint=f"See docs/settings.md; the keys are {', '.join(OPTIONS)}.",
            id="scriptapps.E001",
        )
        for name, problem in scriptapps_settings.problems()
    ]


def check_asgi(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E002: no ASGI application. E003: daphne comes too late. W001: runserver will not speak WebSocket."""
    found: list[CheckMessage] = []
    if not getattr(settings, "ASGI_APPLICATION", None):
        hint = 'Set ASGI_APPLICATION = "<your project>.asgi.application"; script apps need WebSockets.'
        found.append(Error("ASGI_APPLICATION is not set.", hint=hint, id="scriptapps.E002"))
    names = [config.name for config in apps.get_app_configs()]
    if "daphne" not in names:
        hint = 'Put "daphne" first in INSTALLED_APPS, or run another ASGI server instead of runserver.'
        if settings.DEBUG:
            found.append(Warning("runserver will not speak WebSocket.", hint=hint, id="scriptapps.W001"))
    elif "django.contrib.staticfiles" in names[: names.index("daphne")]:
        hint = 'Put "daphne" before "django.contrib.staticfiles" in INSTALLED_APPS.'
        found.append(Error("daphne comes after staticfiles, whose runserver wins.", hint=hint, id="scriptapps.E003"))
    return found


def check_middleware(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E004 and E005: sessions or authentication missing from MIDDLEWARE. E006: in the wrong order."""
    installed = list(settings.MIDDLEWARE or [])
    missing = [
        Error(f"{name} is not in MIDDLEWARE.", hint=f'Add "{name}" to MIDDLEWARE.', id=f"scriptapps.{number}")
        for name, number in ((SESSION_MIDDLEWARE, "E004"), (AUTH_MIDDLEWARE, "E005"))
        if name not in installed
    ]
    if not missing and installed.index(AUTH_MIDDLEWARE) < installed.index(SESSION_MIDDLEWARE):
        hint = f'Put "{SESSION_MIDDLEWARE}" before "{AUTH_MIDDLEWARE}".'
        return [Error("Authentication comes before sessions in MIDDLEWARE.", hint=hint, id="scriptapps.E006")]
    return list(missing)


def check_folders(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W002: an entry of DIRS is no folder. W003: an app's scripts/ folder is a package and left out."""
    found: list[CheckMessage] = []
    dirs = list(scriptapps_settings.DIRS)
    for folder in dirs:
        if not folder.is_dir():
            hint = f'Make the folder, or correct {SETTINGS_NAME}["DIRS"].'
            found.append(Warning(f"{folder} is not a folder.", hint=hint, id="scriptapps.W002"))
    taken = {folder.resolve() for folder in dirs}
    for config in apps.get_app_configs():
        folder = Path(config.path) / "scripts"
        if is_package(folder) and folder.resolve() not in taken:
            hint = f'Remove its __init__.py to serve its scripts, or name it in {SETTINGS_NAME}["DIRS"].'
            found.append(
                Warning(f"{folder} is a Python package and is left out.", hint=hint, obj=config, id="scriptapps.W003")
            )
    return found


def check_scripts(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W004: one slug in two folders. W005: one module name in two folders. W006: a name that cannot be a slug."""
    roots = registry.roots()
    slugs: dict[str, list[Path]] = defaultdict(list)
    modules: dict[str, list[Path]] = defaultdict(list)
    found: list[CheckMessage] = []
    for root in roots:
        served = dict(listed(root))
        for slug, path in served.items():
            slugs[slug].append(path)
        for name, path in _helper_modules(root, served):
            modules[name].append(path)
        found.extend(_unusable_names(root, served))
    hint = "Rename one of them; the first one is used."
    for slug, paths in slugs.items():
        if len(paths) > 1:
            text = f"Two scripts are called {slug!r}: {_joined(paths)}."
            found.append(Warning(text, hint=hint, id="scriptapps.W004"))
    hint = "Rename one of them: a process can hold only one module of a name."
    for name, paths in modules.items():
        if len(paths) > 1:
            text = f"The helper module {name!r} stands beside scripts in two folders: {_joined(paths)}."
            found.append(Warning(text, hint=hint, id="scriptapps.W005"))
    return found


def check_access(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E007: a rule that cannot be understood. W007: another declaration that cannot. W008: an unknown permission."""
    found: list[CheckMessage] = []
    for source in registry.all():
        for problem in source.problems:
            hint = "Correct the comment lines at the top of the script."
            if source.access == NOBODY and "access:" in problem:
                found.append(Error(f"{source.path}: {problem}.", hint=hint, id="scriptapps.E007"))
            else:
                found.append(Warning(f"{source.path}: {problem}.", hint=hint, id="scriptapps.W007"))
        found.extend(_unknown_permission(str(source.path), source.access))
    for slug, given in scriptapps_settings.APPS.items():
        place = f'{SETTINGS_NAME}["APPS"][{slug!r}]'
        rule = settings_access(slug, given)
        if rule == NOBODY:
            hint = 'For example {"access": "permission", "permission": "shop.view_order"}.'
            text = f"{place} has an access rule that cannot be understood; nobody may open it."
            found.append(Error(text, hint=hint, id="scriptapps.E007"))
        found.extend(_unknown_permission(place, rule))
    return found


def check_redis(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E008: channels_redis with a redis-py that closes connections which merely wait."""
    version = redis_version()
    if version is None or version[0] < 8:
        return []
    hint = (
        'Install "redis<8", or give each host a longer patience: '
        '"hosts": [{"address": "redis://…", "socket_timeout": 30}].'
    )
    return [
        Error(f"CHANNEL_LAYERS[{alias!r}] loses its connection when nothing happens.", hint=hint, id="scriptapps.E008")
        for alias, layer in _layers()
        if layer.get("BACKEND") in REDIS_LAYERS and not _all_hosts_patient(layer)
    ]


def check_listening(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E010: a database that cannot tell of writes is to be listened to."""
    return [
        Error(
            f"{SETTINGS_NAME}['LISTEN_DATABASES'] names {alias!r}, which is no PostgreSQL database.",
            hint="Only PostgreSQL tells of writes from outside; take it out of the list.",
            id="scriptapps.E010",
        )
        for alias in scriptapps_settings.LISTEN_DATABASES
        if alias not in connections or connections[alias].vendor != "postgresql"
    ]


def check_upload_storage(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E009: uploaded files would lie in a folder that the web server shows to everybody."""
    storage = file_storage()
    if not isinstance(storage, FileSystemStorage):
        return []
    place = Path(storage.location).resolve()
    hint = f'Set {SETTINGS_NAME}["UPLOAD_ROOT"], or the location of STORAGES["scriptapps"], to a folder of its own.'
    return [
        Error(f"Uploaded files are kept in {place}, which is inside {name}.", hint=hint, id="scriptapps.E009")
        for name in ("MEDIA_ROOT", "STATIC_ROOT")
        if (root := getattr(settings, name, "")) and place.is_relative_to(Path(root).resolve())
    ]


def check_deployed_uploads(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W012 (deploy): uploaded files in a folder of this host, which other hosts do not see."""
    if settings.DEBUG or STORAGE_ALIAS in settings.STORAGES:
        return []
    hint = 'Right for one host. For more, define STORAGES["scriptapps"]: a storage that all of them reach.'
    text = f"Uploaded files are kept in {upload_root()} of this host."
    return [Warning(text, hint=hint, id="scriptapps.W012")]


def check_deployed_layer(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W009 (deploy): the in-memory channel layer, which other processes do not hear."""
    if settings.DEBUG:
        return []
    hint = "Right for one process. For more, use channels_redis.core.RedisChannelLayer."
    return [
        Warning(f"CHANNEL_LAYERS[{alias!r}] is kept in memory.", hint=hint, id="scriptapps.W009")
        for alias, layer in _layers()
        if layer.get("BACKEND") == IN_MEMORY_LAYER
    ]


def check_deployed_sqlite(app_configs: Apps = None, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W010 (deploy): SQLite without the three options that let many small writers live together."""
    found: list[CheckMessage] = []
    for alias, database in settings.DATABASES.items():
        if database.get("ENGINE") != "django.db.backends.sqlite3":
            continue
        options = database.get("OPTIONS", {})
        missing = []
        if "wal" not in str(options.get("init_command", "")).lower():
            missing.append('"init_command": "PRAGMA journal_mode=WAL"')
        if str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
            missing.append('"transaction_mode": "IMMEDIATE"')
        if not options.get("timeout", 0) >= SQLITE_WAIT_SECONDS:
            missing.append(f'"timeout": {SQLITE_WAIT_SECONDS}')
        if missing:
            hint = f'Add to DATABASES[{alias!r}]["OPTIONS"]: {", ".join(missing)}.'
            text = f"SQLite database {alias!r} will answer “database is locked” under load."
            found.append(Warning(text, hint=hint, id="scriptapps.W010"))
    return found


def check_deployed_sessions(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W011 (deploy): sessions kept in cookies cannot be ended by the server."""
    if settings.SESSION_ENGINE != "django.contrib.sessions.backends.signed_cookies":
        return []
    hint = 'Use SESSION_ENGINE = "django.contrib.sessions.backends.db" or "…cached_db".'
    return [Warning("A copied session cookie stays valid after sign-out.", hint=hint, id="scriptapps.W011")]


def redis_version() -> tuple[int, ...] | None:
    """Version of redis-py, None where it is not installed."""
    if importlib.util.find_spec("redis") is None:
        return None
    return tuple(int(part) for part in metadata.version("redis").split(".") if part.isdigit())


def _layers() -> list[tuple[str, dict[str, Any]]]:
    return list(getattr(settings, "CHANNEL_LAYERS", {}).items())


def _all_hosts_patient(layer: dict[str, Any]) -> bool:
    hosts = layer.get("CONFIG", {}).get("hosts") or [None]
    patience = [host.get("socket_timeout", 0) if isinstance(host, dict) else 0 for host in hosts]
    # None means to wait for ever, which is as patient as can be.
    return all(seconds is None or seconds > REDIS_WAIT_SECONDS for seconds in patience)


def _helper_modules(root: Path, served: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    for path in sorted(root.iterdir()):
        is_module = path.suffix == ".py" and path.stem not in served and path.stem.isidentifier()
        is_folder = path.is_dir() and path.name.isidentifier() and any(path.glob("*.py"))
        if (is_module and path.stem != "__init__") or (is_folder and path.name != "__pycache__"):
            yield path.stem, path


def _unusable_names(root: Path, served: dict[str, Path]) -> Iterator[CheckMessage]:
    for path in sorted(root.glob("*.py")):
        if path.stem not in served and not path.name.startswith(("_", ".")):
            hint = "Use letters, digits, - and _ (at most 64), and no link that leads out of the folder."
            yield Warning(f"{path} cannot be served under this name.", hint=hint, id="scriptapps.W006")


def _unknown_permission(place: str, rule: Any) -> Iterator[CheckMessage]:
    if rule is None or rule.kind != AccessKind.PERMISSION or rule.permission in _declared_permissions():
        return
    hint = "Correct it unless it is made by hand in the database: only superusers hold a permission that is not there."
    yield Warning(f"{place} asks for the unknown permission {rule.permission}.", hint=hint, id="scriptapps.W008")


def _declared_permissions() -> set[str]:
    found: set[str] = set()
    for model in apps.get_models():
        options = model._meta
        found.update(f"{options.app_label}.{action}_{options.model_name}" for action in options.default_permissions)
        found.update(f"{options.app_label}.{codename}" for codename, _name in options.permissions)
    return found


def _joined(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths)
