"""Finds script apps the way Django finds templates, and says what holds for each: files, settings and row combined.

Runs on: request threads and the database executor. Files are looked at on every question, so that a dropped file is
served at the next request.
Invariant: text from a URL is only ever looked up among listed names, never joined to a path.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings

from scriptapps.access import NOBODY, AccessKind, AccessRule, AccessRuleError
from scriptapps.conf import scriptapps_settings
from scriptapps.models import SLUG_PATTERN, ScriptApp
from scriptapps.runtime.script import Script
from scriptapps.scope import Scope
from scriptapps.script_header import HEADER_BYTES, ScriptHeader, parse_header

logger = logging.getLogger("scriptapps.registry")
BUILTIN = Path(__file__).resolve().parent / "builtin_scripts"
"""Script apps of this package itself: found by slug, in no list."""
SLUG = re.compile(SLUG_PATTERN)
# What tells one version of a file from the next without reading it.
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ScriptSource:
    """One script file, with what its first lines declare."""

    slug: str
    path: Path
    root: Path
    title: str = ""
    access: AccessRule | None = None
    deadline: float | None = None
    scope: Scope | None = None
    description: str = ""
    order: int | None = None
    category: str = ""
    memory: float | None = None
    sessions_per_user: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EffectiveApp:
    """What holds for a script app after row, settings and header have had their say.

    ``memory`` (megabytes) and ``sessions_per_user`` are None where there is no limit.
    """

    slug: str
    title: str
    access: AccessRule
    deadline: float
    scope: Scope = Scope.TAB
    enabled: bool = True
    description: str = ""
    order: int = 0
    category: str = ""
    memory: float | None = None
    sessions_per_user: int | None = None
    closed_message: str = ""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A script in the cache. ``rivals`` are the files that would come before it if they existed."""

    stamp: Stamp
    script: Script
    rivals: tuple[Path, ...]
    dirs: tuple[Path, ...]

    def is_current(self) -> bool:
        """Whether the slug still means this very file with this content."""
        return (
            self.stamp == file_stamp(self.script.path)
            and self.dirs == tuple(scriptapps_settings.DIRS)
            and not any(rival.exists() for rival in self.rivals)
        )


class ScriptRegistry:
    """The script apps of this site. One instance per process, `registry`; it keeps only caches keyed by file stamp."""

    def __init__(self) -> None:
        # Guards both caches; nothing is read or compiled while it is held.
        self._lock = threading.Lock()
        self._headers: dict[Path, tuple[Stamp, ScriptHeader]] = {}
        self._compiled: dict[str, Compiled] = {}

    def roots(self) -> list[Path]:
        """The existing folders searched, in order: SCRIPTAPPS["DIRS"], then `scripts/` of each installed app.

        An app's folder that is a Python package is left out: other tools keep programs in such folders.
        """
        found: dict[Path, None] = {}
        for candidate in self._candidates():
            resolved = candidate.resolve()
            if resolved.is_dir():
                found.setdefault(resolved)
        return list(found)

    @staticmethod
    def _candidates() -> Iterator[Path]:
        yield from scriptapps_settings.DIRS
        for app_config in apps.get_app_configs():
            folder = Path(app_config.path) / "scripts"
            if not is_package(folder):
                yield folder

    def find(self, slug: str) -> ScriptSource | None:
        """The script of this slug, or None. The first folder that has it wins."""
        for root in self.roots():
            for name, path in listed(root):
                if name == slug:
                    return self._source(name, path, root)
        for name, path in listed(BUILTIN):
            if name == slug:
                return self._source(name, path, BUILTIN)
        return None

    def all(self) -> list[ScriptSource]:
        """Every script app of the site, by slug."""
        found: dict[str, ScriptSource] = {}
        for root in self.roots():
            for slug, path in listed(root):
                if slug not in found and (source := self._source(slug, path, root)):
                    found[slug] = source
        return [found[slug] for slug in sorted(found)]

    def script_app(self, source: ScriptSource) -> ScriptApp:
        """The row of this script app, made at first sight; keeps `source_path` fresh."""
        shown = shown_path(source.path)
        row, created = ScriptApp.objects.get_or_create(slug=source.slug, defaults={"source_path": shown})
        if not created and row.source_path != shown:
            # An UPDATE of one column: what staff edit at the same moment stays theirs.
            ScriptApp.objects.filter(pk=row.pk).update(source_path=shown)
            row.source_path = shown
        return row

    def make_rows(self) -> None:
        """Make the missing rows of all script apps at once, for lists that show them before anybody opened one."""
        sources = {source.slug: source for source in self.all()}
        known = set(ScriptApp.objects.filter(slug__in=sources).values_list("slug", flat=True))
        missing = [ScriptApp(slug=slug, source_path=shown_path(sources[slug].path)) for slug in sources.keys() - known]
        ScriptApp.objects.bulk_create(missing, ignore_conflicts=True)

    def compile(self, slug: str) -> Script:
        """The compiled script, from the cache while its file is unchanged.

        Raises LookupError when there is no such script, ScriptCompileError when it is not valid Python.
        """
        with self._lock:
            cached = self._compiled.get(slug)
        if cached and cached.is_current():
            return cached.script
        source = self.find(slug)
        if source is None:
            raise LookupError(f"no script app {slug!r}")
        stamp = file_stamp(source.path)
        script = Script.from_file(source.path, source.root)
        if stamp is not None:
            with self._lock:
                self._compiled[slug] = Compiled(stamp, script, self._rivals(source), tuple(scriptapps_settings.DIRS))
        return script

    def _rivals(self, source: ScriptSource) -> tuple[Path, ...]:
        before = itertools.takewhile(lambda folder: folder.resolve() != source.root, self._candidates())
        return tuple(folder / source.path.name for folder in before)

    def effective(self, source: ScriptSource, row: ScriptApp | None = None) -> EffectiveApp:
        """What holds: the row's non-blank fields, then SCRIPTAPPS["APPS"], then the header, then the defaults."""
        given = scriptapps_settings.APPS.get(source.slug, {})
        title = (row and row.title) or given.get("title") or source.title or prettified(source.slug)
        declared = source.access or AccessRule(AccessKind(scriptapps_settings.DEFAULT_ACCESS))
        access = (row and row_access(row)) or settings_access(source.slug, given) or declared
        deadline = (
            (row and row.deadline_seconds)
            or given.get("deadline")
            or source.deadline
            or scriptapps_settings.RUN_DEADLINE
        )
        return EffectiveApp(
            slug=source.slug,
            title=title,
            access=access,
            deadline=float(deadline),
            scope=Scope((row and row_scope(row)) or given.get("scope") or source.scope or Scope.TAB),
            enabled=row is None or row.enabled,
            description=(row and row.description) or source.description,
            order=_first(row and row.order, given.get("order"), source.order) or 0,
            category=(row and row.category) or given.get("category") or source.category,
            memory=_first(row and row.memory_limit_mb, given.get("memory"), source.memory),
            sessions_per_user=_first(
                row and row.sessions_per_user, given.get("sessions_per_user"), source.sessions_per_user
            ),
            closed_message=row.closed_message if row else "",
        )

    def _source(self, slug: str, path: Path, root: Path) -> ScriptSource | None:
        header = self._header(path)
        if header is None:
            return None
        declared = {field.name: getattr(header, field.name) for field in fields(header)}
        return ScriptSource(slug=slug, path=path, root=root, **declared)

    def _header(self, path: Path) -> ScriptHeader | None:
        stamp = file_stamp(path)
        if stamp is None:
            return None
        with self._lock:
            cached = self._headers.get(path)
        if cached and cached[0] == stamp:
            return cached[1]
        try:
            with path.open("rb") as file:
                header = parse_header(file.read(HEADER_BYTES))
        except OSError as error:
            logger.warning("Script %s cannot be read: %s", path, error)
            return None
        for problem in header.problems:
            logger.warning("Script %s: %s", path, problem)
        with self._lock:
            self._headers[path] = (stamp, header)
        return header


