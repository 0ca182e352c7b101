"""Forms of the admin.

Runs on: request threads. Invariant: what a form lets through is a rule that somebody can fulfil.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Permission
from django.utils.translation import gettext

from scriptapps.access import AccessRule, AccessRuleError
from scriptapps.models import ScriptApp


class ScriptAppForm(forms.ModelForm):
    """Refuses rules that would let nobody in by mistake."""

    class Meta:
        model = ScriptApp
        fields = (
            "title",
            "closed_message",
            "description",
            "category",
            "order",
            "access",
            "permission",
            "groups",
            "deadline_seconds",
            "memory_limit_mb",
            "sessions_per_user",
            "scope",
        )

    def clean(self) -> dict[str, Any]:
        """A permission has to exist, groups have to be chosen, when the rule is about them."""
        cleaned = super().clean() or {}
        if cleaned.get("access") == ScriptApp.Access.GROUPS and not cleaned.get("groups"):
            self.add_error("groups", gettext("Choose at least one group."))
        if cleaned.get("access") == ScriptApp.Access.PERMISSION:
            self._check_permission(cleaned.get("permission", "").strip())
        return cleaned

    def _check_permission(self, name: str) -> None:
        try:
            AccessRule.for_permission(name)
        except AccessRuleError:
            self.add_error("permission", gettext("A permission reads app_label.codename."))
            return
        app_label, _dot, codename = name.partition(".")
        if not Permission.objects.filter(content_type__app_label=app_label, codename=codename).exists():
            self.add_error("permission", gettext("There is no such permission."))
