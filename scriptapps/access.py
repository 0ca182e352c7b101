"""Who may open a script app, as a value: parsed from a script's first lines or from settings, read from a row.

Runs on: any thread; pure data, asks nobody. What a rule means for a person is decided in `permissions.py` alone.
Invariant: text that cannot be understood becomes a rule that lets nobody in, never a wider one.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

PERMISSION_PATTERN = re.compile(r"^[A-Za-z_][\w]*\.[A-Za-z_][\w]*$")


class AccessKind(enum.StrEnum):
    """The kinds of rule. The values are what settings, headers and the database column hold."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    STAFF = "staff"
    PERMISSION = "permission"
    GROUPS = "groups"
    NOBODY = "nobody"


class AccessRuleError(ValueError):
    """The text of an access rule cannot be understood."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One rule: a kind, with the permission ("app_label.codename") or the group names it needs."""

    kind: AccessKind
    permission: str = ""
    groups: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        """The rule as a header would write it."""
        return " ".join([self.kind.value.replace("_", "-"), self.permission, ", ".join(self.groups)]).strip()

    @classmethod
    def parse(cls, text: str) -> AccessRule:
        """Read `public`, `signed-in`, `staff`, `permission shop.view_order` or `groups sales, support`.

        Raises AccessRuleError when the text is anything else.
        """
        word, _, rest = text.strip().partition(" ")
        rest = rest.strip()
        kind = word.lower().rstrip(":").replace("-", "_")
        if kind in {AccessKind.PUBLIC, AccessKind.SIGNED_IN, AccessKind.STAFF}:
            if rest:
                raise AccessRuleError(f"{word!r} takes nothing after it, not {rest!r}")
            return cls(AccessKind(kind))
        if kind == AccessKind.PERMISSION:
            return cls.for_permission(rest)
        if kind in {AccessKind.GROUPS, "group"}:
            return cls.for_groups(rest.split(","))
        raise AccessRuleError(
            f"{text!r} is none of: public, signed-in, staff, permission <app.codename>, groups <a, b>"
        )

    @classmethod
    def for_permission(cls, permission: str) -> AccessRule:
        """The rule for holders of one permission. Raises AccessRuleError unless it reads app_label.codename."""
        if not PERMISSION_PATTERN.match(permission):
            raise AccessRuleError(f"a permission reads app_label.codename, not {permission!r}")
        return cls(AccessKind.PERMISSION, permission=permission)

    @classmethod
    def for_groups(cls, names: list[str] | tuple[str, ...]) -> AccessRule:
        """The rule for members of at least one of these groups. Raises AccessRuleError when no name is given."""
        cleaned = tuple(name.strip() for name in names if name.strip())
        if not cleaned:
            raise AccessRuleError("name at least one group")
        return cls(AccessKind.GROUPS, groups=cleaned)


PUBLIC = AccessRule(AccessKind.PUBLIC)
SIGNED_IN = AccessRule(AccessKind.SIGNED_IN)
STAFF = AccessRule(AccessKind.STAFF)
NOBODY = AccessRule(AccessKind.NOBODY)
