"""The settings of scriptapps: one dict in the site's settings, one declaration of what it may hold, one cached getter.

    from scriptapps.conf import scriptapps_settings
    scriptapps_settings.RUN_DEADLINE

Runs on: any thread. Invariant: nothing is read at import, and `override_settings` is honoured at once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from scriptapps.scope import SCOPE_WORDS, Scope

SETTINGS_NAME = "SCRIPTAPPS"


@dataclass(frozen=True, slots=True)
class Option:
    """One key of SCRIPTAPPS: its default, the types it may have and, for numbers, its range."""

    default: Any
    types: tuple[type, ...]
    minimum: float | None = None
    maximum: float | None = None
    check: Callable[[Any], str] | None = None

    def problem(self, value: Any) -> str:
        """What is wrong with `value`, "" when nothing is."""
        if (isinstance(value, bool) and bool not in self.types) or not isinstance(value, self.types):
            expected = " or ".join("None" if kind is type(None) else kind.__name__ for kind in self.types)
            return f"must be {expected}, not {type(value).__name__}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.minimum is not None and value < self.minimum:
                return f"must be at least {self.minimum:g}, not {value:g}"
            if self.maximum is not None and value > self.maximum:
                return f"must be at most {self.maximum:g}, not {value:g}"
        return self.check(value) if self.check else ""


APP_KEYS: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "access": (str,),
    "permission": (str,),
    "groups": (list, tuple),
    "deadline": (int, float),
    "scope": (str,),
    "order": (int,),
    "category": (str,),
    "memory": (int, float),
    "sessions_per_user": (int,),
}
ACCESS_WORDS = ("public", "signed_in", "staff")
METRICS_WORDS = ("staff", "token", "off")


def _check_paths(value: Any) -> str:
    wrong = [entry for entry in value if not isinstance(entry, str | Path)]
    return f"must hold paths, not {wrong[0]!r}" if wrong else ""


def _check_strings(value: Any) -> str:
    wrong = [entry for entry in value if not isinstance(entry, str)]
    return f"must hold strings, not {wrong[0]!r}" if wrong else ""


def _check_access_word(value: Any) -> str:
    return "" if value in ACCESS_WORDS else f"must be one of {', '.join(ACCESS_WORDS)}, not {value!r}"


def _check_metrics_word(value: Any) -> str:
    return "" if value in METRICS_WORDS else f"must be one of {', '.join(METRICS_WORDS)}, not {value!r}"


def _check_apps(value: Any) -> str:
    for slug, entry in value.items():
        if not isinstance(entry, dict):
            return f"[{slug!r}] must be a dict, not {type(entry).__name__}"
        for key, given in entry.items():
            if key not in APP_KEYS:
                return f"[{slug!r}] has the unknown key {key!r}; known are {', '.join(APP_KEYS)}"
            if not isinstance(given, APP_KEYS[key]) or isinstance(given, bool):
                return f"[{slug!r}][{key!r}] has the wrong type {type(given).__name__}"
            if isinstance(given, int | float) and given <= 0 and key != "order":
                return f"[{slug!r}][{key!r}] must be above 0"
        if entry.get("scope", Scope.TAB) not in list(Scope):
            return f"[{slug!r}]['scope'] must be one of {SCOPE_WORDS}, not {entry['scope']!r}"
    return ""


def _check_patterns(value: Any) -> str:
    for entry in value:
        try:
            re.compile(entry)
        except (re.error, TypeError) as error:
            return f"must hold regular expressions, not {entry!r}: {error}"
    return ""


def _check_store(value: Any) -> str:
    if not isinstance(value.get("BACKEND"), str):
        return "must have a BACKEND: the dotted path of a state store"
    unknown = sorted(set(value) - {"BACKEND", "OPTIONS"})
    return f"has the unknown key {unknown[0]!r}; known are BACKEND, OPTIONS" if unknown else ""


def _number(default: float, minimum: float, maximum: float) -> Option:
    return Option(default, (int, float), minimum, maximum)


def _count(default: int, minimum: int, maximum: int) -> Option:
    return Option(default, (int,), minimum, maximum)


def _switch(default: bool | None) -> Option:
    return Option(default, (bool,) if default is not None else (bool, type(None)))


OPTIONS: dict[str, Option] = {
    "DIRS": Option([], (list, tuple), check=_check_paths),
    "APPS": Option({}, (dict,), check=_check_apps),
    "DEFAULT_ACCESS": Option("signed_in", (str,), check=_check_access_word),
    "RUN_DEADLINE": _number(300, 0.1, 86_400),
    "RUN_WORKERS": _count(8, 1, 256),
    "SCRIPT_STOP_GRACE": _number(2.0, 0, 60),
    "MAX_ABANDONED": _count(4, 1, 64),
    "RUN_ON_SAVE": _switch(None),
    "SHOW_TRACEBACKS": _switch(None),
    "OBSERVE_TELLS": _switch(True),
    "PREHEAT": _switch(True),
    "PREHEAT_TTL": _number(30, 1, 600),
    "DETACHED_TTL": _number(600, 0, 604_800),
    "REVALIDATE_SECONDS": _number(5, 0.5, 300),
    "HEARTBEAT_SECONDS": _number(15, 1, 300),
    "BEAT_SECONDS": _number(5, 0.2, 300),
    "MAX_MESSAGE_BYTES": _count(1_048_576, 1_024, 1_073_741_824),
    "MAX_EVENTS_PER_MESSAGE": _count(5_000, 1, 1_000_000),
    "MESSAGES_PER_SECOND": _number(50, 1, 100_000),
    "MESSAGE_BURST": _count(200, 1, 1_000_000),
    "SOCKETS_PER_USER": _count(20, 1, 1_000_000),
    "SOCKETS_PER_ADDRESS": _count(200, 1, 1_000_000),
    "SOCKETS_TOTAL": _count(2_000, 1, 1_000_000),
    "FRAME_ANCESTORS": Option(["'self'"], (list, tuple), check=_check_strings),
    "SEND_CSP": _switch(None),
    "STATE_STORE": Option({"BACKEND": "scriptapps.store.DatabaseStateStore"}, (dict,), check=_check_store),
    "STATE_KEYS": _count(10_000, 1, 1_000_000),
    "STATE_VALUE_BYTES": _count(1_000_000, 100, 1_000_000_000),
    "STATE_SESSION_BYTES": _count(16_000_000, 1_000, 10_000_000_000),
    "UPLOAD_ROOT": Option(None, (str, Path, type(None))),
    "UPLOAD_MAX_BYTES": _count(209_715_200, 1, 1_000_000_000_000),
    "UPLOAD_PART_BYTES": _count(8_388_608, 65_536, 1_073_741_824),
    "UPLOAD_SESSION_BYTES": _count(1_073_741_824, 1, 1_000_000_000_000_000),
    "UPLOAD_SESSION_FILES": _count(500, 1, 1_000_000),
    "UPLOAD_TOTAL_BYTES": _count(21_474_836_480, 1, 1_000_000_000_000_000_000),
    "UPLOAD_UNUSED_SECONDS": _number(86_400, 60, 31_536_000),
    "LEASE_SECONDS": _number(30, 1, 3_600),
    "DRAIN_SECONDS": _number(15, 0, 600),
    "IDLE_CULL_SECONDS": _number(86_400, 1, 31_536_000),
    "CLOSED_ROWS_SECONDS": _number(604_800, 1, 31_536_000),
    "RECYCLE": _switch(None),
    "STALL_SECONDS": _number(30, 1, 3_600),
    "MEMORY_WATERMARK_MB": Option(None, (int, float, type(None)), 1, 16_777_216),
    "API_ENABLED": _switch(True),
    "API_RATE_PER_MINUTE": _count(120, 1, 1_000_000),
    "API_BODY_BYTES": _count(262_144, 1_024, 1_073_741_824),
    "API_WAIT_SECONDS": _number(30, 0, 300),
    "AUDIT_DAYS": _number(365, 1, 36_500),
    "USAGE_DAYS": _number(90, 1, 36_500),
    "SCRIPT_VERSIONS_KEPT": _count(50, 1, 100_000),
    "METRICS_ACCESS": Option("staff", (str,), check=_check_metrics_word),
    "METRICS_TOKEN": Option(None, (str, type(None))),
    "TRACING": _switch(None),
    "LOGIN_URL": Option(None, (str, type(None))),
    "WATCH_TABLES": _switch(True),
    "UNWATCHED_TABLES": Option([], (list, tuple), check=_check_strings),
    "LISTEN_DATABASES": Option([], (list, tuple), check=_check_strings),
    "SLOW_RUN_SECONDS": Option(5, (int, float, type(None)), 0.001, 86_400),
    "RUN_RECORDS_PER_ERROR": _count(50, 1, 100_000),
    "RUN_RECORDS_PER_DAY": _count(1_000, 1, 10_000_000),
    "RUN_RECORDS_SECONDS": _number(2_592_000, 60, 315_360_000),
    "REDACT_KEYS": Option(
        ["password", "secret", "token", "api_?key", "authorization", "cookie"], (list, tuple), check=_check_patterns
    ),
}
DEFAULTS: dict[str, Any] = {name: option.default for name, option in OPTIONS.items()}


class ScriptAppsSettings:
    """Attribute access to the site's SCRIPTAPPS dict with defaults; None stands for a value derived from Django's."""

    DIRS: list[Path]
    APPS: dict[str, dict[str, Any]]
    DEFAULT_ACCESS: str
    RUN_DEADLINE: float
    RUN_WORKERS: int
    SCRIPT_STOP_GRACE: float
    MAX_ABANDONED: int
    RUN_ON_SAVE: bool
    SHOW_TRACEBACKS: bool
    OBSERVE_TELLS: bool
    PREHEAT: bool
    PREHEAT_TTL: float
    DETACHED_TTL: float
    REVALIDATE_SECONDS: float
    HEARTBEAT_SECONDS: float
    BEAT_SECONDS: float
    MAX_MESSAGE_BYTES: int
    MAX_EVENTS_PER_MESSAGE: int
    MESSAGES_PER_SECOND: float
    MESSAGE_BURST: int
    SOCKETS_PER_USER: int
    SOCKETS_PER_ADDRESS: int
    SOCKETS_TOTAL: int
    UPLOAD_ROOT: str | Path | None
    UPLOAD_MAX_BYTES: int
    UPLOAD_PART_BYTES: int
    UPLOAD_SESSION_BYTES: int
    UPLOAD_SESSION_FILES: int
    UPLOAD_TOTAL_BYTES: int
    UPLOAD_UNUSED_SECONDS: float
    RECYCLE: bool
    STALL_SECONDS: float
    MEMORY_WATERMARK_MB: float | None
    FRAME_ANCESTORS: list[str]
    SEND_CSP: bool | None
    API_ENABLED: bool
    API_RATE_PER_MINUTE: int
    API_BODY_BYTES: int
    API_WAIT_SECONDS: float
    AUDIT_DAYS: float
    USAGE_DAYS: float
    SCRIPT_VERSIONS_KEPT: int
    METRICS_ACCESS: str
    METRICS_TOKEN: str | None
    TRACING: bool | None
    LOGIN_URL: str
    WATCH_TABLES: bool
    UNWATCHED_TABLES: list[str]
    LISTEN_DATABASES: list[str]
    SLOW_RUN_SECONDS: float | None
    RUN_RECORDS_PER_ERROR: int
    RUN_RECORDS_PER_DAY: int
    RUN_RECORDS_SECONDS: float
    REDACT_KEYS: list[str]

    def __getattr__(self, name: str) -> Any:
        if name not in OPTIONS:
            raise AttributeError(f"{SETTINGS_NAME} has no setting {name!r}")
        value = self.given().get(name, OPTIONS[name].default)
        if OPTIONS[name].problem(value):
            # The system check names it and stops the server; nothing else has to cope with it.
            value = OPTIONS[name].default
        if value is None:
            # Not cached: test runners change DEBUG without telling anyone.
            return self._derived(name)
        if name == "DIRS":
            value = [Path(entry) for entry in value]
        self.__dict__[name] = value
        return value

    def _derived(self, name: str) -> Any:
        if name in {"SEND_CSP", "TRACING", "MEMORY_WATERMARK_MB", "UPLOAD_ROOT", "SLOW_RUN_SECONDS", "METRICS_TOKEN"}:
            return None
        if name == "RECYCLE":
            # Nobody starts runserver again, nor a process that is being debugged.
            return not settings.DEBUG and "runserver" not in sys.argv[:2]
        return settings.LOGIN_URL if name == "LOGIN_URL" else bool(settings.DEBUG)

    def given(self) -> dict[str, Any]:
        """What the site wrote, or an empty dict when it wrote nothing usable."""
        value = getattr(settings, SETTINGS_NAME, {})
        return value if isinstance(value, dict) else {}

    def reload(self) -> None:
        """Forget what was read."""
        self.__dict__.clear()

    def problems(self) -> Iterator[tuple[str, str]]:
        """Pairs of setting name and what is wrong with it, for the system check."""
        value = getattr(settings, SETTINGS_NAME, {})
        if not isinstance(value, dict):
            yield "", f"must be a dict, not {type(value).__name__}"
            return
        for name, given in value.items():
            if name not in OPTIONS:
                yield str(name), "is not a setting of scriptapps"
            elif problem := OPTIONS[name].problem(given):
                yield name, problem


scriptapps_settings = ScriptAppsSettings()


def _reload_settings(*, setting: str, **kwargs: Any) -> None:
    if setting in {SETTINGS_NAME, "DEBUG", "LOGIN_URL"}:
        scriptapps_settings.reload()


setting_changed.connect(_reload_settings, dispatch_uid="scriptapps.conf.reload")