def listed(root: Path) -> Iterator[tuple[str, Path]]:
    """Slug and path of each script in a folder: .py files with a usable name that do not lead out of the folder."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        stem, extension = os.path.splitext(entry.name)
        if extension != ".py" or not SLUG.match(stem):
            continue
        path = root / entry.name
        if entry.is_symlink() and not leads_inside(path, root):
            logger.warning("Script %s is left out: its link leads out of %s", path, root)
        elif entry.is_file():
            yield stem, path


def leads_inside(path: Path, root: Path) -> bool:
    """Whether a link ends at a file within the folder; a broken or circular one does not."""
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def is_package(folder: Path) -> bool:
    """Whether the folder is a regular Python package."""
    return (folder / "__init__.py").is_file()


def file_stamp(path: Path) -> Stamp | None:
    """Modification time, size and inode; None when the file is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def prettified(slug: str) -> str:
    """`orders_dashboard` -> `Orders dashboard`."""
    words = re.sub(r"[-_]+", " ", slug).strip()
    return words[:1].upper() + words[1:]


def shown_path(path: Path) -> str:
    """The path for people: relative to BASE_DIR where it is inside, so that release folders do not show."""
    base = getattr(settings, "BASE_DIR", None)
    resolved = path.resolve()
    if base and resolved.is_relative_to(Path(base).resolve()):
        resolved = resolved.relative_to(Path(base).resolve())
    return str(resolved)[-500:]


def _first(*values: Any) -> Any:
    """The first that says something: 0 does, None does not."""
    return next((value for value in values if value is not None), None)


def row_access(row: ScriptApp) -> AccessRule | None:
    """The rule of a row, None where it leaves the declaration in force. A half-filled rule lets nobody in."""
    if not row.access:
        return None
    try:
        if row.access == AccessKind.PERMISSION:
            return AccessRule.for_permission(row.permission.strip())
        if row.access == AccessKind.GROUPS:
            return AccessRule.for_groups([group.name for group in row.groups.all()])
        return AccessRule(AccessKind(row.access))
    except (AccessRuleError, ValueError):
        return NOBODY


def row_scope(row: ScriptApp) -> str:
    """The scope of a row, "" where it leaves the declaration in force. One that is unknown keeps tabs apart."""
    return row.scope if not row.scope or row.scope in list(Scope) else Scope.TAB


def settings_access(slug: str, given: dict[str, object]) -> AccessRule | None:
    """The rule of SCRIPTAPPS["APPS"][slug], None where it has none. One that cannot be understood lets nobody in."""
    access, permission, groups = given.get("access"), given.get("permission"), given.get("groups")
    if not (access or permission or groups):
        return None
    try:
        kind = str(access or "").replace("-", "_")
        if kind == AccessKind.PERMISSION or (not kind and permission):
            return AccessRule.for_permission(str(permission or ""))
        if kind == AccessKind.GROUPS or (not kind and groups):
            return AccessRule.for_groups(list(groups) if isinstance(groups, list | tuple) else [])
        return AccessRule.parse(str(access))
    except AccessRuleError as error:
        logger.error('SCRIPTAPPS["APPS"][%r]: nobody may open it: %s', slug, error)
        return NOBODY


registry = ScriptRegistry()
