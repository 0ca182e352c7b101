"""The one policy: may this person open this script app, or act on sessions of others? All ways in ask here.

Runs on: request threads and the database executor; may query, so never on the event loop.
Invariant: nothing else decides. Inactive users are never let in; superusers get in through `has_perm` only.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects

from scriptapps.access import AccessKind
from scriptapps.models import ApiToken, ScriptApp, ScriptSessionQuerySet
from scriptapps.registry import EffectiveApp, ScriptSource, registry


class Decision(enum.Enum):
    """The answer of the policy, and what a page, a socket or the status document makes of it."""

    ALLOW = "ok"
    SIGN_IN = "signed_out"
    FORBIDDEN = "forbidden"
    GONE = "gone"


ACT_PERMISSIONS = {
    "view": "view_scriptsession",
    "observe": "observe_scriptsession",
    "view values": "view_scriptsession_values",
    "rerun": "rerun_scriptsession",
    "notify": "rerun_scriptsession",
    "stop": "terminate_scriptsession",
    "close": "terminate_scriptsession",
    "patch": "patch_scriptsession",
    "event": "rerun_scriptsession",
}
"""The permission of the app that each act on other people's sessions needs. "patch" is changing values and state."""


def may_act(user: Any, act: str) -> bool:
    """Whether `user` may do this to sessions of others: the one answer for admin, HTTP and commands.

    Raises KeyError for an act that is not in ACT_PERMISSIONS.
    """
    return bool(user.is_active and user.has_perm(f"scriptapps.{ACT_PERMISSIONS[act]}"))


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts on sessions of others: a user, or a program with a token of theirs, which can only be less.

    Made anew for each request or command, with a user who was read for it: rights are those of that moment.
    """

    user: Any
    token: ApiToken | None = None

    def may(self, act: str) -> bool:
        """Whether this act is allowed at all. Raises KeyError for one that is not in ACT_PERMISSIONS."""
        if self.token is not None and (self.token.refusal() or act not in self.token.scopes):
            return False
        return may_act(self.user, act)

    def visible(self, sessions: ScriptSessionQuerySet) -> ScriptSessionQuerySet:
        """Those of these sessions that the acts are allowed on."""
        if self.token is None or self.token.every_script_app:
            return sessions
        return sessions.filter(script_app__in=self.token.script_apps.values("pk"))

    @property
    def key(self) -> str:
        """What tells this actor from all others."""
        return f"user:{self.user.pk}" if self.token is None else f"token:{self.token.pk}"

    @property
    def token_name(self) -> str:
        """For records; "" for a person."""
        return f"{self.token.name} ({self.token.prefix})" if self.token else ""

    def __str__(self) -> str:
        name: str = self.user.get_username()
        return f"{name}, token {self.token.name}" if self.token else name


@dataclass(frozen=True, slots=True)
class ShellActor:
    """Whoever runs commands of the site: may do everything, since they could as well write to its database.

    ``account`` names them in records: the account of the machine, not a user of the site.
    """

    account: str
    user: None = None
    token_name: str = ""

    def may(self, act: str) -> bool:
        """Yes. Raises KeyError for an act that is not in ACT_PERMISSIONS."""
        return bool(ACT_PERMISSIONS[act])

    def visible(self, sessions: ScriptSessionQuerySet) -> ScriptSessionQuerySet:
        """All of them."""
        return sessions

    def __str__(self) -> str:
        return self.account


@dataclass(frozen=True, slots=True)
class Openable:
    """A script app that the asking person may open."""

    source: ScriptSource
    row: ScriptApp | None
    effective: EffectiveApp


def decide(user: Any, effective: EffectiveApp | None) -> Decision:
    """Whether `user` (a user or AnonymousUser) may open the script app; None stands for one that does not exist."""
    if effective is None or not effective.enabled:
        return Decision.GONE
    if user.is_authenticated and not user.is_active:
        return Decision.FORBIDDEN
    if effective.access.kind == AccessKind.PUBLIC:
        return Decision.ALLOW
    if not user.is_authenticated:
        return Decision.SIGN_IN
    return Decision.ALLOW if _fulfils(user, effective) else Decision.FORBIDDEN


def decide_slug(user: Any, slug: str) -> Decision:
    """`decide` for a slug, with file, settings and row as they are now."""
    source = registry.find(slug)
    if source is None:
        return Decision.GONE
    row = ScriptApp.objects.filter(slug=slug).prefetch_related("groups").first()
    return decide(user, registry.effective(source, row))


def message_while_disabled(user: Any, effective: EffectiveApp | None) -> str:
    """What somebody may be told of a disabled script app: only who could open it otherwise learns that it is there."""
    if effective is None or effective.enabled or not effective.closed_message:
        return ""
    allowed = decide(user, replace(effective, enabled=True)) is Decision.ALLOW
    return effective.closed_message if allowed else ""


def closed_message(slug: str) -> str:
    """The message of a disabled script app for those who had it open, "" where there is none."""
    found = ScriptApp.objects.filter(slug=slug, enabled=False).values_list("closed_message", flat=True).first()
    return found or ""


def openable(user: Any) -> list[Openable]:
    """What `user` may open, by category (none first), order and title.

    Three queries plus what `has_perm` asks, however many script apps there are.
    """
    sources = registry.all()
    rows = _rows({source.slug for source in sources})
    found = []
    for source in sources:
        row = rows.get(source.slug)
        effective = registry.effective(source, row)
        if decide(user, effective) is Decision.ALLOW:
            found.append(Openable(source, row, effective))
    return sorted(found, key=_place)


def _place(item: Openable) -> tuple[str, str, int, str]:
    effective = item.effective
    return effective.category.casefold(), effective.category, effective.order, effective.title.casefold()


def decide_batch(pairs: Iterable[tuple[Any, str]]) -> dict[tuple[Any, str], Decision]:
    """`decide` for many (user primary key or None, slug) pairs, reading every user and row once, freshly.

    A user who does not exist any more is answered SIGN_IN, also on a public script app: the identity is gone.
    """
    wanted = set(pairs)
    users = get_user_model()._default_manager.in_bulk({pk for pk, _ in wanted if pk is not None})
    if any(hasattr(user, "groups") for user in users.values()):
        prefetch_related_objects(list(users.values()), "groups")
    slugs = {slug for _, slug in wanted}
    rows = _rows(slugs)
    sources = {source.slug: source for source in registry.all() if source.slug in slugs}
    for slug in slugs - sources.keys():
        if source := registry.find(slug):
            sources[slug] = source
    effective = {slug: registry.effective(source, rows.get(slug)) for slug, source in sources.items()}
    decisions: dict[tuple[Any, str], Decision] = {}
    for pk, slug in wanted:
        user = AnonymousUser() if pk is None else users.get(pk)
        decisions[pk, slug] = Decision.SIGN_IN if user is None else decide(user, effective.get(slug))
    return decisions


def _rows(slugs: set[str]) -> dict[str, ScriptApp]:
    return {row.slug: row for row in ScriptApp.objects.filter(slug__in=slugs).prefetch_related("groups")}


def _fulfils(user: Any, effective: EffectiveApp) -> bool:
    rule = effective.access
    match rule.kind:
        case AccessKind.SIGNED_IN:
            return True
        case AccessKind.STAFF:
            return bool(user.is_staff)
        case AccessKind.PERMISSION:
            return bool(user.has_perm(rule.permission))
        case AccessKind.GROUPS:
            return not _group_names(user).isdisjoint(rule.groups)
        case _:
            return False


def _group_names(user: Any) -> set[str]:
    # A user model without groups is a member of none.
    groups = getattr(user, "groups", None)
    return {group.name for group in groups.all()} if groups is not None else set()
